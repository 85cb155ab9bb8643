"""A run on a cluster of Ray's on this machine, whose nodes pretend to have accelerators.

``kills``: 20 cases of small trained networks on each kind, on 2 "V100", 1 "P100" and 1 CPU node, while nodes are killed
at random moments and replaced. Is each case there once, and are accuracy and size those of a run without a fleet?

Each run has a cache of its own, so that all models are made in it.

``overhead``: what a unit takes on a node, after the node's first, beyond what it takes in a run on this machine.

``units``: what the driver takes for units that do nothing: seconds to submit and to collect them, and its memory.

Run as a program (``python benchmarks/fleet.py kills --runs 5 --kills 4``, ``... overhead``, ``... units``).
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.processes import python_path  # noqa: E402
from tests.support.ray_cluster import PretendedFleet, pretended_fleet  # noqa: E402

_KINDS = ("v100", "v100", "p100", "cpu")
_BENCH = """
import pytest
from pytest_opml import Case

TECHNIQUES = ("baseline", "cluster-16", "prune-0.5", "float16", "palettize-4")
CASES = [
    Case(dataset="digits", model="tests.support.small:build", technique=technique, weights="none", size=16, epochs=2,
         unfreeze="all", seed=seed)
    for seed in range(4) for technique in TECHNIQUES
]

@pytest.mark.parametrize("case", CASES, ids=str)
def bench_it(case, opml):
    opml(case)
"""
Figures = dict[tuple[str, str], tuple[float, int]]


def _run(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    common = ("bench", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--opml-compare-seconds=0.3")
    command = [sys.executable, "-m", "pytest", *common, "--opml-store=none", "--opml-json=run.json", *arguments]
    environment = os.environ | {"PYTHONPATH": python_path()}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _figures(folder: Path) -> tuple[int, Figures]:
    """How many results the record has, and accuracy and size of each case on each kind."""
    from pytest_opml.history.record_files import read_record

    record = read_record(folder / "run.json")
    return len(record.results), {one.key: (one.quality.value, one.artifact.size_bytes) for one in record.results}


def _finished(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate()
    return output.strip().splitlines()[-1]


def _with_kills(fleet: PretendedFleet, folder: Path, moments: list[float]) -> tuple[float, str]:
    """One run; nodes are killed so many seconds after its start, and replaced. Returns its seconds and last line."""
    cache = tempfile.mkdtemp(prefix="cache", dir=folder.parent)
    started = time.monotonic()
    kinds = ",".join(dict.fromkeys(_KINDS))
    process = _run(folder, f"--opml-fleet={fleet.address}", f"--opml-gpu={kinds}", f"--opml-cache-dir={cache}")
    for moment in sorted(moments):
        while time.monotonic() - started < moment and process.poll() is None:
            time.sleep(0.1)
        if process.poll() is not None:
            print(f"  the run had ended before {moment:.0f} s")
            break
        kind = random.choice(_KINDS)
        fleet.kill(fleet.node_of(kind))
        print(f"  {moment:.0f} s: killed a {kind} node", flush=True)
        fleet.keep(_KINDS)
    line = _finished(process)
    return time.monotonic() - started, line


def _compared(own: Figures, folder: Path) -> str:
    """What the record of a run on the fleet has, beside the figures of a run here."""
    total, there = _figures(folder)
    differing = {key: (figures, own[key[0], "cpu"]) for key, figures in there.items() if figures != own[key[0], "cpu"]}
    for (case, kind), (on_fleet, local) in differing.items():
        print(f"  {case} on {kind}: {on_fleet}, and {local} here", flush=True)
    return f"{total} results of {len(there)} cases, {len(differing)} with another accuracy or size than here"


def kills(runs: int, count: int, seed: int) -> None:
    """Print what came of runs whose nodes are killed."""
    random.seed(seed)
    with tempfile.TemporaryDirectory() as name, pretended_fleet(_KINDS) as fleet:
        folder = Path(name) / "project"
        (folder / "bench").mkdir(parents=True)
        (folder / "bench" / "bench_it.py").write_text(_BENCH, "utf-8")
        here = _run(folder, "--opml-gpu=cpu", f"--opml-cache-dir={name}/cache")
        print("without a fleet:", _finished(here), flush=True)
        _, own = _figures(folder)
        seconds, line = _with_kills(fleet, folder, [])
        print(f"on the fleet, no node killed: {seconds:.0f} s; {_compared(own, folder)}; {line}", flush=True)
        for number in range(runs):
            moments = [random.uniform(0.1, 1.0) * seconds for _ in range(count)]
            taken, line = _with_kills(fleet, folder, moments)
            print(f"run {number + 1}: {taken:.0f} s; {_compared(own, folder)}; {line}", flush=True)


_FILES = """
import pytest
from pytest_opml import Case

CASES = [Case(dataset="rows.npz", model=f"m{number}.onnx", unfreeze=0) for number in range(%d)]

@pytest.mark.parametrize("case", CASES, ids=str)
def bench_it(case, opml):
    opml(case)
"""


def overhead(count: int) -> None:
    """Print what each further unit takes, here and on a node, in runs with few and with many; in turn, three times."""
    from tests.support.onnx_files import write_classifier, write_rows

    few = 2
    with tempfile.TemporaryDirectory() as name, pretended_fleet(("cpu",)) as fleet:
        folder = Path(name)
        (folder / "bench").mkdir()
        write_rows(folder / "rows.npz")
        for number in range(count):
            write_classifier(folder / f"m{number}.onnx", seed=number)
        for _ in range(3):
            each = {}
            for where, arguments in {"here": [], "on a node": [f"--opml-fleet={fleet.address}"]}.items():
                seconds = []
                for cases in (few, count):
                    (folder / "bench" / "bench_it.py").write_text(_FILES % cases, "utf-8")
                    started = time.monotonic()
                    line = _finished(_run(folder, "--opml-gpu=cpu", *arguments))
                    seconds.append(time.monotonic() - started)
                    if "exit code 0" not in line:
                        raise SystemExit(line)
                each[where] = (seconds[1] - seconds[0]) / (count - few)
            texts = [f"{taken:.2f} s {where}" for where, taken in each.items()]
            print(f"each further unit: {', '.join(texts)}; {each['on a node'] - each['here']:+.2f} s", flush=True)


def _nothing(_order: Any, unit: Any, _board: Any, _project: bytes) -> Any:
    from pytest_opml.runner.fleet.orders import UnitAnswer
    from pytest_opml.runner.shared_results import MeasuredCase

    return "a node", UnitAnswer({ordered.case.id: MeasuredCase() for ordered in unit.cases})


def units(count: int) -> None:
    """Print what the driver takes for units that do nothing."""
    from pytest_opml import Case
    from pytest_opml.records.result import Key
    from pytest_opml.runner.fleet.fleet_run import FleetRun
    from pytest_opml.runner.fleet.orders import OrderedCase, UnitOrder
    from pytest_opml.runner.fleet.ray_fleet import RayFleet
    from pytest_opml.runner.plan import CollectedRun
    from pytest_opml.settings import build_settings

    with tempfile.TemporaryDirectory() as name, pretended_fleet(_KINDS) as fleet:
        settings = build_settings({"fleet": fleet.address, "gpu": "v100", "store": "none"}, {}, Path(name))
        plan = CollectedRun()
        run = FleetRun(settings, Path(name), {"v100": plan}, print)
        run.devices.of("v100")
        assert isinstance(run.fleet, RayFleet)
        run.fleet._run = run.fleet._ray.remote(max_calls=0)(_nothing)
        cases = [Case(dataset="digits", model="small_cnn", seed=seed) for seed in range(count)]
        orders = [UnitOrder(key=case.id, cases=(OrderedCase(case=case),)) for case in cases]
        run.prepare(settings, plan, orders, lambda *_: None)
        before, started = psutil.Process().memory_info().rss, time.monotonic()
        run.start()
        submitted = time.monotonic() - started
        for case in cases:
            run.wait(Key(case.id, "v100"), lambda _: None)
        collected, grown = time.monotonic() - started, psutil.Process().memory_info().rss - before
        print(
            f"{count:,} units: submitted in {submitted:.1f} s, all collected after {collected:.1f} s; the driver grew "
            f"by {grown / 1e6:.0f} MB to {psutil.Process().memory_info().rss / 1e6:.0f} MB"
        )
        run.close()


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("kills", "overhead", "units"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--kills", type=int, default=4, help="in each run")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--units", type=int, default=10_000, help="that do nothing")
    parser.add_argument("--cases", type=int, default=12, help="that the overhead is measured with")
    given = parser.parse_args()
    if given.what == "kills":
        kills(given.runs, given.kills, given.seed)
    elif given.what == "overhead":
        overhead(given.cases)
    else:
        units(given.units)


if __name__ == "__main__":
    main()
