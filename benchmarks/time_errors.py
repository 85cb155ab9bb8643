"""How often the gate is wrong about times whose limit lies exactly at the truth, where that is most often.

Times are drawn, since of recorded ones nobody knows the truth, and go through the gate's own sampling, interim
analyses, repeat and verdict, by a clock that plays them. ``absolute``: passes and single images of which neighbours are
alike (a first-order autoregression of the logarithms), as they are ("normal") or with one in twenty 50 % too slow
("spikes"). ``cost``: how many passes that takes where the value is further from its limit, and how often ten suffice.
``paired``: ratios that were timed side by side, of which neighbours are very much alike, that jump between levels or
that drift, and how often a slow-down of 6 % is caught at a limit of 3 %.

Run as a program: ``python benchmarks/time_errors.py absolute``; the figures and the machine are in ``docs/gate.md``.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from statistics import NormalDist
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from pytest_opml.datasets.input_set import InputSet
from pytest_opml.datasets.sources import ArraySource
from pytest_opml.gate.budgets import GateTerms
from pytest_opml.gate.verdict import _verdict
from pytest_opml.measure import side_by_side, timing
from pytest_opml.records.result import Sampling
from pytest_opml.stats.evidence import Evidence, PairedTime
from pytest_opml.stats.order_statistics import OrderStatistics, ladder
from pytest_opml.stats.sequential import SamplingPlan, TimeLimit

Times = NDArray[np.float64]
_TERMS = GateTerms()
_ANYTHING: Any = None  # for what no played clock asks
_CORRELATIONS = (0.0, 0.3, 0.4, 0.5)
_SPIKES, _SPIKE = 0.05, 1.5
_QUAD_S, _QUADS, _OPENINGS = 0.1, 700, 20
_LIMIT, _PLANTED = 1.03, 1.06
_PIXEL = InputSet({"": ArraySource(np.zeros((1, 2, 2, 3), dtype=np.uint8))})


class Outcome(NamedTuple):
    """What a gate came to, after how many samples, and seconds of them."""

    verdict: str
    samples: int
    seconds: float


class Noise(NamedTuple):
    """What is drawn: the deviation of the logarithms, the correlation of neighbours, and whether there are spikes."""

    deviation: float
    correlation: float
    spikes: bool = False

    def draw(self, random: np.random.Generator, count: int) -> Times:
        """Draw times near 1."""
        times = np.exp(self.deviation * autoregression(random, self.correlation, count))
        return np.where(random.random(count) < _SPIKES, _SPIKE, 1.0) * times if self.spikes else times

    def quantile(self, share: float) -> float:
        """Return the true quantile of the times, of those with spikes where the two kinds do not overlap."""
        if self.spikes and share > 1 - _SPIKES:
            return _SPIKE * self._plain((share - 1 + _SPIKES) / _SPIKES)
        return self._plain(share / (1 - _SPIKES) if self.spikes else share)

    def _plain(self, share: float) -> float:
        return math.exp(self.deviation * NormalDist().inv_cdf(share))


def autoregression(random: np.random.Generator, correlation: float, count: int, before: int = 50) -> Times:
    """Draw normal values of mean 0 and deviation 1, each alike the one before it."""
    noise = random.standard_normal(count + before) * math.sqrt(1 - correlation**2)
    values: Times = lfilter([1.0], [1.0, -correlation], noise)[before:]
    return values


def _judged(time: Evidence, limit: float) -> str:
    return str(_verdict(time, limit, False, _TERMS)["verdict"])


# --- passes and single images


def _drawn() -> AbstractContextManager[object]:
    """Leave the garbage where it is: drawn times do not mind it, and to collect it takes longer than a gate."""
    return mock.patch.object(timing, "no_collection", nullcontext)


def gate_of_passes(times: Times, limit: float) -> Outcome:
    """Sample passes that take these seconds, as the gate does, and judge their median."""
    plan = SamplingPlan(
        limits={"inference_s": (TimeLimit(limit, above=True),)}, max_seconds=_TERMS.max_seconds, error=_TERMS.error
    )
    left, nothing = iter(times.tolist()), _ANYTHING

    def predict_all(*_: object) -> tuple[Any, float]:
        return nothing, next(left)

    with _drawn(), mock.patch.object(timing, "predict_all", predict_all):
        passes = timing.time_passes(nothing, nothing, 1, None, plan)
        repeat = timing.time_again(nothing, nothing, 1, passes.repeat_s) if passes.repeat_s else None
    sampling = Sampling(alpha_share=passes.alpha_share, repeat=repeat)
    time = OrderStatistics(ladder(passes.seconds, 0.5), sampling)
    return Outcome(_judged(time, limit), len(passes.seconds), sum(passes.seconds))


class _Played:
    """A runtime that takes the seconds that were drawn, by a clock of its own."""

    def __init__(self, times: Sequence[float]) -> None:
        self.now, self._times = 0.0, iter(times)

    def clock(self) -> float:
        """Seconds so far."""
        return self.now

    def place(self, images: Any) -> Any:
        """Return the images as they are."""
        return images

    def run(self, placed: Any) -> Any:
        """Let the clock go on."""
        self.now += next(self._times)
        return placed

    def predict(self, images: Any) -> Any:
        """Take no time: so warming up ends at once."""
        return images


def gate_of_singles(times: Times, limit: float, percent: int) -> Outcome:
    """Sample single images that take these seconds, as the gate does, and judge a percentile of them.

    Args:
        times: in seconds.
        limit: likewise.
        percent: which percentile.
    """
    name = f"p{percent}"
    metric, milliseconds = f"latency_ms.{name}", 1e3 * limit
    runtime: Any = _Played(times.tolist())
    plan = SamplingPlan(
        limits={metric: (TimeLimit(milliseconds, above=True),)}, max_seconds=_TERMS.max_seconds, error=_TERMS.error
    )
    with _drawn(), mock.patch.object(timing.time, "perf_counter", runtime.clock):
        single = timing.time_single(runtime, _PIXEL, plan)
    time = OrderStatistics(single.latency.ladders[name], single.sampling[metric])
    return Outcome(_judged(time, milliseconds), single.latency.samples, runtime.now)


def _absolute(replays: int, of: str) -> None:
    gates: dict[str, Callable[[np.random.Generator, Noise], Outcome]] = {
        "median of passes of 0.5 s": lambda random, noise: passes_at_the_truth(random, noise, 0.5),
        "median of passes of 4 s": lambda random, noise: passes_at_the_truth(random, noise, 4.0),
        "p99 of single images of 40 ms": lambda random, noise: singles_at_the_truth(random, noise, 99),
        "p50 of single images of 40 ms": lambda random, noise: singles_at_the_truth(random, noise, 50),
    }
    for title, gate in gates.items():
        for noise in (Noise(0.01, 0.0), Noise(0.01, 0.0, spikes=True)):
            for correlation in _CORRELATIONS:
                random = np.random.default_rng(1)
                name = f"{title}, {'spikes' if noise.spikes else 'normal'}, AR {correlation:g}"
                if of in name:
                    _told(name, [gate(random, noise._replace(correlation=correlation)) for _ in range(replays)])


def passes_at_the_truth(random: np.random.Generator, noise: Noise, seconds: float) -> Outcome:
    """Judge the median of passes of so many seconds by a limit that is their true median."""
    times = noise.draw(random, 40 + math.ceil(_TERMS.max_seconds / seconds / 0.9))
    return gate_of_passes(times * seconds, noise.quantile(0.5) * seconds)


def singles_at_the_truth(random: np.random.Generator, noise: Noise, percent: int, seconds: float = 0.04) -> Outcome:
    """Judge a percentile of single images by a limit that is their true percentile."""
    times = noise.draw(random, 700 + math.ceil(_TERMS.max_seconds / seconds / 0.9))
    return gate_of_singles(times * seconds, noise.quantile(percent / 100) * seconds, percent)


def _cost(replays: int) -> None:
    """Passes of 0.5 s on a quiet machine, that much below their limit."""
    for deviation in (0.01, 0.03):
        for correlation in (0.0, 0.3):
            for distance in (0.03, 0.05, 0.1, 0.2):
                random, noise = np.random.default_rng(1), Noise(deviation, correlation)
                outcomes = [gate_of_passes(noise.draw(random, 300) / 2, (1 + distance) / 2) for _ in range(replays)]
                ten = sum(outcome.samples == timing.PASSES for outcome in outcomes) / replays
                title = f"noise {deviation:.0%}, AR {correlation:g}, {distance:.0%} from the limit"
                _told(title, outcomes, f"; ten passes suffice in {ten:.0%}")


# --- ratios


class _Quads:
    """A clock that goes on by a quad of turns, each with the next of the drawn ratios, opened anew in the other order.

    Args:
        logarithms: of the ratios.
        openings: what each opening is off by.
    """

    def __init__(self, logarithms: Times, openings: Times) -> None:
        self.now, self._logarithms, self._openings, self._number = 0.0, iter(logarithms.tolist()), openings, -1

    def perf_counter(self) -> float:
        """Seconds so far."""
        return self.now

    def open(self) -> None:
        """Go on with another opening."""
        self._number += 1

    def quad(self, *_: object, **__: object) -> float:
        """Take a quad."""
        self.now += _QUAD_S
        return float(next(self._logarithms) + self._openings[self._number])


def gate_of_ratio(logarithms: Times, openings: Times, limit: float) -> Outcome:
    """Sample ratios of which these are the logarithms, as the gate does, and judge them.

    Args:
        logarithms: of each quad in turn.
        openings: what each opening adds to them.
        limit: on the ratio.
    """
    clock, nothing = _Quads(logarithms, openings), _ANYTHING
    plan = SamplingPlan(
        seconds=3.0,
        precision=0.02,
        limits={"offline": (TimeLimit(limit, above=True),)},
        max_seconds=_TERMS.max_seconds,
        error=_TERMS.error,
    )
    with mock.patch.multiple(side_by_side, _quad=clock.quad, time=clock):
        sampling: Any = side_by_side._sampling(plan, "offline")
        while not sampling.done:
            clock.open()
            sampling.sample(nothing, nothing)
    ratio = sampling.ratio()
    return Outcome(_judged(PairedTime(ratio), limit), ratio.quads, ratio.seconds)


def usual(random: np.random.Generator) -> Times:
    """Draw what gives the sampling times of recorded sessions: some likeness, and one in twenty disturbed."""
    disturbed = np.where(random.random(_QUADS) < _SPIKES, random.exponential(0.1, _QUADS), 0.0)
    return 0.025 * autoregression(random, 0.3, _QUADS) + disturbed * random.choice([-1.0, 1.0], _QUADS)


def very_alike(random: np.random.Generator) -> Times:
    """Draw an autoregression of 0.9."""
    return 0.03 * autoregression(random, 0.9, _QUADS)


def regimes(random: np.random.Generator) -> Times:
    """Draw a ratio that is 1 % above or below the truth, for 5 s at a time in the mean."""
    switches = np.cumsum(random.random(_QUADS) < _QUAD_S / 5) + random.integers(2)
    levels: Times = 0.01 * (1.0 - 2.0 * (switches % 2))
    return levels + 0.03 * random.standard_normal(_QUADS)


def walk(random: np.random.Generator) -> Times:
    """Draw a ratio that begins at the truth and walks away from it, by 1 % in 45 s."""
    steps = random.standard_normal(_QUADS) * 0.01 * math.sqrt(_QUAD_S / 45)
    drifting: Times = np.cumsum(steps)
    return drifting + 0.03 * random.standard_normal(_QUADS)


def openings_apart(random: np.random.Generator, deviation: float = 0.002) -> Times:
    """Draw what each opening is off by; the file that is opened first is 0.3 % slower."""
    orders = np.where(np.arange(_OPENINGS) % 2, -0.0015, 0.0015)
    return deviation * random.standard_normal(_OPENINGS) + orders


def _paired(replays: int) -> None:
    together = np.zeros(_OPENINGS)
    for draw in (usual, very_alike, regimes, walk):
        random = np.random.default_rng(1)
        outcomes = [gate_of_ratio(draw(random), together, 1.0) for _ in range(replays)]
        _told(f"ratio, {draw.__name__.replace('_', ' ')}, limit at the truth", outcomes)
    random = np.random.default_rng(1)
    outcomes = [gate_of_ratio(usual(random), openings_apart(random), 1.0) for _ in range(replays)]
    _told("ratio, openings apart, limit at the truth", outcomes)
    for planted in (1.0, _PLANTED):
        random = np.random.default_rng(1)
        outcomes = [
            gate_of_ratio(usual(random) + math.log(planted), openings_apart(random), _LIMIT) for _ in range(replays)
        ]
        times = sorted(outcome.seconds for outcome in outcomes)
        note = f"; {statistics.fmean(times):.1f} s in the mean, nine in ten within {times[int(0.9 * replays)]:.1f} s"
        _told(f"ratio of {planted:g}, limit {_LIMIT:g}, openings apart", outcomes, note)


def _told(title: str, outcomes: Sequence[Outcome], note: str = "") -> None:
    counts, total = Counter(outcome.verdict for outcome in outcomes), len(outcomes)
    samples, seconds = (
        statistics.median(getattr(outcome, part) for outcome in outcomes) for part in Outcome._fields[1:]
    )
    shares = ", ".join(f"{verdict} {counts[verdict] / total:.2%}" for verdict in ("fail", "pass", "inconclusive"))
    print(f"  {title:48} {shares} of {total}; {samples:g} samples, {seconds:.1f} s (medians){note}", flush=True)


def main() -> None:
    """Print how often each verdict is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("absolute", "cost", "paired"))
    parser.add_argument("--replays", type=int, default=20_000, help="gates of each kind")
    parser.add_argument("--of", default="", help="absolute: only those whose title has this in it: 4 s, normal")
    given = parser.parse_args()
    if given.what == "absolute":
        _absolute(given.replays, given.of)
    elif given.what == "cost":
        _cost(given.replays)
    else:
        _paired(given.replays)


if __name__ == "__main__":
    main()
