from __future__ import annotations

import inspect
import multiprocessing
import re
from collections.abc import Iterator

import pytest

from pytest_opml import errors
from pytest_opml.runner.launchers.base import WorkerFailed


def drawn_tree(drawing: str) -> dict[str, str]:
    """Child and parent of each class in a drawing whose levels are four columns apart."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in inspect.cleandoc(drawing).splitlines():
        entry = re.match(r"(?P<branches>(?:[|` ][- ]{3})*)(?P<name>[A-Z]\w+)(?:  |$)", line)
        if entry:
            depth = len(entry["branches"]) // 4
            path[depth:] = [entry["name"]]
            parents[entry["name"]] = path[depth - 1] if depth else "Exception"
    return parents


def test_the_tree_in_the_docstring_is_the_real_one() -> None:
    real = {
        name: item.__bases__[0].__name__
        for name, item in vars(errors).items()
        if isinstance(item, type) and issubclass(item, Exception)
    }
    assert drawn_tree(errors.__doc__ or "") == real


def test_every_error_has_one_base() -> None:
    classes = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, Exception)]
    assert all(len(item.__bases__) == 1 for item in classes)


@pytest.mark.parametrize(
    ("known", "listed"), [(["b", "a"], "known: a, b"), ([], "known: none"), (iter(["only"]), "known: only")]
)
def test_an_unknown_name_lists_the_known_ones(known: list[str], listed: str) -> None:
    assert str(errors.UnknownNameError("model", "resnet", known)) == f"unknown model 'resnet'; {listed}"


@pytest.mark.parametrize(
    ("name", "near"), [("resnet", "; nearest: resnet50, resnet101"), ("vgg61", "; nearest: vgg16"), ("alexander", "")]
)
def test_what_may_have_been_meant_comes_last(name: str, near: str) -> None:
    text = str(errors.UnknownNameError("model", name, ["resnet101", "resnet50", "vgg16"]))
    assert text == f"unknown model {name!r}; known: resnet101, resnet50, vgg16{near}"


def test_a_missing_package_comes_with_the_line_to_type() -> None:
    text = str(errors.MissingDependencyError("the HTML report", "plotly"))
    assert text == "the HTML report needs the package plotly: pip install plotly"


def test_a_missing_package_of_an_extra_is_installed_with_it() -> None:
    text = str(errors.MissingDependencyError("technique onnx", "tf2onnx", extra="onnx"))
    assert text == "technique onnx needs the package tf2onnx: pip install 'pytest-opml[onnx]'"


def test_a_failed_case_has_its_kind_and_its_message() -> None:
    error = errors.CaseFailed("timeout", "it took more than 10 s")
    assert (error.kind, str(error)) == ("timeout", "it took more than 10 s")


def tree(kind: type[errors.OpmlError] = errors.OpmlError) -> Iterator[type[errors.OpmlError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from tree(below)


def raised(kind: type[errors.OpmlError]) -> errors.OpmlError:
    """One error of each class, as the code makes it."""
    if issubclass(kind, errors.UnknownNameError):
        return kind("model", "resnet", ["vgg16", "resnet50"])
    if issubclass(kind, errors.MissingDependencyError):
        return kind("reading such a file", "onnx", extra="onnx")
    if issubclass(kind, WorkerFailed):
        return kind("crash", "it fell over", "the last\nlines")
    if issubclass(kind, errors.DeviceBusy):
        return kind("another process has it")
    if issubclass(kind, errors.CaseFailed):
        return kind("timeout", "it took more than 10 s")
    return kind("data set pets: labels: 3 of 4 are missing")


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_an_error_survives_the_border_of_a_process(kind: type[errors.OpmlError]) -> None:
    error = raised(kind)
    error.where = "the worker"  # type: ignore[attr-defined]  # what anyone may add to it
    receiver, sender = multiprocessing.Pipe(duplex=False)
    with receiver, sender:
        sender.send(error)
        arrived = receiver.recv()
    assert type(arrived) is kind
    assert (str(arrived), arrived.args, vars(arrived)) == (str(error), error.args, vars(error))


def test_every_class_of_the_tree_is_sent_through_a_pipe() -> None:
    own = {item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, errors.OpmlError)}
    assert own | {WorkerFailed} <= set(tree())


def test_a_value_of_any_length_leaves_the_line_readable() -> None:
    text = str(errors.SettingsError(f"unknown key {'x' * 100_000!r}; known: gate, store"))
    assert len(text) <= 2_000
    assert text.startswith("unknown key 'xxx")
    assert text.endswith("known: gate, store")
