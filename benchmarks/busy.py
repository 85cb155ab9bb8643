"""What the gate says of limits on times while another process loads the machine: never that they fail.

The same artifact is measured over and over, so nothing ever changed. The absolute limits are 30 % above the medians of
a quiet machine; then another process loads 1.5 of 2 cores, and each gate is a run's own: builds, measures, measures
again where the machine becomes quiet, and judges. ``--pause`` has the load rest now and then.

Run as a program: ``python benchmarks/busy.py``; the figures and the machine are in ``docs/gate.md``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pytest_opml.case import Case
from pytest_opml.gate.verdict import JudgedResult, judge
from pytest_opml.measure.device import detect
from pytest_opml.metrics import METRICS
from pytest_opml.records.result import Result
from pytest_opml.records.run import Check
from pytest_opml.runner.baselines import Baselines
from pytest_opml.runner.case_runner import CaseRunner
from pytest_opml.runner.launchers.process import ProcessLauncher, start_server
from pytest_opml.runner.options import RunOptions
from pytest_opml.runner.plan import NO_OVERRIDES, NOTHING_COLLECTED
from pytest_opml.runner.shared_results import SharedResults
from pytest_opml.settings import build_settings

_METRICS = ("inference_s", "latency_ms.p50", "latency_ms.p99")
_ABOVE = 1.3
# Busy for three quarters of each tenth of a second, and with a pause, not at all for every other so many seconds.
_LOAD = """
import sys, time
pause = float(sys.argv[1])
while True:
    until = time.perf_counter() + 0.075
    while time.perf_counter() < until and not (pause and time.time() % (2 * pause) > pause):
        pass
    time.sleep(0.025)
"""


class Gate(NamedTuple):
    """What came of one gate, and how long it took."""

    checks: tuple[Check, ...]
    result: Result
    seconds: float


@contextmanager
def _load(processes: int, pause: float) -> Iterator[None]:
    started = [subprocess.Popen([sys.executable, "-c", _LOAD, str(pause)]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def _gate(case: Case, limits: dict[str, float], max_seconds: float) -> Gate:
    """Have the case measured and judged as a run does."""
    table = {"max_seconds": max_seconds} | {name: {"max": limit} for name, limit in limits.items()}
    settings = build_settings({"store": "none", "gate": table}, {}, Path.cwd())
    options = RunOptions(settings=settings, device=detect("cpu", None), plan=NOTHING_COLLECTED)
    baselines = Baselines(settings, Path.cwd(), None)
    runner = CaseRunner(ProcessLauncher(None), options, baselines, SharedResults(None), lambda *_: None)
    began = time.monotonic()
    result = runner.run_case(case, NO_OVERRIDES).require()
    checks = judge(options.budgets(case.id, NO_OVERRIDES), JudgedResult(result), options.terms)
    return Gate(checks, result, time.monotonic() - began)


def _quiet_medians(case: Case, count: int, is_patient: bool) -> dict[str, float]:
    """Return the medians of measurements, on a quiet machine or, where that is not to be had, the least of any."""
    taken: list[Result] = []
    while len(taken) < count:
        result = _gate(case, {}, 0.0).result
        disturbed = {result.conditions.disturbed.get("offline"), result.conditions.disturbed.get("single")} - {None}
        if disturbed:
            print("not quiet:", *disturbed, flush=True)
        if not (disturbed and is_patient):
            taken.append(result)
    middle = statistics.median if is_patient else min
    return {name: middle(METRICS[name].read(result) or 0.0 for result in taken) for name in _METRICS}


def _line(gate: Gate) -> str:
    texts = [f"{check.metric} {METRICS[check.metric].format(check.value)}: {check.verdict}" for check in gate.checks]
    again = ", measured again" if any("measured again" in note for note in gate.result.notes) else ""
    why = {check.reason for check in gate.checks if check.busy}
    return f"{', '.join(texts)} ({gate.seconds:.0f} s{again}) {'; '.join(why)}"


def main() -> None:
    """Print each gate and what they come to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gates", type=int, default=40)
    parser.add_argument("--technique", default="int8")
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--quiet", type=int, default=5, help="measurements on the quiet machine")
    parser.add_argument("--least", action="store_true", help="do not wait for it: take the least of so many instead")
    parser.add_argument("--max-seconds", type=float, default=4.0, help="of the gate; 60 is its default")
    parser.add_argument("--processes", type=int, default=2, help="of the load, each three quarters of a core")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds that the load rests after as many; 0: never")
    given = parser.parse_args()
    start_server()
    case = Case(dataset="digits", model=given.model, technique=given.technique)
    medians = _quiet_medians(case, given.quiet, is_patient=not given.least)
    limits = {name: _ABOVE * value for name, value in medians.items()}
    print("limits:", ", ".join(f"{name} {METRICS[name].format(value)}" for name, value in limits.items()), flush=True)
    verdicts: dict[str, Counter[str]] = {name: Counter() for name in _METRICS}
    seconds, repeated, excused, worst = [], 0, 0, Counter[str]()
    with _load(given.processes, given.pause):
        for number in range(1, given.gates + 1):
            gate = _gate(case, limits, given.max_seconds)
            print(f"{number:3} {_line(gate)}", flush=True)
            seconds.append(gate.seconds)
            repeated += "measured again" in _line(gate)
            excused += any(check.busy for check in gate.checks)
            for check in gate.checks:
                verdicts[check.metric][f"{check.verdict}{', busy' if check.busy else ''}"] += 1
            outcomes = {check.verdict for check in gate.checks}
            worst[next(verdict for verdict in ("fail", "inconclusive", "pass") if verdict in outcomes)] += 1
    for name, counts in verdicts.items():
        print(f"{name}: {dict(counts)}")
    print(
        f"{given.gates} gates: {worst['pass']} pass, {worst['inconclusive']} inconclusive, {worst['fail']} fail; "
        f"{excused} failed but for the load, {repeated} have times that were measured again; "
        f"{statistics.median(seconds):.0f} s each (median), {max(seconds):.0f} s (most)"
    )


if __name__ == "__main__":
    main()
