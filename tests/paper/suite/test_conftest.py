"""The suite as pytest runs it, from a folder of somebody else's."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import pytest_opml.paper.suite
from pytest_opml.history.record_files import read_record
from pytest_opml.models import missing_weights
from tests.support.projects import output

NAME = "pytest_opml.paper.suite"
FOLDER = Path(pytest_opml.paper.suite.__file__).parent
PROJECT = """
[tool.opml]
store = "sqlite:///history.db"
data_dir = "data"
%s
[tool.opml.gate]
accuracy = { min = 0.99 }

[tool.opml.model.random]
dataset = "cifar10"
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Run:
    def run(*arguments: str, settings: str = "") -> pytest.RunResult:
        (pytester.path / "pyproject.toml").write_text(PROJECT % settings, "utf-8")
        return pytester.runpytest("--strict-markers", "-p", "no:cacheprovider", *arguments)

    return run


def collected(result: pytest.RunResult) -> set[str]:
    """The experiments, by the functions of the tests that were collected."""
    assert result.ret == 0, output(result)
    return set(re.findall(r"::bench_(\w+)\[", result.stdout.str()))


@pytest.mark.parametrize("place", [("--pyargs", NAME), (str(FOLDER),)], ids=["by its name", "by its folder"])
def test_an_experiment_is_selected_by_its_marker(suite: Run, place: tuple[str, ...]) -> None:
    result = suite(*place, "--collect-only", "-q", "-m", "table5 or figure8")
    assert collected(result) == {"table5", "table7"}  # whose figure that is


def test_the_scale_is_that_of_the_project_or_of_the_command_line(suite: Run) -> None:
    arguments = ("--pyargs", f"{NAME}.bench_table5", "--collect-only", "-q")
    by_project = suite(*arguments, settings="scale = 'full'")
    assert "cifar10/vgg19/top3/int8/size=224" in by_project.stdout.str()
    by_option = suite(*arguments, "--opml-scale=small", settings="scale = 'full'")
    assert "cifar10/efficientnet_lite0/top1/int8/size=96" in by_option.stdout.str()


def test_a_wrong_scale_is_refused_once(suite: Run) -> None:
    result = suite("--pyargs", NAME, "--opml-scale=tiny")
    assert result.ret == 4
    assert output(result).count("--opml-scale: must be 'smoke', 'small' or 'full', not 'tiny'") == 1


def test_what_is_not_on_this_machine_is_said_before_anything_is_measured(
    suite: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(missing_weights, "unreachable", lambda url: "no network")
    where = ("--pyargs", f"{NAME}.bench_table3", f"--opml-cache-dir={tmp_path}")
    result = suite(*where, "--opml-scale=full")
    assert result.ret == 4
    text = output(result)
    assert "the scale full needs what is not on this machine" in text
    assert "cifar-100-python, the folder of CIFAR-100" in text
    assert f"put these files into {tmp_path / 'models'}" in text
    assert "resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5" in text
    assert "vgg16" not in text  # table 3 has none
    assert text.rstrip().endswith("opml: exit code 4: the input is wrong, as said above")

    result = suite(*where, "--opml-scale=small")
    assert result.ret == 4
    assert re.search(r"run: opml paper pretrain resnet\d+ resnet\d+", output(result))


@pytest.mark.parametrize(("arguments", "timeouts"), [((), {600.0}), (("--opml-timeout=7",), {None})])
def test_a_case_has_the_time_of_its_scale_unless_the_command_line_says(
    pytester: pytest.Pytester, arguments: tuple[str, ...], timeouts: set[float | None]
) -> None:
    items, _ = pytester.inline_genitems(str(FOLDER / "bench_table3.py"), *arguments)
    marks = [next((mark for mark in item.iter_markers("opml") if mark.kwargs), None) for item in items]
    assert {mark.kwargs["timeout"] if mark else None for mark in marks} == timeouts


@pytest.mark.tensorflow
def test_a_run_leaves_budgets_and_history_of_the_project_alone(
    suite: Run, pytester: pytest.Pytester, tmp_path: Path
) -> None:
    arguments = ("-k", "random and not pairs", "--opml-json=run.json", f"--opml-cache-dir={tmp_path}")
    result = suite("--pyargs", f"{NAME}.bench_table2", *arguments)
    assert result.ret == 0, output(result)
    record = read_record(pytester.path / "run.json")
    (random,) = record.results
    assert (random.case.model, random.case.dataset) == ("random", "digits")
    assert random.accuracy is not None
    assert random.auc is not None
    assert random.accuracy.low < 0.1 < random.accuracy.high
    assert abs(random.auc - 0.5) < 0.05
    assert not record.checks
    assert not (pytester.path / "history.db").exists()
    assert not (FOLDER / ".opml").exists()
