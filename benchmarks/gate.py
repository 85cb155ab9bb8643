"""How often the gate is wrong, on the machine that this runs on: false alarms, and slow-downs that it misses.

``record FILE`` times an artifact beside itself, as the gate does, and keeps each time. ``replay FILE`` puts what was
recorded through the gate's own sampling, as it is (nothing changed: every no is a false alarm) and with 6 % added to
the candidate (every yes is a miss), and through what pytest-benchmark and benchmatrix do with the same times.
``live`` has the gate sample a real model until it decides. ``accuracy`` draws test sets from what real models answered.

Run as a program: ``python benchmarks/gate.py live``; the figures and the machine are in ``docs/gate.md``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from workers import Setup, artifact, cpu_setup, in_worker, test_images

from pytest_opml.case import Case
from pytest_opml.datasets.splits import prepare
from pytest_opml.gate.budgets import GateTerms
from pytest_opml.measure import side_by_side
from pytest_opml.measure.side_by_side import Pair, compare
from pytest_opml.measure.timing import predict_all
from pytest_opml.records.result import Ratio
from pytest_opml.runner.launchers.process import start_server
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.stats import predictions
from pytest_opml.stats.evidence import PairedProportion, PairedTime
from pytest_opml.stats.sequential import SamplingPlan, TimeLimit

_LIMIT, _PLANTED = 1.03, 1.06
_SCENARIO = "offline"
_OPEN_S = 15.0


class Quad(NamedTuple):
    """Seconds of the candidate's two turns and of the reference's two, and which came first."""

    candidate: tuple[float, float]
    reference: tuple[float, float]
    swapped: bool


# --- recording


def recorded(case: Case, setup: Setup) -> list[list[Quad]]:
    """In a worker: the artifact beside itself, opened anew every 15 s; the times of each opening."""
    path, threads = artifact(case, setup), setup.threads
    images = test_images(case, setup).take(range(case.batch))
    openings: list[list[Quad]] = []
    for number in range(round(setup.sampling.seconds / _OPEN_S)):
        first, second = (open_artifact(path, threads=threads) for _ in range(2))
        reference_first = number % 2 == 1
        pair = Pair(second, first) if reference_first else Pair(first, second)
        candidate, reference = side_by_side._turns(pair, images, reference_first)
        quads: list[Quad] = []
        until = time.perf_counter() + _OPEN_S
        while time.perf_counter() < until:
            swapped = len(quads) % 2 == 1
            if swapped:
                b1, a1, a2, b2 = reference(), candidate(), candidate(), reference()
            else:
                a1, b1, b2, a2 = candidate(), reference(), reference(), candidate()
            quads.append(Quad((a1, a2), (b1, b2), swapped))
        openings.append(quads)
        del first, second, pair, candidate, reference
    return openings


def _record(case: Case, setup: Setup, sessions: int, file: Path) -> None:
    for number in range(1, sessions + 1):
        openings = in_worker(recorded, case, setup)
        with file.open("a") as lines:
            lines.write(json.dumps(openings) + "\n")
        print(f"{number:3} of {sessions}: {sum(map(len, openings))} quads", flush=True)


# --- what is made of recorded times


class _Playback:
    """A recorded session as the sampling meets it: a clock, and the next four turns of each opening.

    Openings in which the candidate was opened first, and those with the reference first, are two streams, since that
    makes a difference; both begin at the same share of their times and go round.
    """

    def __init__(self, openings: Sequence[Sequence[Quad]], start: float, factor: float) -> None:
        self.now, self._factor = 0.0, factor
        streams = [[quad for opening in openings[first::2] for quad in opening] for first in (0, 1)]
        self._quads = [self._round(stream, start) for stream in streams]
        self._openings = -1

    @staticmethod
    def _round(stream: list[Quad], start: float) -> Iterator[Quad]:
        at = int(start * len(stream))
        while True:
            yield stream[at % len(stream)]
            at += 1

    def perf_counter(self) -> float:
        """Seconds of the recorded turns so far."""
        return self.now

    def open(self) -> None:
        """The other order from here on."""
        self._openings += 1

    def quad(self, *_: object, **__: object) -> float:
        """The logarithm of the next ratio."""
        candidate, reference, _swapped = next(self._quads[self._openings % 2])
        self.now += sum(candidate) * self._factor + sum(reference)
        return float(np.log(sum(candidate) * self._factor / sum(reference)))


class Outcome(NamedTuple):
    """What a gate came to, after how many seconds of sampling."""

    verdict: str
    seconds: float


def _plan(terms: GateTerms) -> SamplingPlan:
    limits = {_SCENARIO: (TimeLimit(_LIMIT, above=True),)}
    return SamplingPlan(seconds=3.0, precision=0.02, limits=limits, max_seconds=terms.max_seconds, error=terms.error)


def _ours(openings: Sequence[Sequence[Quad]], start: float, factor: float) -> Outcome:
    """The gate's own sampling and verdict, on a recorded session."""
    terms = GateTerms()
    plan = _plan(terms)
    played = _Playback(openings, start, factor)
    kept = side_by_side._quad, side_by_side.time
    side_by_side._quad, side_by_side.time = played.quad, played  # type: ignore[assignment]
    try:
        sampling = side_by_side._sampling(plan, _SCENARIO)
        while not sampling.done:
            played.open()
            sampling.sample(None, None)  # type: ignore[arg-type]
    finally:
        side_by_side._quad, side_by_side.time = kept  # type: ignore[assignment]
    return Outcome(_verdict(sampling.ratio(), terms), played.now)


def _verdict(ratio: Ratio, terms: GateTerms) -> str:
    """What the gate says of ``max_increase = 3%``."""
    from pytest_opml.gate.verdict import _verdict as verdict_of

    return str(verdict_of(PairedTime(ratio), _LIMIT, False, terms)["verdict"])


def _times(openings: Sequence[Sequence[Quad]], side: str) -> list[float]:
    return [turn for opening in openings for quad in opening for turn in getattr(quad, side)]


def _pytest_benchmark(before: Sequence[Sequence[Quad]], after: Sequence[Sequence[Quad]], factor: float) -> Outcome:
    """``--benchmark-compare-fail=mean:3%``: the means of two runs that are some minutes apart."""
    old, new = _times(before, "reference"), [factor * taken for taken in _times(after, "candidate")]
    change = statistics.fmean(new) / statistics.fmean(old) - 1
    return Outcome("fail" if change > _LIMIT - 1 else "pass", sum(old) + sum(new))


def _benchmatrix(
    before: Sequence[Sequence[Quad]], after: Sequence[Sequence[Quad]], factor: float, *, paired: bool
) -> Outcome:
    """``benchmatrix compare --threshold 3``: ten runs of 3 s on each side, by its own statistics.

    Paired, a run of each side follows the other within one session; else the sides are from two sessions.
    """
    from benchmatrix import (
        BenchmarkRun,
        ParsedBenchmarkRow,
        RegressionPolicy,
        RunCompatibilityPolicy,
        compare_benchmark_run_groups,
        compare_paired_benchmark_run_groups,
    )

    def runs(openings: Sequence[Sequence[Quad]], side: str, first: int, scale: float) -> list[BenchmarkRun]:
        quads = [quad for opening in openings for quad in opening]
        size = len(quads) // 20
        found = []
        for number in range(10):
            # paired: the order of the two sides changes from pair to pair
            part = 2 * number + ((first + number) % 2)
            samples = [scale * t for quad in quads[part * size : (part + 1) * size] for t in getattr(quad, side)]
            stats = {
                "mean": statistics.fmean(samples),
                "median": statistics.median(samples),
                "min": min(samples),
                "rounds": len(samples),
                "iterations": 1,
            }
            info = {"metric_name": "single_call_latency", "case_fresh_inputs": False}
            derived = {f"latency_{name}": stats[name] for name in ("mean", "median", "min")}
            row = ParsedBenchmarkRow("b", "single_call_latency", "model", "case", stats, info, derived, tuple(samples))
            found.append(BenchmarkRun((row,), {}))
        return found

    old, new = runs(before, "reference", 0, 1.0), runs(after, "candidate", 1, factor)
    compare_runs = compare_paired_benchmark_run_groups if paired else compare_benchmark_run_groups
    report = compare_runs(
        old,
        new,
        compatibility_policy=RunCompatibilityPolicy(mode="off"),
        regression_policy=RegressionPolicy(default_threshold_percent=100 * (_LIMIT - 1)),
    )
    (cell,) = report.comparisons
    words = {"regressed": "fail", "unchanged": "pass", "improved": "pass"}
    return Outcome(words.get(cell.regression, "inconclusive"), 60.0)


def _told(name: str, outcomes: Sequence[Outcome], note: str = "") -> None:
    counts = Counter(outcome.verdict for outcome in outcomes)
    seconds = sorted(outcome.seconds for outcome in outcomes)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("pass", "inconclusive", "fail"))
    print(
        f"  {name:34} {said} of {len(outcomes)}; sampling {statistics.median(seconds):.1f} s (median), "
        f"{seconds[-1]:.1f} s (most){note}",
        flush=True,
    )


def _replay(file: Path) -> None:
    sessions = [
        [[Quad(*quad) for quad in opening] for opening in json.loads(line)] for line in file.read_text().splitlines()
    ]
    for title, factor, gates in (("nothing changed", 1.0, 200), (f"{_PLANTED - 1:.0%} slower", _PLANTED, 100)):
        print(f"{title}, limit {_LIMIT - 1:.0%}, {len(sessions)} recorded sessions of 60 s:")
        per_session = -(-gates // len(sessions))
        starts = [(number, start) for start in range(per_session) for number in range(len(sessions))][:gates]
        _told("pytest-opml", [_ours(sessions[number], start / per_session, factor) for number, start in starts])
        # a run is compared with one of a few minutes before
        pairs = [(sessions[(number - 1 - start) % len(sessions)], sessions[number]) for number, start in starts]
        _told("pytest-benchmark mean:3%", [_pytest_benchmark(*pair, factor) for pair in pairs])
        _told("benchmatrix --threshold 3", [_benchmatrix(*pair, factor, paired=False) for pair in pairs])
        together = [_benchmatrix(session, session, factor, paired=True) for session in sessions]
        _told("benchmatrix --paired --threshold 3", together)


# --- live


def gated(case: Case, setup: Setup) -> Ratio:
    """In a worker: the artifact beside itself, sampled as the gate does."""
    path, threads = artifact(case, setup), setup.threads
    images = test_images(case, setup).take(range(case.batch))

    def open_pair(reference_first: bool) -> Pair:
        first, second = (open_artifact(path, threads=threads) for _ in range(2))
        return Pair(second, first) if reference_first else Pair(first, second)

    return compare(open_pair, {_SCENARIO: images}, setup.sampling)[_SCENARIO]


def slowed(case: Case, setup: Setup) -> Ratio:
    """The same with 6 % added to each of the candidate's turns, by waiting as long as its own work took."""

    class Slow(side_by_side._Turn):
        extra = 0.0

        def __call__(self) -> float:
            seconds = super().__call__()
            until = time.perf_counter() + self.extra * seconds
            while time.perf_counter() < until:
                pass
            return seconds * (1 + self.extra)

    made = side_by_side._turns

    def turns(pair: Pair, images: Any, reference_first: bool) -> Any:
        candidate, reference = made(pair, images, reference_first)
        slow = Slow(candidate.runtime, images)
        slow.calls, slow.extra = candidate.calls, _PLANTED - 1
        return slow, reference

    side_by_side._turns = turns  # the process is this gate's alone
    return gated(case, setup)


def _live(case: Case, setup: Setup, gates: int, planted: int) -> None:
    terms = GateTerms()
    asked = replace(setup, sampling=_plan(terms))
    for title, function, count in (("nothing changed", gated, gates), (f"{_PLANTED - 1:.0%} slower", slowed, planted)):
        outcomes = []
        for _ in range(count):
            ratio = in_worker(function, case, asked)
            first = ratio.seconds
            outcomes.append(Outcome(_verdict(ratio, terms), first))
        _told(f"{title}, live", outcomes)


# --- accuracy


def answered(case: Case, setup: Setup) -> str:
    """In a worker: what the artifact answers to the test images, packed."""
    data = prepare(case.model_copy(update={"size": case.size}), setup.paths.data_dir)
    runtime = open_artifact(artifact(case, setup), threads=setup.threads)
    probabilities, _ = predict_all(runtime, data.x_test, case.batch)
    return predictions.pack(data.y_test, probabilities.argmax(axis=1))


def _accuracy(setup: Setup, draws: int = 10_000, images: int = 2_000) -> None:
    """Draw test sets of 2,000 images from what two real models answered, with and without a planted drop of 0.02."""
    random = np.random.default_rng(0)
    common = {"dataset": "digits", "model": "efficientnet_lite0", "split": "10-90"}
    packed = {
        technique: in_worker(answered, Case(technique=technique, **common), setup)
        for technique in ("baseline", "int8", "cluster-256", "float16")
    }
    reference = predictions.unpack(packed.pop("baseline"))
    assert reference is not None
    for technique, text in packed.items():
        candidate = predictions.unpack(text)
        assert candidate is not None
        worse, better, count = predictions.discordant(candidate.right, reference.right)
        print(f"{technique}: {count} images, answers differ in being right on {100 * (worse + better) / count:.2f} %")
        # of images on which the two differ, as many for better as for worse: the models are equally right
        differ = (worse + better) / count / 2
        for drop in (0.0, 0.02):
            counts = random.multinomial(images, [differ + drop, differ, 1 - 2 * differ - drop], size=draws)
            distinct = Counter((int(row[0]), int(row[1])) for row in counts)
            for confidence in (0.95, 0.98):
                for limit in (0.0, 0.005):
                    red = sum(
                        times
                        for (only_candidate, only_reference), times in distinct.items()
                        if PairedProportion(predictions.Discordant(only_candidate, only_reference, images))
                        .interval(1 - confidence)
                        .high
                        < -limit
                    )
                    print(
                        f"  true drop {drop:.2f}, max_drop = {limit:g}, confidence = {confidence}: "
                        f"{100 * red / draws:.2f} % red"
                    )


def main() -> None:
    """Print what each gate came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["record", "replay", "live", "accuracy"])
    parser.add_argument("file", nargs="?", type=Path, help="of recorded times, one session a line")
    parser.add_argument("--technique", default="int8")
    parser.add_argument("--sessions", type=int, default=50, help="of 60 s to record")
    parser.add_argument("--gates", type=int, default=40, help="in which nothing changed")
    parser.add_argument("--planted", type=int, default=60, help="in which 6 %% were added")
    given = parser.parse_args()
    if given.what == "replay":
        _replay(given.file)
        return
    start_server()
    case = Case(dataset="digits", model="efficientnet_lite0", technique=given.technique)
    setup = cpu_setup(SamplingPlan(seconds=60.0))
    if given.what == "accuracy":
        _accuracy(setup)
        return
    in_worker(artifact, case, setup)
    if given.what == "record":
        _record(case, setup, given.sessions, given.file)
    else:
        _live(case, setup, given.gates, given.planted)


if __name__ == "__main__":
    main()
