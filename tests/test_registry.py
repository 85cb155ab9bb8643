from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_opml import registry
from pytest_opml.errors import CaseDefinitionError, UnknownNameError

BUILT_IN = {
    "dataset": {"cifar10", "cifar100", "digits", "fashion_mnist", "mnist"},
    "model": {"efficientnet_lite0", "random", "resnet50", "resnet101", "small_cnn", "vgg16", "vgg19"},
    "technique": {
        *("baseline", "cluster", "deep-compress", "distill", "dynamic-int8", "filter-prune"),
        *("filter-prune-latency", "filter-prune-macs", "float16"),
        *("float16-tflite", "int16x8", "int8", "int8-tuned", "layer-transfer", "onnx", "onnx-int8", "prune", "qat"),
        *("equalize", "int4", "int4-block", "low-rank", "mixed-4-8", "palettize", "resolution", "tflite"),
        *("tfmot-cluster", "tfmot-prune", "tfmot-qat"),
    },
    "quality": {"accuracy", "auc", "balanced_accuracy", "exact_match", "f1", "r2", "top2", "top3", "top5", "top10"},
    "metric": set(),  # those of a result are in a table of their own
}


@pytest.fixture(autouse=True)
def own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(registry, "_adopted", {})


def build() -> None:
    """Stands for a factory."""


def test_the_kinds_are_those_with_built_in_names() -> None:
    assert set(registry.KINDS) == set(BUILT_IN)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_names_are_sorted_and_hold_the_built_in_ones(kind: str) -> None:
    names = registry.names(kind)
    assert names == sorted(names)
    assert set(names) >= BUILT_IN[kind]


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in BUILT_IN for name in sorted(BUILT_IN[kind])])
def test_every_built_in_name_leads_to_a_factory(kind: str, name: str) -> None:
    assert callable(registry.get(kind, name))


def test_a_registered_factory_is_found_under_its_name_and_kind_only() -> None:
    assert registry.register("model", "mine")(build) is build
    assert registry.get("model", "mine") is build
    assert "mine" in registry.names("model")
    assert "mine" not in registry.names("dataset")


def test_a_taken_name_is_refused() -> None:
    registry.register("model", "mine")(build)
    with pytest.raises(ValueError, match="the model 'mine' is already registered"):
        registry.register("model", "mine")(own_names)
    assert registry.get("model", "mine") is build


def test_the_same_factory_may_register_again() -> None:
    registry.register("model", "mine")(build)
    registry.register("model", "mine")(build)
    assert registry.names("model").count("mine") == 1


def test_a_built_in_name_cannot_be_taken_over() -> None:
    with pytest.raises(ValueError, match="the model 'efficientnet_lite0' is already registered"):
        registry.register("model", "efficientnet_lite0")(build)


@pytest.mark.parametrize("factory", [lambda: None, 3, "build"])
def test_what_a_worker_could_not_find_is_refused(factory: object) -> None:
    with pytest.raises(ValueError, match="must be a function or a class at the top level of a module"):
        registry.register("model", "mine")(factory)  # type: ignore[type-var]


@pytest.mark.parametrize("name", ["", "a/b", "a+b", "a,b", "a:b", "a b", "{a}", "a\nb"])
def test_a_name_that_would_break_an_id_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a model"):
        registry.register("model", name)


def test_another_process_adopts_what_was_registered(tmp_path: Path) -> None:
    """One is imported by name, the other from its file, as a conftest.py that is not on the path."""
    (tmp_path / "conftest.py").write_text("def build():\n    return 'from the file'\n", "utf-8")
    file = str(tmp_path / "conftest.py")
    entries = (
        registry.Registration("model", "byname", "json", "loads", json.__file__),
        registry.Registration("model", "byfile", "conftest", "build", file),
    )
    registry.adopt(entries)
    assert registry.get("model", "byname") is json.loads
    assert registry.get("model", "byfile")() == "from the file"
    registered = {entry.name: entry for entry in registry.registrations()}
    assert registered["byname"].module == "json.__init__".removesuffix(".__init__")


def test_what_cannot_be_imported_in_another_process_is_named(tmp_path: Path) -> None:
    file = tmp_path / "conftest.py"
    file.write_text("import no_such_module\n", "utf-8")
    entry = registry.Registration("model", "petnet", "conftest", "build", str(file))
    registry.adopt([entry])
    with pytest.raises(CaseDefinitionError, match="the model 'petnet' cannot be imported: ModuleNotFoundError"):
        registry.get("model", "petnet")
    assert entry in registry.registrations()  # for a process that this one starts


def test_a_module_of_another_process_is_imported_when_one_of_its_names_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "bench_other.py").write_text("raise SystemExit('imported')\n", "utf-8")
    registry.adopt(
        [registry.Registration("model", "othernet", "bench_other", "build", str(tmp_path / "bench_other.py"))]
    )
    assert "othernet" in registry.names("model")
    registry.check("model", "othernet")
    with pytest.raises(SystemExit, match="imported"):
        registry.get("model", "othernet")


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown kind 'modle'; known: dataset, model, technique"):
        registry.register("modle", "mine")


@pytest.mark.parametrize("name", ["package:attribute", "package.module:attribute", "a.b.c:d", "_a:_b"])
def test_references(name: str) -> None:
    assert registry.is_reference(name)


@pytest.mark.parametrize(
    "name",
    ["", ":", "package", "package:", ":attribute", "a:b.c", "a..b:c", "a/b:c", "a:b:c", "a-b:c", "a b:c", "1a:b"],
)
def test_what_is_no_reference(name: str) -> None:
    assert not registry.is_reference(name)


def test_a_reference_needs_no_registration() -> None:
    assert registry.get("model", "math:sqrt") is math.sqrt
    assert registry.get("model", "collections.abc:Mapping") is Mapping


def test_a_reference_is_checked_without_importing_it() -> None:
    registry.check("model", "no_such_package.module:build")


@pytest.mark.parametrize("name", ["no_such_package:build", "math.no_such_module:build", "math:no_such_attribute"])
def test_a_reference_that_cannot_be_imported_is_named(name: str) -> None:
    with pytest.raises(CaseDefinitionError, match=f"the model '{name}' cannot be imported: "):
        registry.get("model", name)


@pytest.mark.parametrize("ask", [registry.check, registry.get])
def test_an_unknown_name_lists_the_known_ones(ask: object) -> None:
    registry.register("model", "mine")(build)
    with pytest.raises(UnknownNameError, match=r"unknown model 'resnet'; known: .*efficientnet_lite0, .*mine"):
        ask("model", "resnet")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("cluster", ("cluster", None)),
        ("cluster-256", ("cluster", "256")),
        ("cluster-", ("cluster", "")),
        ("cluster--1", ("cluster", "-1")),
        ("cluster-a-b", ("cluster", "a-b")),
        ("float16", ("float16", None)),
    ],
)
def test_an_argument_follows_the_name(text: str, split: tuple[str, str | None]) -> None:
    name, argument = split
    assert registry.split_argument("technique", text) == (name, "" if argument is None else "-", argument)


def test_a_model_follows_a_colon() -> None:
    assert registry.split_argument("technique", "distill:a.b:c") == ("distill", ":", "a.b:c")


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("cluster-fast", ("cluster-fast", None)),
        ("cluster-fast-8", ("cluster-fast", "8")),
        ("cluster-faster", ("cluster", "faster")),
        ("cluster-8", ("cluster", "8")),
    ],
)
def test_the_longest_name_wins(text: str, split: tuple[str, str | None]) -> None:
    registry.register("technique", "cluster-fast")(build)
    named = registry.split_argument("technique", text)
    assert (named.name, named.argument) == split


@pytest.mark.parametrize("text", ["", "-", "clusters", "clusters-256", "Cluster-256", "256"])
def test_text_that_begins_with_no_name_lists_the_known_ones(text: str) -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown technique .*; known: .*baseline, .*cluster, .*float16, .*int8"
    ):
        registry.split_argument("technique", text)


def test_another_package_declares_names_by_entry_points(tmp_path: Path) -> None:
    metadata = tmp_path / "other-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n", "utf-8")
    (metadata / "entry_points.txt").write_text("[pytest_opml.technique]\ncluster-fast = math:sqrt\n", "utf-8")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from pytest_opml import registry\n"
        "name, _, argument = registry.split_argument('technique', 'cluster-fast-8')\n"
        "assert 'math' not in name and registry.get('technique', name)(float(argument) * 2) == 4.0"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
