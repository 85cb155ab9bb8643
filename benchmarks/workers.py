"""What the programs of this folder share that run a case in worker processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pytest_opml.case import Case
from pytest_opml.datasets.input_set import InputSet
from pytest_opml.measure.device import detect
from pytest_opml.runner.case_data import load_data
from pytest_opml.runner.launchers.base import ProcessLimits
from pytest_opml.runner.launchers.process import ProcessLauncher
from pytest_opml.runner.options import BuildOptions, LocalPaths
from pytest_opml.runner.tasks import artifact_file, make_artifact
from pytest_opml.settings import build_settings
from pytest_opml.stats.sequential import NO_SAMPLING, SamplingPlan

LIMITS = ProcessLimits(7200, None)
_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a worker is told: how to build a case, where things lie, and how long to sample."""

    build: BuildOptions
    paths: LocalPaths
    sampling: SamplingPlan = NO_SAMPLING

    @property
    def threads(self) -> int:
        """Threads that a runtime may use."""
        return self.build.device.threads


def cpu_setup(sampling: SamplingPlan = NO_SAMPLING) -> Setup:
    """Return the setup of the CPU here and the user's cache."""
    paths = LocalPaths(cache_dir=build_settings({}, {}, Path.cwd()).cache_dir)
    return Setup(build=BuildOptions(device=detect("cpu", None)), paths=paths, sampling=sampling)


def in_worker(function: Callable[[Case, Setup], _Value], case: Case, setup: Setup) -> _Value:
    """Return what a function makes of a case in a fresh process."""
    return ProcessLauncher(None).run(function, (case, setup), LIMITS)


def artifact(case: Case, setup: Setup) -> Path:
    """In a worker: the file of the case's artifact, which is made unless the cache holds it."""
    return artifact_file(make_artifact(case, setup.build, setup.paths), setup.paths)


def test_images(case: Case, setup: Setup) -> InputSet:
    """In a worker: the test images of the case."""
    return load_data(case, setup.paths.data_dir).x_test
