"""A candidate and its reference in one process, timed in turn, so that what disturbs one disturbs the other.

A machine's speed drifts by more than the differences that a gate is to find. Two measurements one after the other take
that drift for a difference; of neighbours in A B B A it cancels, to first order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ..records.result import Ratio
from ..runtimes.base import Runtime
from ..stats.derived_time import DerivedTime
from ..stats.evidence import Evidence, PairedTime
from ..stats.paired_ratio import paired_ratio
from ..stats.sequential import SamplingPlan, SequentialSampler, TimeLimit, plan_openings
from ..tensors import Batch
from .warm_up import no_collection, repeat_until_steady

# Of shorter turns too much would be what the system does between them.
_TURN_SECONDS = 0.02
_FEWEST_QUADS, _FIRST_ANALYSIS = 3, 8
# From here on both are opened anew at least once, in the other order: a file that was opened first in its process was
# 0.3 % slower than the same file opened second, which a longer sampling would take for a difference.
_REOPEN_FROM_SECONDS, _REOPEN_SECONDS = 10.0, 15.0


class Pair(NamedTuple):
    """The two as they are opened: the candidate and its reference."""

    candidate: Runtime
    reference: Runtime


class _Turn:
    """A number of calls of one runtime on the same examples, as one timing."""

    def __init__(self, runtime: Runtime, inputs: Batch) -> None:
        self.runtime, self.placed, self.calls = runtime, runtime.place(inputs), 1

    def __call__(self) -> float:
        """Seconds that it took."""
        run, placed = self.runtime.run, self.placed
        if self.calls > 1:  # after the other one's turn, the first finds the processor's caches full of other things
            run(placed)
        started = time.perf_counter()
        for _ in range(self.calls):
            run(placed)
        return time.perf_counter() - started


def compare(
    open_pair: Callable[[bool], Pair],
    inputs: Mapping[str, Batch],
    plan: SamplingPlan,
    reference_times: Mapping[str, Mapping[str, Evidence]] = MappingProxyType({}),
) -> dict[str, Ratio]:
    """Return the ratio of the candidate's time to the reference's in each scenario, with its 95 % interval.

    Args:
        open_pair: opens both, the reference first if its argument is true.
        inputs: the name of each scenario, and the examples that each call in it answers.
        plan: how long to sample each, and its limits: on the ratios, by scenario, and on times, by metric.
        reference_times: by scenario and metric, what is known of the reference's time, which with the ratio makes the
            candidate's; limits on other times are not asked.
    """
    samplings = {name: _sampling(plan, name, reference_times.get(name, {})) for name in inputs}
    reference_first = False
    while unfinished := [name for name, sampling in samplings.items() if not sampling.done]:
        pair = open_pair(reference_first)
        for name in unfinished:
            turns = _turns(pair, inputs[name], reference_first)
            with no_collection():
                samplings[name].sample(*turns)
            del turns
        del pair  # before the next one is opened
        reference_first = not reference_first
    return {name: sampling.ratio() for name, sampling in samplings.items()}


def _sampling(
    plan: SamplingPlan, name: str, reference_times: Mapping[str, Evidence] = MappingProxyType({})
) -> _FixedSampling:
    limits = plan.limits_on(name, *reference_times)
    return _SequentialSampling(plan, limits, reference_times) if limits else _FixedSampling(plan)


class _FixedSampling:
    """Collects logarithms of ratios, of each opening by itself, until the planned time or precision is reached."""

    def __init__(self, plan: SamplingPlan) -> None:
        self.plan, self.seconds, self.done = plan, 0.0, False
        self.openings: list[list[float]] = []
        self._next_analysis = _FIRST_ANALYSIS
        # an even number, so that each is opened first as often as the other
        openings = 2 * math.ceil(plan.seconds / 2 / _REOPEN_SECONDS)
        self._seconds_open = plan.seconds / openings if plan.seconds >= _REOPEN_FROM_SECONDS else math.inf

    @property
    def _until(self) -> float:
        """Seconds of sampling at which both are to be opened anew."""
        return self.seconds + self._seconds_open

    def sample(self, candidate: _Turn, reference: _Turn) -> None:
        """Time the two until there is enough, or until they are to be opened anew."""
        quads: list[float] = []
        self.openings.append(quads)
        began, before, until = time.perf_counter(), self.seconds, self._until
        while not self.done and (self.seconds < until or len(quads) < self._fewest):
            quads.append(_quad(candidate, reference, swapped=(len(quads) + len(self.openings)) % 2 == 0))
            self.seconds = before + time.perf_counter() - began
            self.done = self._suffices()

    @property
    def _fewest(self) -> int:
        """Quads of one opening."""
        return 0

    def _suffices(self) -> bool:
        count = sum(map(len, self.openings))
        if self.seconds >= self.plan.seconds and count >= _FEWEST_QUADS:
            return True
        if count < self._next_analysis:
            return False
        # Each analysis at twice the samples: whoever tests all the time stops at a lucky moment.
        self._next_analysis *= 2
        return self.ratio().half_width <= self.plan.precision

    def ratio(self) -> Ratio:
        """What the samples say."""
        centre = paired_ratio(self.openings)
        return Ratio(
            value=math.exp(centre.value),
            low=math.exp(centre.low),
            high=math.exp(centre.high),
            error=centre.error,
            degrees=centre.degrees,
            quads=sum(map(len, self.openings)),
            openings=len(self.openings),
            seconds=self.seconds,
        )


class _SequentialSampling(_FixedSampling):
    """Samples until every limit is decided, at planned interim analyses, and then anew what seems to fail one.

    A limit on the candidate's time is left open where the reference's time is not known well enough for it.

    Args:
        plan: of the sampling.
        limits: by the time that they are on: the scenario's ratio, or a metric.
        reference_times: what is known of those that are no ratio, of the reference.
    """

    def __init__(
        self,
        plan: SamplingPlan,
        limits: Mapping[str, tuple[TimeLimit, ...]],
        reference_times: Mapping[str, Evidence],
    ) -> None:
        super().__init__(plan)
        self._reference_times = reference_times
        self._limits = {f"{name} {limit}": (name, limit) for name, of_time in limits.items() for limit in of_time}
        by_limit = {key: (limit,) for key, (_, limit) in self._limits.items()}
        self._sampler = SequentialSampler(by_limit, max(plan.max_seconds, plan.seconds), plan.error)
        self._openings = iter(plan_openings(self._sampler.longest_s))
        self._first: Ratio | None = None

    @property
    def _until(self) -> float:
        return self.seconds + self._sampler.repeat_s if self._first else self._end

    @property
    def _fewest(self) -> int:
        return _FEWEST_QUADS

    def sample(self, candidate: _Turn, reference: _Turn) -> None:
        """Time the two up to the next planned opening; where they are sampled anew, up to the end of that."""
        if self._first:
            super().sample(candidate, reference)
            self.done = True
            return
        self._end, is_analysis = next(self._openings)
        super().sample(candidate, reference)
        if not is_analysis and self.seconds < self._sampler.longest_s:
            return
        self._sampler.analyse(self.seconds, lambda _: self._times())
        if self._sampler.repeat_s:
            self._first, self.openings = self._so_far(), []
        else:
            self.done = self._sampler.done

    def _times(self) -> dict[str, Evidence]:
        """What the samples say of the time of each limit; nothing of one that no ratio could decide any more."""
        ratio = PairedTime(self._so_far())
        times: dict[str, Evidence] = {}
        for key, (name, limit) in self._limits.items():
            reference = self._reference_times.get(name)
            derived = DerivedTime(reference, ratio) if reference else None
            if derived is None or not derived.is_out_of_reach(limit.limit, self.plan.error):
                times[key] = derived or ratio
        return times

    def _suffices(self) -> bool:
        return False

    def _so_far(self) -> Ratio:
        return super().ratio().model_copy(update={"alpha_share": self._sampler.alpha_share})

    def ratio(self) -> Ratio:
        """What the samples up to the last analysis say, beside what was sampled anew."""
        if self._first is None:
            return self._so_far()
        anew = super().ratio()
        spent = {"seconds": anew.seconds, "openings": self._first.openings + anew.openings}
        return self._first.model_copy(update=spent | {"repeat": anew.value})


def _turns(pair: Pair, inputs: Batch, reference_first: bool) -> tuple[_Turn, _Turn]:
    """Both warm, and with as many calls in a turn as make it long enough."""
    turns = _Turn(pair.candidate, inputs), _Turn(pair.reference, inputs)
    for turn in reversed(turns) if reference_first else turns:
        repeat_until_steady(turn)
        turn.calls = max(1, math.ceil(_TURN_SECONDS / max(turn(), 1e-6)))
    return turns


def _quad(candidate: _Turn, reference: _Turn, *, swapped: bool) -> float:
    """The logarithm of the ratio over A B B A; every other time over B A A B, so that neither always comes first."""
    if swapped:
        b1, a1, a2, b2 = reference(), candidate(), candidate(), reference()
    else:
        a1, b1, b2, a2 = candidate(), reference(), reference(), candidate()
    return math.log((a1 + a2) / candidate.calls) - math.log((b1 + b2) / reference.calls)
