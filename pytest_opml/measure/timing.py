"""How long a runtime takes, in the scenarios of MLPerf: ``offline`` (the test set in batches) and ``single``.

Images are fetched, resized and placed where the model computes before the clock starts, and the clock stops when the
answer can be read.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from ..datasets.imageset import ImageSet
from ..records.result import Estimate, Latency, WarmUp
from ..runtimes.base import Probabilities, Runtime
from ..stats.evidence import ScaledInterval
from ..stats.intervals import median, quantile_interval
from ..stats.sequential import FIRST, AlphaSpending, TimeLimit, all_decided, any_broken, second_seconds
from .warm_up import no_collection, repeat_until_steady

PASSES = 10
# Six are the fewest whose extremes hold the median with 95 % confidence; slower models are not timed more often.
_FEWEST_PASSES, _PASSES_SECONDS = 6, 60.0
_LATENCY_SECONDS = 30.0
_LATENCY_ROUND = 8  # calls that make a round of warming up: of single ones, no three may ever agree
_SINGLE_BYTES = 32 * 2**20  # few enough to leave the peak of memory to the model


class Wanted(NamedTuple):
    """The limits on a time that sampling is to decide.

    Attributes:
        questions: in seconds of a pass, or in milliseconds of each percentile.
        seconds: of sampling at most, a second look included.
        error: that the gate allows.
    """

    questions: Mapping[str, tuple[TimeLimit, ...]] = {}
    seconds: float = 0.0
    error: float = 0.05


NOTHING = Wanted()


class Passes(NamedTuple):
    """Probabilities (n, classes) of the images, and the seconds of each pass over them.

    Attributes:
        share: of the gate's error, that of the look at which sampling ended.
        again: seconds for which to take passes anew, since a limit seems broken; 0 where none does.
    """

    probabilities: Probabilities
    seconds: tuple[float, ...]
    share: float = 1.0
    again: float = 0.0


class Single(NamedTuple):
    """Latency of one image at a time, how the runtime was warmed up for it, and as ``Passes`` has it."""

    latency: Latency
    warm_up: WarmUp
    share: float = 1.0
    second: Mapping[Literal["p50", "p90", "p99"], float] = {}


def predict_all(runtime: Runtime, images: ImageSet, batch: int) -> tuple[Probabilities, float]:
    """One pass over the images in batches: the probabilities (n, classes) and the seconds that the runtime took.

    Each batch is fetched and placed before the clock starts, so that the time is the runtime's own and only a batch is
    in memory.
    """
    parts, seconds = [], 0.0
    for chosen in images.batches(batch):
        placed = runtime.place(chosen)
        started = time.perf_counter()
        found = runtime.run(placed)
        seconds += time.perf_counter() - started
        parts.append(runtime.probabilities(found))
    return np.concatenate(parts), seconds


def warm_up(runtime: Runtime, images: ImageSet, batch: int) -> WarmUp:
    """Run the shorter last batch once, and the first until its last rounds take the same time."""
    rest = len(images) % batch
    if rest:
        runtime.predict(images.take(np.arange(len(images) - rest, len(images))))
    first = runtime.place(images.take(np.arange(min(batch, len(images)))))
    return repeat_until_steady(lambda: runtime.run(first))


def time_passes(
    runtime: Runtime,
    images: ImageSet,
    batch: int,
    between: Callable[[], None] | None = None,
    wanted: Wanted = NOTHING,
) -> Passes:
    """Ten passes over the images, as the paper timed, or as many as 60 s allow, but six; the runtime must be warm.

    Where a limit is on their time, twice as many for as long as it is undecided.
    ``between`` is called after each of them, while no clock runs.
    """
    found: list[Probabilities] = []

    def one() -> float:
        probabilities, seconds = predict_all(runtime, images, batch)
        found[:] = [probabilities]
        if between:
            between()
        return seconds

    taken: list[float] = []
    with no_collection():
        while len(taken) < _FEWEST_PASSES or (len(taken) < PASSES and sum(taken) < _PASSES_SECONDS):
            taken.append(one())
        questions = wanted.questions.get("inference_s", ())
        decided = _decide(taken, one, {"": questions}, lambda: {"": median(taken)}, wanted)
    return Passes(found[0], tuple(taken), *decided)


def time_again(runtime: Runtime, images: ImageSet, batch: int, seconds: float) -> float:
    """The median seconds of a pass, from as many as take so long, but one."""
    taken: list[float] = []
    with no_collection():
        while not taken or sum(taken) < seconds:
            taken.append(predict_all(runtime, images, batch)[1])
    return median(taken).value


class _Decided(NamedTuple):
    """The share of the error at the last look, and the seconds to sample anew; 0 where nothing seems broken."""

    share: float
    again: float


def _decide(
    taken: list[float],
    one: Callable[[], float],
    questions: Mapping[str, Sequence[TimeLimit]],
    estimates: Callable[[], Mapping[str, Estimate]],
    wanted: Wanted,
) -> _Decided:
    """Take samples until every limit is decided or the time is over, with looks at twice as many each time.

    Args:
        taken: the samples so far; more are added.
        one: takes a sample.
        questions: the limits, by figure.
        estimates: the figures, from what was taken.
        wanted: of the gate.
    """
    longest = wanted.seconds * FIRST
    if not any(questions.values()) or longest <= 0:
        return _Decided(1.0, 0.0)
    spending = AlphaSpending(longest)
    while True:
        spending.look(sum(taken))
        known = {name: ScaledInterval(estimate, share=spending.share) for name, estimate in estimates().items()}
        asked = [(questions.get(name, ()), figure) for name, figure in known.items()]
        over = sum(taken) >= longest
        if over or all(all_decided(limits, figure, wanted.error) for limits, figure in asked):
            broken = any(any_broken(limits, figure, wanted.error) for limits, figure in asked)
            return _Decided(spending.share, second_seconds(sum(taken), wanted.seconds) if broken else 0.0)
        goal = 2 * len(taken)
        while len(taken) < goal and sum(taken) < longest:
            taken.append(one())


def time_single(runtime: Runtime, images: ImageSet, wanted: Wanted = NOTHING) -> Single:
    """Percentiles of the milliseconds for one image at a time.

    Takes as many samples as a 99th percentile needs, or as many as 30 seconds allow; a percentile with too few
    samples is None. The images are the first of the set, fetched beforehand and in turn: as many as there are samples,
    or as fit into 32 MB. Where a limit is on a percentile, twice as many for as long as it is undecided, and some anew
    where it seems broken.
    """
    fewest = max(Latency.LEAST_SAMPLES.values())
    fitting = max(1, _SINGLE_BYTES // (3 * images.size**2))
    singles = images.take(np.arange(min(len(images), fewest, fitting)))
    turn = itertools.cycle(range(len(singles)))
    warmed = repeat_until_steady(lambda: [runtime.predict(singles[next(turn)][None]) for _ in range(_LATENCY_ROUND)])

    def one() -> float:
        placed = runtime.place(singles[next(turn)][None])
        started = time.perf_counter()
        runtime.run(placed)
        return time.perf_counter() - started

    def sampled(seconds: float) -> list[float]:
        samples: list[float] = []
        deadline = time.perf_counter() + seconds
        while len(samples) < fewest and time.perf_counter() < deadline:
            samples.append(one())
        return samples

    samples: list[float] = []

    def estimates() -> dict[str, Estimate]:
        latency = summarise_latency(samples)
        return {
            f"latency_ms.{name}": Estimate(value=getattr(latency, name), low=low, high=high)
            for name, (low, high) in latency.intervals.items()
        }

    with no_collection():
        samples += sampled(_LATENCY_SECONDS)
        questions = {name: limits for name, limits in wanted.questions.items() if name.startswith("latency_ms.")}
        share, seconds = _decide(samples, one, questions, estimates, wanted)
        again = summarise_latency(sampled(max(seconds, 2.0))) if seconds else None
    parts: tuple[Literal["p50", "p90", "p99"], ...] = ("p50", "p90", "p99")
    second = {name: value for name in parts if again and (value := getattr(again, name)) is not None}
    return Single(summarise_latency(samples), warmed, share, second)


def summarise_latency(seconds: list[float]) -> Latency:
    """Percentiles in milliseconds, with intervals, of samples in seconds; each only where there are enough of them."""
    milliseconds = np.asarray(seconds) * 1e3
    found: dict[str, float | None] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for name, least in Latency.LEAST_SAMPLES.items():
        percent, enough = int(name[1:]), len(seconds) >= least
        found[name] = float(np.percentile(milliseconds, percent)) if enough else None
        if enough:
            low, high = quantile_interval(milliseconds.tolist(), percent / 100)
            intervals[name] = min(low, found[name] or low), max(high, found[name] or high)
    return Latency.model_validate({**found, "samples": len(seconds), "intervals": intervals})
