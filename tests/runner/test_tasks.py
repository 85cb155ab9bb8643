"""What every task does before anything else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_opml.case import Case
from pytest_opml.runner import tasks
from pytest_opml.runner.options import BuildOptions, LocalPaths, MeasurementPlan
from tests.support.builders import make_device, make_result

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
