"""What a run's tasks do, in the process of the test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_opml.case import Case
from pytest_opml.progress import Progress
from pytest_opml.records.device import Device
from pytest_opml.records.result import Result
from pytest_opml.runner.builder import ArtifactBuilder, BuiltArtifact
from pytest_opml.runner.case_data import load_data
from pytest_opml.runner.launchers.base import Launcher, ProcessLimits, Value, WorkerFailed, ignore_progress
from pytest_opml.runner.launchers.child import attempt
from pytest_opml.runner.options import BuildOptions, LocalPaths, MeasurementPlan
from pytest_opml.runner.tasks import make_artifact, measure_artifact
from pytest_opml.storage.cache import Cache


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """What cases are built and measured with."""

    paths: LocalPaths
    build: BuildOptions
    plan: MeasurementPlan

    @property
    def device(self) -> Device:
        return self.build.device

    def on(self, device: Device) -> Workbench:
        """The same on another device."""
        return replace(self, build=replace(self.build, device=device), plan=replace(self.plan, device=device))

    def planned(self, **changes: Any) -> Workbench:
        """The same with another plan for measuring."""
        return replace(self, plan=replace(self.plan, **changes))

    def builder(self, case: Case) -> ArtifactBuilder:
        return ArtifactBuilder(case, load_data(case, self.paths.data_dir), self.device, Cache(self.paths.cache_dir))

    def make(self, case: Case) -> BuiltArtifact:
        return self.builder(case).make()

    def measure(self, case: Case) -> Result:
        with tempfile.TemporaryDirectory() as folder:
            paths = replace(self.paths, case_dir=Path(folder))
            return measure_artifact(case, make_artifact(case, self.build, paths), self.plan, paths)

    def entries(self, kind: str) -> set[Path]:
        return set(self.paths.cache_dir.glob(f"entries/{kind}-*"))


class InlineLauncher(Launcher):
    """Runs tasks in this process, and remembers them; nothing limits what they take.

    Args:
        fail: what to do instead of running a task; None runs it.
    """

    def __init__(self, fail: Callable[[str], WorkerFailed | None] = lambda _: None) -> None:
        self.ran: list[str] = []
        self.arguments: list[tuple[Any, ...]] = []
        self.limits: list[ProcessLimits] = []
        self._fail = fail

    def run(
        self,
        task: Callable[..., Value],
        arguments: tuple[Any, ...],
        limits: ProcessLimits,
        on_progress: Callable[[Progress], None] = ignore_progress,
    ) -> Value:
        self.ran.append(task.__name__)
        self.arguments.append(arguments)
        self.limits.append(limits)
        if failure := self._fail(task.__name__):
            raise failure
        on_progress(Progress(task.__name__))
        kind, value = attempt(lambda: task(*arguments))
        if kind != "done":
            raise WorkerFailed(kind, value, "")
        done: Value = value
        return done
