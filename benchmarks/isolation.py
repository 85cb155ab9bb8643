"""What a process of its own costs each case after the first: to fork it, to hand things over, and to end it.

First a function that returns at once; then a case whose artifact lies in the cache, less the seconds that measuring it
takes inside the worker.

Run as a program (``python benchmarks/isolation.py``).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from workers import LIMITS, Setup, artifact, cpu_setup, in_worker

from pytest_opml.case import Case
from pytest_opml.runner.launchers.process import ProcessLauncher, start_server
from pytest_opml.runner.options import MeasurementPlan
from pytest_opml.runner.tasks import make_artifact, measure_artifact

_TARGET_S = 0.3


def nothing() -> None:
    """In a worker: return at once."""


def timed(case: Case, setup: Setup) -> float:
    """In a worker: what a run has it do for a case whose artifact is made, and the seconds that took."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        paths = replace(setup.paths, case_dir=Path(folder))
        plan = MeasurementPlan(device=setup.build.device, time_weights={"inference": 1.0}, reference_samples=10_000)
        measure_artifact(case, make_artifact(case, setup.build, paths), plan, paths)
    return time.perf_counter() - started


def _seconds(call: Callable[[], float], count: int) -> list[float]:
    """Seconds of each call but the first, less what the call returns."""
    taken = []
    for _ in range(count + 1):
        started = time.perf_counter()
        inside = call()
        taken.append(time.perf_counter() - started - inside)
    return taken[1:]


def _line(name: str, seconds: list[float]) -> str:
    middle, low, high = statistics.median(seconds), min(seconds), max(seconds)
    return f"{name}: median {middle:.3f} s, {low:.3f} to {high:.3f} s, n={len(seconds)}"


def main() -> None:
    """Print what both take, and the cost of a case against its target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=30)
    parser.add_argument("--cases", type=int, default=10)
    given = parser.parse_args()
    start_server()

    def start_and_end() -> float:
        ProcessLauncher(None).run(nothing, (), LIMITS)
        return 0.0

    print(_line("a function that returns at once", _seconds(start_and_end, given.workers)), flush=True)

    case = Case(dataset="digits", model="efficientnet_lite0", technique="int8")
    setup = cpu_setup()
    in_worker(artifact, case, setup)

    def measure() -> float:
        return in_worker(timed, case, setup)

    seconds = _seconds(measure, given.cases)
    print(_line("a case, less its measuring", seconds))
    print(f"isolation: {statistics.median(seconds):.2f} s a case (median), target {_TARGET_S} s")


if __name__ == "__main__":
    main()
