"""One case once: what its tasks are given, in which order, and what becomes of their failures."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_opml.case import Case
from pytest_opml.errors import DeviceBusy
from pytest_opml.gate.budgets import parse_budgets
from pytest_opml.history.base import Release
from pytest_opml.history.store import open_store
from pytest_opml.measure.device import detect
from pytest_opml.models import training
from pytest_opml.progress import Progress
from pytest_opml.records.device import Device
from pytest_opml.records.result import Result
from pytest_opml.runner import case_runner
from pytest_opml.runner.baselines import Baselines
from pytest_opml.runner.case_runner import CaseRunner
from pytest_opml.runner.launchers.base import Launcher, ProcessLimits, Value, WorkerFailed, ignore_progress
from pytest_opml.runner.launchers.process import ProcessLauncher
from pytest_opml.runner.options import RunOptions
from pytest_opml.runner.plan import NO_OVERRIDES, NOTHING_COLLECTED, CollectedRun
from pytest_opml.runner.shared_results import SharedResults
from pytest_opml.runner.tasks import make_artifact
from pytest_opml.settings import build_settings
from pytest_opml.storage.releases import store_artifacts
from tests.support import counted, faults, small
from tests.support.builders import make_conditions, make_result, make_run
from tests.support.workbench import InlineLauncher

pytestmark = pytest.mark.tensorflow  # in this process, or in workers

MAKING_AND_MEASURING = ["make_artifact", "measure_artifact"]
Start = Callable[..., CaseRunner]


def make_case(technique: str = "baseline", dataset: str = counted.NAME, **changes: Any) -> Case:
    values = {"model": small.NAME, "weights": "none", "size": 16, "epochs": 1, "subset": 400} | changes
    return Case(dataset=dataset, technique=technique, **values)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.fixture
def start(project: Path, cache_dir: Path) -> Start:
    """Starts the case runner of a run in a project of its own, with the cache of all tests or one of its own."""

    def begin(
        launcher: Launcher, shared: Path | None = None, plan: CollectedRun = NOTHING_COLLECTED, **settings: Any
    ) -> CaseRunner:
        table = {"store": f"sqlite:///{project}/history.db", "compare_seconds": 0.1, "data_dir": "data"}
        folders = {"cache_dir": str(cache_dir), "release_dir": "releases"}
        read = build_settings(table | folders | settings, {}, project)
        options = RunOptions(settings=read, device=detect("cpu", 2), plan=plan)
        heard: list[tuple[Case, Progress]] = []
        baselines = Baselines(read, project, None)
        return CaseRunner(launcher, options, baselines, SharedResults(shared, "cpu"), lambda *said: heard.append(said))

    return begin


def measured(runner: CaseRunner, case: Case, reference: Result | None = None) -> Result:
    return runner.run_case(case, NO_OVERRIDES, reference=reference).require()


def test_a_case_is_made_and_then_measured_within_its_seconds_in_all(start: Start) -> None:
    launcher = InlineLauncher()
    result = measured(start(launcher, timeout=1000.0, memory_mb=8000.0), make_case())
    assert launcher.ran == MAKING_AND_MEASURING
    making, measuring = launcher.limits
    assert making == ProcessLimits(1000.0, 8e9)
    assert measuring[:2] == making[:2]
    assert 0 < measuring.spent < 1000
    assert (result.case, result.vs_reference, result.vs_baseline) == (make_case(), None, None)


def test_training_alone_has_the_devices_of_a_case(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = InlineLauncher()
    failed = start(launcher).run_case(make_case(devices=2), NO_OVERRIDES).failure
    assert failed
    assert (failed.kind, launcher.limits[-1].devices) == ("usage", 2)
    assert failed.message.startswith("devices = 2: TensorFlow has 1 CPU here to train on; write devices=1")
    monkeypatch.setattr(training, "scope_of", lambda devices: nullcontext)
    result = measured(start(launcher), make_case(devices=2))
    assert [limits.devices for limits in launcher.limits] == [2, 2, 1]
    assert result.training.devices == 2
    assert "trained on 2 devices, each with its share of every batch; measured on one" in result.notes


def not_measured(task: str) -> WorkerFailed | None:
    """Spares a test the seconds of measuring, where what was asked for is enough."""
    return WorkerFailed("crash", "planted", "") if task == "measure_artifact" else None


def test_what_a_worker_was_building_when_it_was_ended_goes_with_it(start: Start, project: Path) -> None:
    def end(_task: str) -> WorkerFailed:
        (project / "cache" / "building" / "half").mkdir(parents=True)
        return WorkerFailed("timeout", "planted", "")

    assert start(InlineLauncher(end), cache_dir="cache").run_case(make_case(), NO_OVERRIDES).failure
    assert list((project / "cache" / "building").iterdir()) == []


def test_what_is_given_to_a_launcher_names_folders_of_the_machine_in_one_place(start: Start, project: Path) -> None:
    launcher = InlineLauncher(not_measured)
    start(launcher).run_case(make_case("cluster-16"), NO_OVERRIDES, reference=make_result())
    assert launcher.ran == MAKING_AND_MEASURING
    for arguments in launcher.arguments:
        *travelling, paths = arguments
        assert str(project) in repr(paths)
        assert str(project) not in repr(travelling)


def test_each_case_loads_its_data_once_whatever_the_cache_holds(start: Start, project: Path) -> None:
    data = project / "data"
    for _ in ("an empty cache", "a full cache"):
        runner = start(ProcessLauncher(None), cache_dir="cache")
        reference = measured(runner, make_case())
        assert counted.loads(data) == 1
        candidate = measured(runner, make_case("cluster-8+float16"), reference)
        assert candidate.vs_reference is not None  # without loading them for the reference again
        assert counted.loads(data) == 1
        assert candidate.test_samples == reference.test_samples
    assert len(list((project / "cache" / "entries").glob("artifact-*"))) == 2


def test_changed_data_are_noticed_whatever_the_cache_holds(start: Start, project: Path) -> None:
    def built() -> str:
        return start(InlineLauncher()).make(make_artifact, make_case(), NO_OVERRIDES).artifact

    before = built()
    assert built() == before
    (project / "data" / "pixel").write_text("77")
    assert built() != before


def test_a_release_is_measured_again_on_the_same_data(start: Start, project: Path) -> None:
    run = make_run([measured(start(InlineLauncher(), cache_dir="cache"), make_case())], device=detect("cpu", 2))
    store_artifacts(run, project / "cache", project / "releases")
    with open_store(f"sqlite:///{project}/history.db") as history:
        history.append(run)
        history.promote(Release(run.run_id, datetime.now(timezone.utc), "v1"))
    counted.loads(project / "data")
    launcher = InlineLauncher()
    outcome = start(launcher, baseline="release", cache_dir="cache").run_case(make_case(), NO_OVERRIDES)
    assert launcher.ran == ["make_artifact", "measure_release", "measure_artifact"]
    assert counted.loads(project / "data") == 1
    assert outcome.baseline is not None
    assert outcome.baseline.remeasured
    assert outcome.baseline.result.passes_s != run.results[0].passes_s
    assert outcome.require().vs_baseline is not None
    assert [limits.spent > 0 for limits in launcher.limits] == [False, False, True]

    def fail(task: str) -> WorkerFailed | None:
        return WorkerFailed("crash", "planted", "") if task == "measure_release" else None

    outcome = start(InlineLauncher(fail), baseline="release", cache_dir="cache").run_case(make_case(), NO_OVERRIDES)
    assert outcome.baseline is not None
    assert (outcome.baseline.remeasured, outcome.baseline.result) == (False, run.results[0])
    assert outcome.baseline.remeasure_error == "its artifact could not be measured again: planted"
    assert outcome.require().vs_baseline is None


@pytest.mark.parametrize(("is_judged", "limits"), [(False, []), (True, ["inference_s"])])
def test_a_case_that_only_others_compare_with_is_held_to_nothing(
    start: Start, is_judged: bool, limits: list[str]
) -> None:
    launcher = InlineLauncher(not_measured)
    overrides = NO_OVERRIDES._replace(budgets=parse_budgets({"inference_s": {"max": 10.0}}, "test"))
    start(launcher).run_case(make_case(), overrides, is_judged=is_judged)
    _, _, plan, _ = launcher.arguments[-1]
    assert list(plan.on_times.limits) == limits


class Talkative(InlineLauncher):
    """Runs no task: each says that it is at work and that it waits, and the measuring fails."""

    def run(
        self,
        task: Callable[..., Value],
        arguments: tuple[Any, ...],
        limits: ProcessLimits,
        on_progress: Callable[[Progress], None] = ignore_progress,
    ) -> Value:
        del arguments, limits
        on_progress(Progress(task.__name__))
        on_progress(Progress("waiting", is_waiting=True))
        on_progress(Progress("a store is down", is_note=True))
        if failure := not_measured(task.__name__):
            raise failure
        return cast("Value", None)


def test_only_what_is_heard_of_making_an_artifact_is_building(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = start(Talkative())
    heard: list[Progress] = []
    monkeypatch.setattr(runner, "_on_progress", lambda _case, progress: heard.append(progress))
    assert runner.run_case(make_case(), NO_OVERRIDES).failure
    assert [(progress.stage, progress.is_building) for progress in heard if progress.stage.endswith("artifact")] == [
        ("make_artifact", True),
        ("measure_artifact", False),
    ]
    assert not any(progress.is_building for progress in heard if progress.is_waiting or progress.is_note)


class MachineThatBecomesQuiet(InlineLauncher):
    """Builds a case, and answers its measurements: the first too slow beside other work, the next as it is."""

    def run(
        self,
        task: Callable[..., Value],
        arguments: tuple[Any, ...],
        limits: ProcessLimits,
        on_progress: Callable[[Progress], None] = ignore_progress,
    ) -> Value:
        if not task.__name__.startswith("measure"):
            return super().run(task, arguments, limits, on_progress)
        self.ran.append(task.__name__)
        self.arguments.append(arguments)
        self.limits.append(limits)
        is_busy = task.__name__ == "measure_artifact"
        conditions = make_conditions().model_copy(update={"disturbed": {"offline": "other work"} if is_busy else {}})
        answer: Any = make_result(case=arguments[0], inference_s=14.0 if is_busy else 7.0, conditions=conditions)
        return cast("Value", answer)


@pytest.mark.parametrize(("limit", "again"), [(10.0, ["measure_when_quiet"]), (20.0, [])])
def test_a_case_that_is_too_slow_on_a_busy_machine_is_measured_again(
    start: Start, limit: float, again: list[str]
) -> None:
    launcher = MachineThatBecomesQuiet()
    overrides = NO_OVERRIDES._replace(budgets=parse_budgets({"inference_s": {"max": limit}}, "test"))
    result = start(launcher, timeout=1000.0).run_case(make_case(), overrides).require()
    assert launcher.ran == [*MAKING_AND_MEASURING, *again]
    assert result.inference_s.value == (7.0 if again else 14.0)
    if again:
        *_, longest = launcher.arguments[-1]
        assert longest == 60.0
        assert launcher.limits[-1].seconds == 1000.0  # of the case in all
        assert launcher.limits[-1].spent > launcher.limits[-2].spent


@pytest.mark.parametrize(("limit", "again"), [(10.0, ["measure_when_quiet"]), (20.0, [])])
def test_a_reference_is_measured_again_where_those_beside_it_would_fail_by_its_time(
    start: Start, limit: float, again: list[str]
) -> None:
    candidate = make_case("cluster-16").id
    gate = {"case": [{"match": candidate, "inference_s": {"max": limit}}]}
    launcher = MachineThatBecomesQuiet()
    runner = start(launcher, plan=CollectedRun(cases={candidate: "test"}), gate=gate)
    runner.run_case(make_case(), NO_OVERRIDES, is_judged=False).require()
    assert launcher.ran == [*MAKING_AND_MEASURING, *again]


@pytest.mark.parametrize("failing", MAKING_AND_MEASURING)
def test_a_failure_of_any_task_is_what_comes_of_the_case(start: Start, failing: str) -> None:
    def fail(task: str) -> WorkerFailed | None:
        return WorkerFailed("crash", f"\udcff {task}", "log") if task == failing else None

    launcher = InlineLauncher(fail)
    outcome = start(launcher).run_case(make_case(), NO_OVERRIDES)
    assert outcome.result is None
    assert outcome.failure is not None
    assert (outcome.failure.case, outcome.failure.kind) == (make_case(), "crash")
    assert (outcome.failure.message, outcome.failure.log_tail) == (f"\\udcff {failing}", "log")
    assert launcher.ran[-1] == failing


def test_a_users_mistake_is_told_from_an_error(start: Start) -> None:
    wrong = start(InlineLauncher()).run_case(make_case(dataset=f"{faults.__name__}:single_class"), NO_OVERRIDES)
    broken = start(InlineLauncher()).run_case(make_case(dataset=f"{faults.__name__}:broken_code"), NO_OVERRIDES)
    assert [outcome.failure and outcome.failure.kind for outcome in (wrong, broken)] == ["usage", "error"]


def test_what_another_process_of_the_run_measured_is_taken_over(start: Start, project: Path) -> None:
    first = start(InlineLauncher(), shared=project / "shared").run_case(make_case(), NO_OVERRIDES)
    launcher = InlineLauncher()
    second = start(launcher, shared=project / "shared").run_case(make_case(), NO_OVERRIDES)
    assert launcher.ran == []
    assert second == first


def test_no_room_for_temporary_files_is_a_failure_of_the_case(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise WorkerFailed("usage", "temporary files: No space left", "")

    monkeypatch.setattr(case_runner, "temporary_folder", refuse)
    outcome = start(InlineLauncher()).run_case(make_case(), NO_OVERRIDES)
    assert outcome.failure is not None
    assert outcome.failure.message == "temporary files: No space left"


def test_a_device_that_others_hold_ends_the_case_after_the_wait_and_the_next_one_at_once(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    waits: list[float] = []

    @contextlib.contextmanager
    def held(_device: Device, _on_wait: object, longest_s: float) -> Iterator[None]:
        waits.append(longest_s)
        if len(waits) < 3:
            raise DeviceBusy("the device cpu was not free within 7 s")
        yield

    monkeypatch.setattr(case_runner, "exclusive_device", held)
    launcher, shared = InlineLauncher(not_measured), tmp_path / "shared"
    runner = start(launcher, shared, wait=7.0)
    for technique in ("baseline", "cluster-16"):
        failure = runner.run_case(make_case(technique), NO_OVERRIDES).failure
        assert failure is not None
        assert (failure.kind, failure.message) == ("device_busy", "the device cpu was not free within 7 s")
    assert not list(shared.glob("*.json"))  # another process of the run may be luckier
    for _ in range(2):
        runner.run_case(make_case("cluster-8"), NO_OVERRIDES)
        shutil.rmtree(shared)
    assert waits == [7.0, 0.0, 0.0, 7.0]
    assert launcher.ran == ["make_artifact"] * 2 + MAKING_AND_MEASURING * 2  # training did not wait
