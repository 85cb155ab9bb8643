"""How far a ratio that was measured side by side can be trusted, on the machine that this runs on.

``aa`` compares an artifact with itself, where the truth is 1, and counts how often the 95 % interval holds it;
with ``--load`` another process keeps one core busy meanwhile. ``separate`` sets side by side beside two runs one after
the other, for the same time in all.

Run as a program: ``python benchmarks/side_by_side.py aa``; the figures and the machine are in ``docs/measuring.md``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from workers import Setup, artifact, cpu_setup, in_worker, test_images

from pytest_opml.case import Case
from pytest_opml.measure.side_by_side import Pair, compare
from pytest_opml.records.result import Ratio
from pytest_opml.runner.launchers.process import start_server
from pytest_opml.runtimes.base import Runtime
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.stats.sequential import SamplingPlan


def compare_with_itself(case: Case, setup: Setup) -> Ratio:
    """In a worker: the artifact beside itself."""
    path, threads = artifact(case, setup), setup.threads
    images = test_images(case, setup).take(range(case.batch))

    def open_pair(reference_first: bool) -> Pair:
        first, second = (open_artifact(path, threads=threads) for _ in range(2))
        return Pair(second, first) if reference_first else Pair(first, second)

    return compare(open_pair, {"offline": images}, setup.sampling)["offline"]


def median_alone(case: Case, setup: Setup) -> float:
    """In a worker: the median seconds of a batch, by itself."""
    runtime: Runtime = open_artifact(artifact(case, setup), threads=setup.threads)
    placed = runtime.place(test_images(case, setup).take(range(case.batch)))
    for _ in range(5):
        runtime.run(placed)
    taken, until = [], time.perf_counter() + setup.sampling.seconds
    while time.perf_counter() < until:
        started = time.perf_counter()
        runtime.run(placed)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


@contextmanager
def _load(busy: bool) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if busy else None
    try:
        yield
    finally:
        if process:
            process.kill()
            process.wait()


def _aa(case: Case, setup: Setup, comparisons: int, busy: bool) -> None:
    widths, held, centres = [], 0, []
    with _load(busy):
        for number in range(1, comparisons + 1):
            ratio = in_worker(compare_with_itself, case, setup)
            inside = ratio.low <= 1 <= ratio.high
            held += inside
            widths.append(ratio.half_width)
            centres.append(abs(ratio.value - 1))
            print(
                f"{number:3} ratio {ratio.value:.4f}, interval {ratio.low:.4f} to {ratio.high:.4f}"
                f" ({ratio.quads} quads){'' if inside else '  <- does not hold 1'}",
                flush=True,
            )
    print(
        f"{case.technique}, {setup.sampling.seconds:g} s each{', one core loaded' if busy else ''}: "
        f"{held} of {comparisons} intervals hold 1; half-width {100 * statistics.median(widths):.2f} % (median), "
        f"{100 * max(widths):.2f} % (largest); ratio off by {100 * max(centres):.2f} % at most"
    )


def _separate(case: Case, setup: Setup, comparisons: int, busy: bool) -> None:
    together, apart = [], []
    alone = replace(setup, sampling=SamplingPlan(seconds=setup.sampling.seconds / 2))
    with _load(busy):
        for number in range(1, comparisons + 1):
            together.append(in_worker(compare_with_itself, case, setup).value)
            first, second = (in_worker(median_alone, case, alone) for _ in range(2))
            apart.append(second / first)
            print(f"{number:3} side by side {together[-1]:.4f}, one after the other {apart[-1]:.4f}", flush=True)
    for name, ratios in (("side by side", together), ("one after the other", apart)):
        off = [abs(ratio - 1) for ratio in ratios]
        alarms = ", ".join(f"{sum(x > limit for x in off)} beyond {limit:.0%}" for limit in (0.03, 0.05))
        print(f"{name}: off by {100 * statistics.median(off):.2f} % (median), {100 * max(off):.2f} % (most); {alarms}")


def main() -> None:
    """Print each comparison and what they come to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["aa", "separate"])
    parser.add_argument("--technique", default="int8")
    parser.add_argument("--comparisons", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0, help="of sampling for each comparison")
    parser.add_argument("--load", action="store_true", help="keep one core busy meanwhile")
    given = parser.parse_args()
    start_server()
    case = Case(dataset="digits", model="efficientnet_lite0", technique=given.technique)
    setup = cpu_setup(SamplingPlan(seconds=given.seconds))
    in_worker(artifact, case, setup)
    (_aa if given.what == "aa" else _separate)(case, setup, given.comparisons, given.load)


if __name__ == "__main__":
    main()
