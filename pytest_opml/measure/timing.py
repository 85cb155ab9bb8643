"""How long a runtime takes, in the scenarios of MLPerf: ``offline`` (the test set in batches) and ``single``.

Examples are fetched and placed where the model computes before the clock starts, and the clock stops when the
answer can be read.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..datasets.input_set import InputSet
from ..metrics import INFERENCE, LATENCY, percentiles
from ..records.result import Ladder, Latency, Sampling, WarmUp
from ..runtimes.base import Probabilities, Runtime
from ..stats.intervals import least_samples
from ..stats.order_statistics import OrderStatistics, estimate, fewest_samples, ladder, median
from ..stats.sequential import FIRST, NO_SAMPLING, SamplingPlan, SequentialSampler, TimeLimit
from ..tensors import length, select
from .busy_cores import BusyCores
from .warm_up import no_collection, repeat_until_steady

PASSES = 10
# Six are the fewest whose extremes would hold the median with 95 % confidence, were they independent; slower models are
# not timed more often, unless a limit is to be decided: then so often that it can be, if that is not far too long.
_FEWEST_PASSES, _PASSES_SECONDS, _FAR_TOO_LONG = 6, 60.0, 3.0
_SHARPENED = 3
# A case is seldom more than eight times as slow or as fast as its reference, so a limit beyond that decides itself.
_FAR = 8.0
# Of a time that is known by its reference's, passes only give the answers, and say what a pass takes.
_PASSES_BESIDE, _PASSES_BESIDE_SECONDS = 3, 1.0
LATENCY_SECONDS = 30.0
_SHORTEST_REPEAT_S = 2.0
_LATENCY_ROUND = 8  # calls that make a round of warming up: of single ones, no three may ever agree
_SINGLE_BYTES = 32 * 2**20  # few enough to leave the peak of memory to the model


class Passes(NamedTuple):
    """Answers (n, outputs) to the examples, and the seconds of each pass over them.

    Attributes:
        alpha_share: of the gate's error, what the interim analysis spent at which sampling ended.
        repeat_s: seconds for which to take passes anew, since a limit seems to fail; 0 where none does.
        busy_cores: that the runtime kept busy meanwhile, on average; None where they are too short to tell.
    """

    probabilities: Probabilities
    seconds: tuple[float, ...]
    alpha_share: float = 1.0
    repeat_s: float = 0.0
    busy_cores: float | None = None


@dataclass(frozen=True, kw_only=True)
class Single:
    """Latency of one example at a time, how the runtime was warmed up for it, and how each percentile was sampled.

    Attributes:
        sampling: by metric, ``latency_ms.p99``; empty where no limit is on any.
    """

    latency: Latency
    warm_up: WarmUp
    sampling: Mapping[str, Sampling] = field(default_factory=dict)


def predict_all(
    runtime: Runtime, inputs: InputSet, batch: int, busy: BusyCores | None = None
) -> tuple[Probabilities, float]:
    """Predict all examples in batches; return the answers (n, outputs) and the runtime's seconds.

    Each batch is fetched and placed before the clock starts, so that the time is the runtime's own and only a batch is
    in memory.

    Args:
        runtime: that answers.
        inputs: of the test set.
        batch: examples in a call.
        busy: is told when the runtime runs.
    """
    parts, seconds, busy = [], 0.0, busy or BusyCores()
    for chosen in inputs.batches(batch):
        placed = runtime.place(chosen)
        busy.begin()
        started = time.perf_counter()
        output = runtime.run(placed)
        seconds += time.perf_counter() - started
        busy.end()
        parts.append(runtime.probabilities(output))
    return np.concatenate(parts), seconds


def warm_up(runtime: Runtime, inputs: InputSet, batch: int) -> WarmUp:
    """Run the shorter last batch once, and the first until its last rounds take the same time."""
    rest = len(inputs) % batch
    if rest:
        runtime.predict(inputs.take(np.arange(len(inputs) - rest, len(inputs))))
    first = runtime.place(inputs.take(np.arange(min(batch, len(inputs)))))
    return repeat_until_steady(lambda: runtime.run(first))


def time_passes(
    runtime: Runtime,
    inputs: InputSet,
    batch: int,
    between: Callable[[], None] | None = None,
    plan: SamplingPlan = NO_SAMPLING,
    *,
    decides: bool = True,
) -> Passes:
    """Time ten passes over the examples, as the paper did, or as many as 60 s allow, but six; the runtime must be warm.

    Where a limit is on them, there are at least ten, and as many as the gate's error needs to say anything of a median.
    Where nothing rests on their time, three suffice, or ten that take a second together.

    Args:
        runtime: that answers.
        inputs: of the test set.
        batch: examples in a call.
        between: called after each pass, while no clock runs.
        plan: its limits on ``inference_s``, here in seconds of a pass: while they are open, twice as many are taken.
            Then more are taken, within its time, until their median is known as precisely as it asks.
        decides: whether the time of the model is worked out from them, and not from its reference's.
    """
    probabilities: Probabilities

    def one() -> float:
        nonlocal probabilities
        probabilities, seconds = predict_all(runtime, inputs, batch, busy)
        if between:
            between()
        return seconds

    taken, busy = list[float](), BusyCores()
    sampler = SequentialSampler(plan.limits_on(INFERENCE), plan.max_seconds, plan.error)
    with no_collection():
        fewest, seconds = (_FEWEST_PASSES, _PASSES_SECONDS) if decides else (_PASSES_BESIDE, _PASSES_BESIDE_SECONDS)
        while len(taken) < fewest or (len(taken) < PASSES and sum(taken) < seconds):
            taken.append(one())
        if not sampler.done:
            needed, longest = fewest_samples(0.5, plan.error), _FAR_TOO_LONG * sampler.longest_s
            while len(taken) < PASSES or (len(taken) < needed and sum(taken) < longest):
                taken.append(one())
        _sample_on(taken, one, sampler, lambda: {INFERENCE: ladder(taken, 0.5)})
        _sharpen(taken, one, sampler.alpha_share, plan)
    return Passes(probabilities, tuple(taken), sampler.alpha_share, sampler.repeat_s, busy.cores)


def _sharpen(taken: list[float], one: Callable[[], float], alpha_share: float, plan: SamplingPlan) -> None:
    """Take more samples, until their median is as precise as a plan asks, or there are three times the usual number.

    It ends earlier where the time of the plan is over, and later where that many say nothing at the error of the plan.
    Nothing is taken where all limits that rest on the passes are far.

    Args:
        taken: the samples so far, in seconds; more are added.
        one: takes a sample.
        alpha_share: of the error, what the interim analysis spent at which sampling ended.
        plan: of the sampling.
    """
    longest = plan.max_seconds * FIRST if plan.precision > 0 and _may_be_near(plan.others, median(taken).value) else 0.0
    most = max(_SHARPENED * PASSES, fewest_samples(0.5, plan.error))
    while len(taken) < most and sum(taken) < longest:
        low, high = OrderStatistics(ladder(taken, 0.5), Sampling(alpha_share=alpha_share)).interval(plan.error)
        if low > 0 and high / low <= (1 + plan.precision) ** 2:
            return
        goal = min(2 * len(taken), most)
        while len(taken) < goal and sum(taken) < longest:
            taken.append(one())


def _may_be_near(limits: Sequence[TimeLimit] | None, seconds: float) -> bool:
    """Return whether a case that takes a time like the reference's, in ``seconds``, may be close to one of limits."""
    return limits is None or any(seconds / _FAR <= limit.limit <= seconds * _FAR for limit in limits)


def time_again(runtime: Runtime, inputs: InputSet, batch: int, seconds: float) -> float:
    """Return the median seconds of a pass, from as many as take so long, but one."""
    taken: list[float] = []
    with no_collection():
        while not taken or sum(taken) < seconds:
            taken.append(predict_all(runtime, inputs, batch)[1])
    return median(taken).value


def _sample_on(
    taken: list[float],
    one: Callable[[], float],
    sampler: SequentialSampler,
    ladders: Callable[[], Mapping[str, Ladder]],
) -> None:
    """Take samples until the sampler is done, with an interim analysis at twice as many each time.

    Args:
        taken: the samples so far, in seconds; more are added.
        one: takes a sample.
        sampler: decides.
        ladders: of the times, from what was taken, by name.
    """

    def times(alpha_share: float) -> dict[str, OrderStatistics]:
        sampling = Sampling(alpha_share=alpha_share)
        return {name: OrderStatistics(ladder, sampling) for name, ladder in ladders().items()}

    while True:
        sampler.analyse(sum(taken), times)
        if sampler.done:
            return
        goal = 2 * len(taken)
        while len(taken) < goal and sum(taken) < sampler.longest_s:
            taken.append(one())


def time_single(
    runtime: Runtime, inputs: InputSet, plan: SamplingPlan = NO_SAMPLING, seconds: float = LATENCY_SECONDS
) -> Single:
    """Time one example at a time, for the percentiles that the table of metrics asks for.

    Takes as many samples as the highest percentile needs, or as many as its time allows. The examples are the first of
    the set, fetched beforehand and in turn: as many as there are samples, or as fit into 32 MB.

    Args:
        runtime: that answers.
        inputs: of the test set.
        plan: its limits on percentiles in milliseconds: while they are open, twice as many samples are taken, and some
            anew where one seems to fail.
        seconds: that this may take, where no limit is open.
    """
    fewest = max(map(least_samples, percentiles().values()))
    fitting = max(1, _SINGLE_BYTES // inputs.example_bytes)
    taken = inputs.take(np.arange(min(len(inputs), fewest, fitting)))
    singles = [select(taken, slice(row, row + 1)) for row in range(length(taken))]
    turn = itertools.cycle(singles)
    warmed = repeat_until_steady(lambda: [runtime.predict(next(turn)) for _ in range(_LATENCY_ROUND)])

    def one() -> float:
        placed = runtime.place(next(turn))
        started = time.perf_counter()
        runtime.run(placed)
        return time.perf_counter() - started

    def sampled(longest_s: float) -> list[float]:
        samples: list[float] = []
        deadline = time.perf_counter() + longest_s
        while len(samples) < fewest and time.perf_counter() < deadline:
            samples.append(one())
        return samples

    limits = plan.limits_on(*(f"{LATENCY}.{name}" for name in percentiles()))
    sampler = SequentialSampler(limits, plan.max_seconds, plan.error)
    with no_collection():
        samples = sampled(seconds)
        _sample_on(samples, one, sampler, lambda: _ladders(samples, limits))
        anew = sampled(max(sampler.repeat_s, _SHORTEST_REPEAT_S)) if sampler.repeat_s else []
    latency, repeated = summarise_latency(samples), summarise_latency(anew).percentiles
    sampling = {
        f"{LATENCY}.{name}": Sampling(alpha_share=sampler.alpha_share, repeat=repeated[name])
        for name in latency.intervals
        if limits
    }
    return Single(latency=latency, warm_up=warmed, sampling=sampling)


def _ladders(seconds: Sequence[float], metrics: Container[str]) -> dict[str, Ladder]:
    """Return those of the percentiles, in milliseconds, that have enough samples, by metric."""
    milliseconds = (np.asarray(seconds) * 1e3).tolist()
    return {
        metric: ladder(milliseconds, percent / 100)
        for name, percent in percentiles().items()
        if (metric := f"{LATENCY}.{name}") in metrics and len(seconds) >= least_samples(percent)
    }


def summarise_latency(seconds: list[float]) -> Latency:
    """Return percentiles in milliseconds of samples in seconds, with intervals; None where there are too few."""
    ladders = _ladders(seconds, [f"{LATENCY}.{name}" for name in percentiles()])
    by_name = {metric.removeprefix(f"{LATENCY}."): steps for metric, steps in ladders.items()}
    intervals = {name: estimate(steps) for name, steps in by_name.items()}
    return Latency(
        percentiles={name: by_name[name].value if name in by_name else None for name in percentiles()},
        samples=len(seconds),
        intervals={name: (interval.low, interval.high) for name, interval in intervals.items()},
        ladders=by_name,
    )
