from __future__ import annotations

import inspect
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from pytest_opml import Case, Preprocess, matrix, registry
from pytest_opml.case import check_sections, parse_chain, parse_sections
from pytest_opml.errors import CaseDefinitionError, SettingsError, UnknownNameError
from pytest_opml.records import model_sections
from tests.support.builders import make_case

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CHAINS = st.sampled_from(
    ["baseline", "float16", "int8", "float16+cluster-64", "prune-0.5,epochs=1+int8", "cluster-9+cluster-3+float16+int8"]
) | st.integers(2, 65_536).map("cluster-{}".format)
SPLITS = st.just("own") | st.integers(1, 99).map(lambda train: f"{train}-{100 - train}")
CASES = st.builds(
    Case,
    dataset=st.sampled_from(["digits", "package.data:load", "pets.npz", "../data/pets"]),
    model=st.sampled_from(["efficientnet_lite0", "package.nets:build", "cat.keras", "a/b/cat.keras"]),
    technique=CHAINS,
    unfreeze=st.just("all") | st.integers(min_value=0),
    epochs=st.integers(1, 10_000),
    batch=st.integers(1, 65_536),
    size=st.sampled_from(["own", "96x128", "2048x8"]) | st.integers(8, 2_048),
    split=SPLITS,
    seed=st.integers(0, 2**31 - 1),
    weights=st.sampled_from(["imagenet", "none", "/data/weights=new/lite0.pth", "weights of mine.pth"]),
    output=st.sampled_from([None, "scores", "serving_default/scores:0", "5"]),
    quality=st.sampled_from([None, "f1", "package.quality:mine"]),
)
# What stands in an id as a digest, or is not in it at all.
BY_DIGEST = st.fixed_dictionaries(
    {
        "preprocess": st.sampled_from(
            [None, Preprocess(), Preprocess(scale=1 / 255), Preprocess(mean=(1.0, 2.0, 3.0))]
        ),
        "classes": st.sampled_from([None, ("a", "b"), ("b", "a"), {"a": "x", "b": "y"}, {"b": "y", "a": "x"}]),
    }
)


def refused(**fields: Any) -> str:
    """The one line with which a case is refused."""
    with pytest.raises(CaseDefinitionError) as caught:
        make_case(**fields)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@given(CASES)
def test_an_id_names_its_case(case: Case) -> None:
    assert Case.parse(case.id) == case


def test_an_id_says_whose_examples_a_model_is_trained_on() -> None:
    case = make_case(client=0, client_label_skew=0.1, clients=10)
    assert case.id == "digits/efficientnet_lite0/top1/baseline/clients=10,client=0,client_label_skew=0.1"
    assert Case.parse(case.id) == case
    assert case.reference == case
    assert make_case("int8", clients=10, client=1).reference == make_case(clients=10, client=1)


def test_several_devices_are_for_training_the_model_itself() -> None:
    case = make_case("int8", devices=2)
    assert case.id == "digits/efficientnet_lite0/top1/int8/devices=2"
    assert case.reference == make_case(devices=2)
    assert make_case(devices=1).id == make_case().id
    assert make_case("prune-0.5,epochs=0+cluster-16+layer-transfer:vgg16,retrain=no", devices=2).devices == 2
    for technique in ("distill:vgg16", "prune-0.5", "cluster-16,finetune=1", "deep-compress", "layer-transfer:vgg16"):
        assert refused(technique=f"float16+{technique}", devices=2).endswith(
            f"technique {technique} trains the model on, which is done on one device; write "
            "devices=1, or techniques that do not train (epochs=0 or finetune=0, where they have it)"
        )


@given(st.text())
@example("a,b")
@example("a,epochs=3")
@example("a\nb")
@example("")
def test_a_weights_path_is_in_the_id_or_is_refused(weights: str) -> None:
    try:
        case = make_case(weights=weights)
    except CaseDefinitionError:
        return
    assert Case.parse(case.id) == case
    assert "\n" not in case.id


@given(CASES, CASES)
def test_cases_are_equal_when_their_ids_are(one: Case, other: Case) -> None:
    assert (one == other) == (one.id == other.id)


@given(CASES, BY_DIGEST, BY_DIGEST)
def test_cases_that_differ_in_pixels_or_classes_have_other_ids(case: Case, one: Any, other: Any) -> None:
    first, second = (Case(**case.model_dump() | fields) for fields in (one, other))
    assert (first == second) == (first.id == second.id) == (hash(first) == hash(second))
    assert Case.model_validate_json(first.model_dump_json()) == first == pickle.loads(pickle.dumps(first))
    named = Case(**first.model_dump() | {"name": "mine"})
    assert named.id == ("mine" if case.technique == "baseline" else f"mine/{case.technique}")
    assert named != first
    assert named.reference.id == "mine"


@pytest.mark.parametrize("name", ["", " a", "a ", "a/b", "a{b", "a}b", "a=b", "a,b", "a\nb", "a\tb"])
def test_a_name_that_cannot_be_an_id_is_refused(name: str) -> None:
    assert "must be a text without / { } = , or control characters" in refused(name=name)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"classes": []}, "classes = []: must be a list with the class of each output"),
        ({"classes": "cat"}, "classes = 'cat': must be a list"),
        ({"classes": ["cat", 3]}, "must be a list with the class of each output"),
        ({"classes": {"tabby": 3}}, "or a table from an output's name to its class"),
        ({"output": ""}, "output = '': must be a text without commas and control characters"),
        ({"quality": "a,b"}, "quality = 'a,b': must be a text without commas"),
        ({"size": "96"}, "size = '96': must be 'own', a whole number from 8 to 2048"),
        ({"size": "96x4"}, "size = '96x4': must be 'own', a whole number from 8 to 2048"),
    ],
)
def test_a_wrong_field_of_a_finished_model_is_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refused(**fields)


def test_a_size_of_two_equal_sides_is_one_number() -> None:
    assert make_case(size="96x96") == make_case(size=96)


def test_an_id_reads_as_documented() -> None:
    case = make_case("cluster-256", unfreeze=10)
    assert case.id == str(case) == "digits/efficientnet_lite0/top10/cluster-256"


def test_an_id_ends_with_what_differs_from_the_defaults() -> None:
    case = make_case(unfreeze="all", epochs=5, seed=1)
    assert case.id == "digits/efficientnet_lite0/all/baseline/epochs=5,seed=1"


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("epochs", 0, "at least 1"),
        ("epochs", 10_001, "at most 10,000"),
        ("epochs", "5", "whole number"),
        ("epochs", 1.5, "whole number"),
        ("epochs", True, "whole number"),
        ("batch", 0, "at least 1"),
        ("batch", 65_537, "at most 65,536"),
        ("size", 7, "from 8 to 2048 (pixels)"),
        ("size", 2_049, "from 8 to 2048 (pixels)"),
        ("size", "7x9", "from 8 to 2048 (pixels)"),
        ("size", "96 x 128", "height x width such as '96x128'"),
        ("seed", -1, "at least 0"),
        ("seed", 2**31, "less than 2,147,483,648"),
        ("unfreeze", -3, "'all' or at least 0"),
        ("unfreeze", "some", "'all'"),
        ("unfreeze", 1.0, "'all'"),
        ("unfreeze", True, "'all'"),
        ("unfreeze", None, "'all'"),
        ("split", "70-40", "add up to 100"),
        ("split", "100-0", "add up to 100"),
        ("split", "070-30", "add up to 100"),
        ("split", "70", "'own' or train-test percentages"),
        ("split", "70/30", "'own' or train-test percentages"),
        ("split", 70, "must be a text"),
        ("weights", 3, "must be a text"),
        ("dataset", 3, "must be a text"),
        ("model", None, "must be a text"),
        ("technique", 8, "must be a text"),
    ],
)
def test_a_bad_value_is_refused_with_the_field_and_what_is_allowed(field: str, value: object, allowed: str) -> None:
    text = refused(**{field: value})
    assert f"{field} = {value!r}" in text
    assert allowed in text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"dataset": "cifar"}, "unknown dataset 'cifar'; known: cifar10, cifar100, "),
        ({"model": "resnet"}, "unknown model 'resnet'; known: densenet121, "),
        ({"quality": "acuracy"}, "unknown quality 'acuracy'; known: accuracy, auc, "),
        ({"technique": "pruned-0.5"}, "unknown technique 'pruned-0.5'; known: baseline, bfloat16, cluster, "),
        ({"technique": "float16+pruned"}, "unknown technique 'pruned'; known: baseline, bfloat16, cluster, "),
        ({"technique": ""}, "unknown technique ''; known: baseline, bfloat16, cluster, "),
        ({"technique": "float16+"}, "unknown technique ''; known: baseline, bfloat16, cluster, "),
        ({"technique": "clusters-8"}, "unknown technique 'clusters-8'; known: baseline, bfloat16, cluster, "),
    ],
)
def test_an_unknown_name_lists_the_known_ones(fields: dict[str, str], text: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        make_case(**fields)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"model": "models/cat.keras"}, "digits/{models/cat.keras}/top1/baseline"),
        ({"model": "cat.keras"}, "digits/cat.keras/top1/baseline"),
        ({"model": "./saved", "unfreeze": 0}, "digits/{./saved}/top0/baseline"),
        ({"dataset": "data/pets"}, "{data/pets}/efficientnet_lite0/top1/baseline"),
        ({"dataset": "/a b/pets.npz"}, "{/a b/pets.npz}/efficientnet_lite0/top1/baseline"),
    ],
)
def test_a_path_stands_in_braces(fields: dict[str, Any], shown: str) -> None:
    case = make_case(**fields)
    assert case.id == shown
    assert Case.parse(shown) == case


@pytest.mark.parametrize("path", ["a{b/c.keras", "a,b.keras", "a\nb.keras"])
def test_a_path_that_would_break_an_id_is_refused(path: str) -> None:
    assert "must not contain braces, commas or control characters" in refused(model=path)


@pytest.mark.parametrize("model", ["cat.tflite", "cat.onnx", "models/saved"])
def test_a_finished_model_is_only_measured(model: str) -> None:
    assert make_case(model=model, unfreeze=0).is_finished
    assert refused(model=model) == f"case: unfreeze = 1: {model} cannot be trained; write unfreeze=0"
    text = refused(model=model, unfreeze=0, technique="cluster-8")
    assert text == f"case: technique cluster-8: needs a Keras model, and {model} is none"


def test_a_keras_file_can_be_trained() -> None:
    assert not make_case("cluster-8", model="models/cat.keras").is_finished


def test_what_a_finished_file_is_computed_with_is_a_field_and_of_a_chain_an_option() -> None:
    case = make_case(model="cat.onnx", unfreeze=0, provider="cuda")
    assert (case.id.endswith("/top0/baseline/provider=cuda"), case.providers) == (True, ("cuda",))
    assert make_case(model="models/cat", unfreeze=0, precision="bf16").id.endswith("/precision=bf16")
    assert make_case("onnx-int8,provider=tensorrt").providers == ("tensorrt",)
    assert refused(provider="abacus").startswith("case: provider = 'abacus': ")
    for wrong in ({"technique": "onnx"}, {"model": "cat.tflite", "unfreeze": 0}, {"model": "cat.keras", "unfreeze": 0}):
        assert refused(provider="cuda", **wrong).endswith("else write the technique onnx,provider=cuda")
    for wrong in ({"technique": "openvino"}, {"model": "cat.onnx", "unfreeze": 0}):
        assert refused(precision="bf16", **wrong).endswith("else write the technique openvino,precision=bf16")


@pytest.mark.parametrize(
    ("technique", "text"),
    [
        ("prune", "prune: it is written prune-SPARSITY (the share of weights to remove, between 0 and 1)"),
        ("prune-1", "prune-1: sparsity (the share of weights to remove, between 0 and 1): must be less than 1"),
        ("prune-nan", "prune-nan: sparsity"),
        ("prune:0.5", "prune:0.5: it is written prune-SPARSITY"),
        ("prune-0.5,epoch=1", "prune-0.5,epoch=1: unknown option 'epoch'; known: epochs"),
        ("prune-0.5,sparsity=0.6", "prune-0.5,sparsity=0.6: it is written prune-SPARSITY"),
        ("prune-0.5,epochs", "prune-0.5,epochs: 'epochs' is no option (key=value, each once)"),
        ("prune-0.5,epochs=1,epochs=2", "'epochs=2' is no option"),
        ("prune-0.5,epochs=01", "epochs (of fine-tuning): must be a whole number, not '01'"),
        ("prune-0.5,epochs=1.0", "epochs (of fine-tuning): must be a whole number, not '1.0'"),
        ("distill", "distill: it is written distill:TEACHER (a model)"),
        ("distill-small_cnn", "distill-small_cnn: it is written distill:TEACHER"),
        ("distill:a/b.keras", "must not contain '/'"),
        ("layer-transfer:resnet101,retrain=perhaps", "retrain (no: measure the stitched model as it is): must "),
    ],
)
def test_a_technique_that_cannot_be_is_refused(technique: str, text: str) -> None:
    assert text in refused(technique=technique)


def test_options_reach_the_technique() -> None:
    step, other = parse_chain("distill:package.nets:build,top=all,temperature=2.5+prune-0.25,epochs=0")
    assert (step.teacher, step.top, step.temperature, step.weight) == ("package.nets:build", "all", 2.5, 0.7)
    assert (other.sparsity, other.epochs) == (0.25, 0)


@pytest.mark.parametrize("argument", ["-0", "-1", "-65537", "-x", "", "-", "--4", "-4.0", "- 4", "-4 ", "-٤", "-1e3"])
def test_a_number_of_clusters_that_cannot_be_is_refused(argument: str) -> None:
    text = refused(technique=f"cluster{argument}")
    assert f"technique cluster{argument}: " in text
    assert "2 to 65,536" in text


def test_a_number_of_clusters_too_long_to_be_read_is_refused_in_a_short_line() -> None:
    text = refused(technique=f"cluster-{'9' * 5_000}")
    assert "2 to 65,536" in text
    assert len(text) < 300


@pytest.mark.parametrize("technique", ["cluster-2", "cluster-65536"])
def test_the_ends_of_what_a_cluster_takes(technique: str) -> None:
    assert make_case(technique).technique == technique


@pytest.mark.parametrize("technique", ["float16-8", "int8-", "baseline-1"])
def test_an_argument_that_is_not_wanted_is_refused(technique: str) -> None:
    assert refused(technique=technique) == f"technique {technique}: it takes no argument"


@pytest.mark.parametrize(
    "technique", ["baseline+float16", "baseline+cluster-16", "float16+baseline", "baseline+baseline"]
)
def test_baseline_stands_alone(technique: str) -> None:
    assert refused(technique=technique) == f"technique {technique!r}: baseline stands alone, it changes nothing"


@pytest.mark.parametrize("technique", ["int8+cluster-16", "int8+float16", "float16+int8+cluster-16", "int8+int8"])
def test_nothing_follows_what_ends_a_chain(technique: str) -> None:
    assert refused(technique=technique).startswith(f"technique {technique!r}: nothing can follow int8")


def test_a_chain_keeps_its_order() -> None:
    names = [type(step).__name__ for step in parse_chain("float16+cluster-8+int8")]
    assert names == ["Float16", "Cluster", "Int8"]


def test_an_unknown_field_is_named() -> None:
    assert "epoch = 3" in refused(epoch=3)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(CaseDefinitionError, match=r"case: model .*required"):
        Case(dataset="digits")


def test_a_case_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make_case().epochs = 3  # type: ignore[misc]


@given(CASES)
def test_a_case_is_a_key_and_travels_between_processes(case: Case) -> None:
    copy = pickle.loads(pickle.dumps(case))
    assert {case: "found"}[copy] == "found"


@given(CASES)
def test_a_case_survives_json(case: Case) -> None:
    assert Case.model_validate_json(case.model_dump_json()) == case


def test_json_of_an_impossible_case_is_refused_like_the_case() -> None:
    with pytest.raises(CaseDefinitionError, match="epochs = 0"):
        Case.model_validate_json('{"dataset": "digits", "model": "efficientnet_lite0", "epochs": 0}')


@given(CASES)
def test_the_reference_is_the_same_case_as_trained(case: Case) -> None:
    assert case.reference.technique == "baseline"
    assert case.reference.reference == case.reference
    assert case.model_dump(exclude={"technique"}) == case.reference.model_dump(exclude={"technique"})


@pytest.mark.parametrize(("split", "share"), [("own", None), ("70-30", 0.3), ("99-1", 0.01), ("1-99", 0.99)])
def test_the_share_of_test_images_follows_from_the_split(split: str, share: float | None) -> None:
    assert make_case(split=split).test_share == share


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "////",
        "digits",
        "digits/efficientnet_lite0",
        "digits/efficientnet_lite0/top1",
        "digits/efficientnet_lite0/top1/",
        "digits//top1/baseline",
        "/efficientnet_lite0/top1/baseline",
        "digits/efficientnet_lite0/1/baseline",
        "digits/efficientnet_lite0/top/baseline",
        "digits/efficientnet_lite0/top-1/baseline",
        "digits/efficientnet_lite0/topall/baseline",
        "digits/efficientnet_lite0/top1\n/baseline",
    ],
)
def test_text_that_is_no_id_is_refused_with_the_form_of_one(text: str) -> None:
    with pytest.raises(CaseDefinitionError, match=r"is no case id: dataset/model/topN/technique\[/key=value,...\]"):
        Case.parse(text)


@pytest.mark.parametrize("pairs", ["", "epochs", "epoch=3", "technique=int8", "epochs=3,", "epochs=3,,seed=1", "id=x"])
def test_what_is_no_field_of_a_case_is_refused(pairs: str) -> None:
    with pytest.raises(CaseDefinitionError, match="is no key=value of a case"):
        Case.parse(f"digits/efficientnet_lite0/top1/baseline/{pairs}")


@pytest.mark.parametrize("pair", ["epochs=0", "epochs=x", "epochs=", "epochs=-1", "seed=1.0", "split=50", "size=٦٤٤٤"])
def test_a_bad_value_in_an_id_is_refused_with_its_field(pair: str) -> None:
    with pytest.raises(CaseDefinitionError, match=f"case: {pair.partition('=')[0]} = "):
        Case.parse(f"digits/efficientnet_lite0/top1/baseline/{pair}")


@pytest.mark.parametrize("text", [f"top{'9' * 5_000}/baseline", f"top1/baseline/seed={'9' * 5_000}"])
def test_a_number_in_an_id_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(CaseDefinitionError):
        Case.parse(f"digits/efficientnet_lite0/{text}")


@pytest.fixture
def sections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets cases take what a text of TOML says of models."""
    monkeypatch.setattr(registry, "_sections", [])
    monkeypatch.chdir(tmp_path)

    def use(text: str) -> None:
        parsed = parse_sections(tomllib.loads(text), "tool.opml.model", tmp_path)
        registry.use_sections(lambda: parsed)

    return use


PROD = """
[prod]
path = "models/prod.onnx"
dataset = "data/pets.npz"
size = "96x128"
classes = ["cat", "dog"]
quality = "f1"
preprocess = { scale = 0.00392, mean = [0.5, 0.4, 0.3], layout = "nchw" }
["models/other.tflite"]
preprocess.channels = "bgr"
"""


def test_a_name_of_the_settings_stands_for_its_model_and_brings_its_fields(sections: Callable[[str], None]) -> None:
    sections(PROD)
    case = Case(model="prod")
    assert (case.id, case.model, case.dataset, case.size) == ("prod", "models/prod.onnx", "data/pets.npz", "96x128")
    assert (case.unfreeze, case.classes, case.quality) == (0, ("cat", "dog"), "f1")
    assert case.preprocess == Preprocess(scale=0.00392, mean=[0.5, 0.4, 0.3], layout="nchw")
    assert case == Case(name="prod") == Case.parse("prod") == Case(name="prod", model="models/prod.onnx")
    own = Case(model="prod", dataset="digits", classes=None, name="mine")
    assert (own.id, own.dataset, own.classes, own.quality) == ("mine", "digits", None, "f1")
    assert matrix(models=["prod"], dataset="digits", unfreeze=[0]) == [Case(model="prod", dataset="digits")]
    assert matrix(models=["prod"]) == [case]


def test_a_section_headed_by_a_path_is_for_the_cases_of_that_file(sections: Callable[[str], None]) -> None:
    sections(PROD)
    for path in ("models/other.tflite", "./models/other.tflite"):
        case = make_case(model=path, unfreeze=0)
        assert case.preprocess == Preprocess(channels="bgr")
        assert case.name is None
    assert make_case(model="models/another.tflite", unfreeze=0).preprocess is None


def test_a_record_needs_no_settings_to_be_read(sections: Callable[[str], None]) -> None:
    sections(PROD)
    text = Case(model="prod").model_dump_json()
    sections("")
    case = Case.model_validate_json(text)
    assert (case.id, case.classes, case.preprocess and case.preprocess.layout) == ("prod", ("cat", "dog"), "nchw")
    assert pickle.loads(pickle.dumps(case)) == case == Case(**case.model_dump())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "pord"}, "case: name = 'pord': give its model, or write [tool.opml.model.pord]"),
        ({"name": "prod", "model": "x.onnx"}, "[tool.opml.model.prod] is of the model models/prod.onnx, not of x.onnx"),
        ({"model": "pord", "dataset": "digits"}, "nearest: prod"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused(
    fields: dict[str, Any], words: str, sections: Callable[[str], None]
) -> None:
    sections(PROD)
    with pytest.raises(CaseDefinitionError) as caught:
        Case(**fields)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[prod]\nsize = 32", "tool.opml.model.prod: unknown model 'prod'; known: "),
        ("[prod]\npath = 'gone.onnx'", "tool.opml.model.prod: model gone.onnx: no such file or folder"),
        ("['gone.onnx']", 'tool.opml.model."gone.onnx": model gone.onnx: no such file or folder'),
        ("[prod]\nmodel = 'small_cmn'", "tool.opml.model.prod: unknown model 'small_cmn'; known: "),
        ("[small_cnn]\nmodel = 'random'", "tool.opml.model.small_cnn: 'small_cnn' is the name of a registered model"),
        ("[prod]\nmodel = 'random'\ndataset = 'digts'", "tool.opml.model.prod: unknown dataset 'digts'; known: "),
        ("[prod]\nmodel = 'random'\ndataset = 'a.npz'", "tool.opml.model.prod: dataset a.npz: no such file or folder"),
    ],
)
def test_what_a_section_names_must_be_there(text: str, words: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        check_sections(parse_sections(tomllib.loads(text), "tool.opml.model", tmp_path))
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_what_has_a_scheme_is_looked_for_by_others(tmp_path: Path) -> None:
    section = {"prod": {"model": "models:/pets@champion"}}
    sections = parse_sections(section, "tool.opml.model", tmp_path)
    check_sections(sections)
    assert sections["prod"].model == "models:/pets@champion"


def rows(heading: str) -> dict[str, str]:
    """The names and defaults (of a table without them: empty) of the first table below a heading of docs/cases.md."""
    page = (Path(__file__).parents[1] / "docs" / "cases.md").read_text("utf-8")
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = next(block for block in section.split("\n\n") if block.strip().startswith("| "))
    cells = [line.strip("| ").split(" | ") for line in table.strip().splitlines()[2:]]
    return {row[0].strip("`"): row[1].strip("`").strip() if len(row) == 3 else "" for row in cells}


@pytest.mark.parametrize(("heading", "model"), [("Fields of `Case`", Case), ("Pixels: `Preprocess`", Preprocess)])
def test_every_field_has_its_row_and_its_default_in_the_reference_page(heading: str, model: Any) -> None:
    fields = model.model_fields.items()
    assert rows(heading) == {
        name: "" if field.is_required() else repr(field.default).replace("'", '"') for name, field in fields
    }


def test_every_argument_of_a_matrix_and_key_of_a_section_has_its_row() -> None:
    arguments = inspect.signature(matrix).parameters.values()
    assert rows("`matrix`") == {
        one.name: "" if one.default is one.empty else repr(one.default).replace("'", '"') for one in arguments
    }
    assert tuple(rows("Models in the settings")) == (*model_sections.MODEL_KEYS, *model_sections.FIELD_KEYS)


PIECES = st.sampled_from(
    [
        "digits",
        "efficientnet_lite0",
        "top1",
        "top0",
        "all",
        "int8",
        "cluster-",
        "float16+",
        "epochs=",
        "=",
        "/",
        "/",
        ",",
    ]
)


@given(st.text() | st.lists(PIECES | st.text(max_size=4), max_size=14).map("".join))
def test_any_text_is_an_id_or_is_refused_as_one(text: str) -> None:
    try:
        case = Case.parse(text)
    except CaseDefinitionError:
        return
    assert Case.parse(case.id) == case


def test_a_matrix_is_every_combination_with_the_technique_changing_fastest() -> None:
    cases = matrix(
        models=["efficientnet_lite0", "nets:build"],
        dataset=["digits", "data:load"],
        techniques=["baseline", "int8"],
        unfreeze=[1, "all"],
        epochs=3,
    )
    ids = [case.id for case in cases]
    assert len(ids) == len(set(ids)) == 16
    assert all(case.epochs == 3 for case in cases)
    assert ids[:4] == [
        "digits/efficientnet_lite0/top1/baseline/epochs=3",
        "digits/efficientnet_lite0/top1/int8/epochs=3",
        "digits/efficientnet_lite0/all/baseline/epochs=3",
        "digits/efficientnet_lite0/all/int8/epochs=3",
    ]
    assert ids[4].startswith("digits/nets:build/")
    assert ids[8].startswith("data:load/efficientnet_lite0/")


def test_a_matrix_of_one_model_is_its_reference() -> None:
    assert matrix(models=["efficientnet_lite0"], dataset="digits") == [make_case()]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"models": "efficientnet_lite0"}, "models must be a list, not 'efficientnet_lite0'"),
        ({"techniques": "int8"}, "techniques must be a list, not 'int8'"),
        ({"unfreeze": 1}, "unfreeze must be a list, not 1"),
        ({"dataset": 3}, "dataset must be .*not 3"),
        ({"models": []}, "no case; models, dataset, techniques and unfreeze each need an entry"),
        ({"dataset": []}, "no case"),
        ({"techniques": ["int8", "pruned"]}, "unknown technique 'pruned'; known: "),
        ({"unfreeze": [1, -1]}, "unfreeze = -1"),
        ({"epoch": 3}, "epoch = 3"),
    ],
)
def test_a_matrix_that_cannot_be_is_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(CaseDefinitionError, match=text):
        matrix(**{"models": ["efficientnet_lite0"], "dataset": "digits"} | arguments)
