"""What every task does before anything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_opml.case import Case
from pytest_opml.runner import tasks
from pytest_opml.runner.options import BuildOptions, LocalPaths, MeasurementPlan
from tests.support.builders import make_device, make_result
from tests.support.workbench import Workbench

MakeCase = Callable[..., Case]

CASE = Case(dataset="digits", model="small_cnn")
DEVICE = make_device("cpu").model_copy(update={"threads": 3})
BUILD = BuildOptions(device=DEVICE)
PLAN = MeasurementPlan(device=DEVICE, time_weights={}, reference_samples=100)


class BegunError(Exception):
    """A task has held its process to a number of threads."""


@pytest.mark.parametrize(
    "begin",
    [
        lambda paths: tasks.train_model(CASE, BUILD, paths),
        lambda paths: tasks.make_artifact(CASE, BUILD, paths),
        lambda paths: tasks.measure_artifact(CASE, tasks.BuiltCase(artifact="0" * 32), PLAN, paths),
        lambda paths: tasks.measure_release(CASE, make_result(), PLAN, paths),
        lambda paths: tasks.measure_fetched(CASE, "m.onnx", PLAN, paths),
    ],
)
def test_each_process_is_held_to_the_threads_of_the_run_first(
    begin: Callable[[LocalPaths], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    held: list[int] = []

    def hold(threads: int) -> None:
        held.append(threads)
        raise BegunError

    monkeypatch.setattr(tasks, "limit_process", hold)
    monkeypatch.setattr(tasks.registry, "adopt", lambda _: pytest.fail("modules of the user come later"))
    with pytest.raises(BegunError):
        begin(LocalPaths(cache_dir=tmp_path, case_dir=tmp_path))
    assert held == [3]


def test_what_another_device_has_made_is_measured_here_and_what_it_lacks_is_made_here(
    make_case: MakeCase, workbench: Workbench, tmp_path: Path
) -> None:
    """With the reference that was made there, too; what this hardware does for a number format is said of this one."""
    here, elsewhere = workbench.build, workbench.build.device.model_copy(update={"profile": "p100", "cpu": "another"})
    paths = replace(workbench.paths, case_dir=tmp_path)
    case, own = make_case("float16", seed=77), make_case("cluster-16", seed=77)
    made = tasks.make_artifact(case, replace(here, device=elsewhere), workbench.paths)
    tasks.make_artifact(case.reference, replace(here, device=elsewhere), workbench.paths)
    there = replace(here, made_on=elsewhere)
    built = tasks.make_artifact(case, there, paths)
    assert (built.artifact, built.reference) == (made.artifact, made.reference)
    assert built.arithmetic is not None
    result = tasks.measure_artifact(case, built, workbench.plan, paths)
    assert (result.training.made_on, result.device.profile) == ("p100", "cpu")
    assert result.artifact.arithmetic == built.arithmetic
    assert "made on p100, and measured on cpu" in result.notes
    lacking = tasks.make_artifact(own, there, workbench.paths)
    assert lacking.artifact == tasks.make_artifact(own, here, workbench.paths).artifact
    assert lacking.arithmetic is None
    assert lacking.reference == made.reference
