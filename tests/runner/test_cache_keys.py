from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from pytest_opml.case import Case
from pytest_opml.errors import ModelFileError
from pytest_opml.runner import cache_keys
from pytest_opml.runner.cache_keys import SOURCES, key_of, source_digest
from tests.support.weights import make_weights
from tests.support.workbench import Workbench

PACKAGE = Path(str(files("pytest_opml")))
MakeCase = Callable[..., Case]


def copied(folder: Path) -> Path:
    """The code that makes artifacts, elsewhere."""
    for name in SOURCES:
        copy = shutil.copytree if (PACKAGE / name).is_dir() else shutil.copyfile
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy(PACKAGE / name, folder / name)
    return folder


def test_everything_in_a_key_counts_and_its_order_does_not() -> None:
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert len({key_of({"a": value}) for value in (1, 2, "1", None, [1])}) == 5


def test_every_place_of_the_code_that_makes_artifacts_is_there() -> None:
    assert all((PACKAGE / name).exists() for name in SOURCES)
    assert len(source_digest()) == 64


def test_the_code_is_the_same_wherever_it_lies(tmp_path: Path) -> None:
    assert source_digest(copied(tmp_path)) == source_digest()


@pytest.mark.parametrize(
    "name",
    [
        "datasets/splits.py",
        "models/training.py",
        "runtimes/keras_graph.py",
        "techniques/cluster.py",
        "techniques/tf_keras/job.py",
        "runner/builder.py",
        "runner/cache_keys.py",
    ],
)
def test_a_change_of_the_code_that_makes_artifacts_changes_its_digest(tmp_path: Path, name: str) -> None:
    path = copied(tmp_path) / name
    path.write_text(path.read_text("utf-8") + "\n# changed\n", "utf-8")
    assert source_digest(tmp_path) != source_digest()


def test_a_new_file_of_that_code_changes_its_digest(tmp_path: Path) -> None:
    (copied(tmp_path) / "techniques" / "another.py").write_text("")
    assert source_digest(tmp_path) != source_digest()


@pytest.mark.parametrize("name", SOURCES)
def test_a_place_that_is_not_there_is_an_error_and_not_a_constant(tmp_path: Path, name: str) -> None:
    path = copied(tmp_path) / name
    path.rename(path.with_name("moved"))
    with pytest.raises(FileNotFoundError, match=f"{name}: the code that makes artifacts is not where the cache looks"):
        source_digest(tmp_path)


def test_the_code_is_part_of_every_key(
    make_case: MakeCase, workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keys() -> set[str]:
        keys = workbench.builder(make_case("cluster-16")).keys
        return {keys.artifact, keys.step(0), keys.model}

    before = keys()
    monkeypatch.setattr(cache_keys, "source_digest", lambda: "changed")
    assert len(before | keys()) == 6


def test_the_steps_of_a_chain_have_keys_of_their_own(make_case: MakeCase, workbench: Workbench) -> None:
    chain = workbench.builder(make_case("cluster-16+float16")).keys
    alone = workbench.builder(make_case("cluster-16")).keys
    assert chain.step(1) == alone.step(1) == alone.artifact
    assert len({chain.step(0), chain.step(1), chain.step(2)}) == 3
    assert chain.artifact == chain.step(2)


def test_each_client_has_a_model_of_its_own_and_all_together_have_that_of_none(
    make_case: MakeCase, workbench: Workbench
) -> None:
    def model(**fields: object) -> str:
        return workbench.builder(make_case(size=8, **fields)).keys.model

    divided = {"clients": 3, "client_label_skew": 0.5}
    assert len({model(), *(model(client=client, **divided) for client in range(3)), model(clients=3, client=0)}) == 5
    assert model() == model(clients=3) == model(**divided)


def test_weights_count_by_their_content_and_not_by_their_place(
    make_case: MakeCase, workbench: Workbench, tmp_path: Path
) -> None:
    def key(cache: str, content: bytes = b"weights") -> str:
        file = make_weights("small_cnn", tmp_path / cache, content)
        return workbench.builder(make_case(model="small_cnn", weights=str(file))).keys.model

    assert key("a") == key("b")
    assert len({key("a"), key("a", b"others"), workbench.builder(make_case(model="small_cnn")).keys.model}) == 3


def test_a_teacher_has_weights_of_the_same_origin(make_case: MakeCase, workbench: Workbench, tmp_path: Path) -> None:
    file = make_weights("small_cnn", tmp_path)
    keys = workbench.builder(make_case("distill:vgg16", model="small_cnn", weights=str(file))).keys
    (teacher,) = keys.steps[0].other_models()
    assert keys.teacher_case(teacher).weights == str(file.with_name("vgg16.weights.h5"))
    with pytest.raises(ModelFileError, match="weights 'opml' of vgg16 are not here; run: opml paper pretrain vgg16"):
        keys.teacher(teacher)


def test_what_several_devices_train_is_another_model(make_case: MakeCase, workbench: Workbench) -> None:
    def model(**fields: object) -> str:
        return workbench.builder(make_case(**fields)).keys.model

    assert len({model(), model(devices=2), model(devices=3)}) == 3
    assert model(devices=1) == model()
    assert model(unfreeze=0, devices=2) == model(unfreeze=0)
