"""A candidate and its reference in one process, timed in turn, so that what disturbs one disturbs the other.

A machine's speed drifts by more than the differences that a gate is to find. Two measurements one after the other take
that drift for a difference; of neighbours in A B B A it cancels, to first order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy.typing as npt

from ..domain.records import Ratio
from ..domain.statistics import paired_ratio
from ..runtimes.base import Runtime
from .clock import no_collection, settle

# Of shorter turns too much would be what the system does between them.
_TURN_SECONDS = 0.02
_FEWEST_QUADS, _FIRST_LOOK = 3, 8
# From here on both are opened anew at least once, in the other order: a file that was opened first in its process was
# 0.3 % slower than the same file opened second, which a longer sampling would take for a difference.
_REOPEN_FROM_SECONDS, _REOPEN_SECONDS = 10.0, 15.0


class Plan(NamedTuple):
    """How long to sample.

    Attributes:
        seconds: of sampling, at most.
        precision: half-width of the ratio's interval, as a share of the ratio, at which sampling ends early; 0 never.
    """

    seconds: float
    precision: float = 0.0


NOT_AT_ALL = Plan(0.0)


class Pair(NamedTuple):
    """The two as they are opened: the candidate and its reference."""

    candidate: Runtime
    reference: Runtime


class _Turn:
    """A number of calls of one runtime on the same images, as one timing."""

    def __init__(self, runtime: Runtime, images: npt.NDArray[Any]) -> None:
        self.runtime, self.placed, self.calls = runtime, runtime.place(images), 1

    def __call__(self) -> float:
        """Seconds that it took."""
        run, placed = self.runtime.run, self.placed
        if self.calls > 1:  # after the other one's turn, the first finds the processor's caches full of other things
            run(placed)
        started = time.perf_counter()
        for _ in range(self.calls):
            run(placed)
        return time.perf_counter() - started


def compare(open_pair: Callable[[bool], Pair], inputs: Mapping[str, npt.NDArray[Any]], plan: Plan) -> dict[str, Ratio]:
    """The ratio of the candidate's time to the reference's in each scenario, with its 95 % interval.

    Args:
        open_pair: opens both, the reference first if its argument is true.
        inputs: the name of each scenario, and the images (n, size, size, 3) uint8 that each call in it answers.
        plan: how long to sample each.
    """
    samplings = {name: _Sampling(plan) for name in inputs}
    openings = 0
    while unfinished := [name for name, sampling in samplings.items() if not sampling.done]:
        reference_first = openings % 2 == 1
        pair = open_pair(reference_first)
        openings += 1
        for name in unfinished:
            turns = _turns(pair, inputs[name], reference_first)
            with no_collection():
                samplings[name].sample(*turns)
            del turns
        del pair  # before the next one is opened
    return {name: sampling.ratio() for name, sampling in samplings.items()}


class _Sampling:
    """The logarithms of the ratios found so far, of each opening by itself, and whether they suffice."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.seconds, self.done = plan, 0.0, False
        self.openings: list[list[float]] = []
        self._next_look = _FIRST_LOOK
        # an even number, so that each is opened first as often as the other
        openings = 2 * math.ceil(plan.seconds / 2 / _REOPEN_SECONDS)
        self._seconds_open = plan.seconds / openings if plan.seconds >= _REOPEN_FROM_SECONDS else math.inf

    def sample(self, candidate: _Turn, reference: _Turn) -> None:
        """Time the two until there is enough, or until they are to be opened anew."""
        quads: list[float] = []
        self.openings.append(quads)
        began, until = time.perf_counter(), self.seconds + self._seconds_open
        before = self.seconds
        while not self.done and self.seconds < until:
            quads.append(_quad(candidate, reference, swapped=(len(quads) + len(self.openings)) % 2 == 0))
            self.seconds = before + time.perf_counter() - began
            self.done = self._suffices()

    def _suffices(self) -> bool:
        count = sum(map(len, self.openings))
        if self.seconds >= self.plan.seconds and count >= _FEWEST_QUADS:
            return True
        if count < self._next_look:
            return False
        # Each look at twice the samples: whoever looks all the time stops at a lucky moment.
        self._next_look *= 2
        return self.ratio().half_width <= self.plan.precision

    def ratio(self) -> Ratio:
        """What the samples say."""
        logarithms = paired_ratio(self.openings)
        return Ratio(
            value=math.exp(logarithms.value),
            low=math.exp(logarithms.low),
            high=math.exp(logarithms.high),
            quads=sum(map(len, self.openings)),
            openings=len(self.openings),
            seconds=self.seconds,
        )


def _turns(pair: Pair, images: npt.NDArray[Any], reference_first: bool) -> tuple[_Turn, _Turn]:
    """Both warm, and with as many calls in a turn as make it long enough."""
    turns = _Turn(pair.candidate, images), _Turn(pair.reference, images)
    for turn in reversed(turns) if reference_first else turns:
        settle(turn)
        turn.calls = max(1, math.ceil(_TURN_SECONDS / max(turn(), 1e-6)))
    return turns


def _quad(candidate: _Turn, reference: _Turn, *, swapped: bool) -> float:
    """The logarithm of the ratio over A B B A; every other time over B A A B, so that neither always comes first."""
    if swapped:
        b1, a1, a2, b2 = reference(), candidate(), candidate(), reference()
    else:
        a1, b1, b2, a2 = candidate(), reference(), reference(), candidate()
    return math.log((a1 + a2) / candidate.calls) - math.log((b1 + b2) / reference.calls)
