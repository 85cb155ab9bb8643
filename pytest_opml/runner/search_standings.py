"""What was tried in a search, and what follows from it: who leads, what the others may bring, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .search_model import Expectation, Observation, expectations
from .search_space import BASELINE, SearchSpace, kind_of, steps_of

RUNG_ERROR = 0.05  # standard deviation of what few training examples change in a difference of scores
LEAST_CHANCE = 0.05  # of keeping each budget
_MOST_STEPS_MORE = 2


class Attempt(NamedTuple):
    """A chain, and the number of the rung that it is to be tried on."""

    chain: str
    rung: int


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of an attempt.

    Attributes:
        chain: that was tried.
        rung: on which.
        seconds: that it took.
        training_s: seconds of training that it needs, be they spent now or earlier.
        score: its OpScore; None where it has no result.
        gain: the score minus that of the baseline on the same examples, with its 95 % interval; None likewise.
        broken: the budgets that it does not keep, in words; they are decided on all examples.
        margins: by budget, how far beyond its limit the figure is, as a base-10 logarithm: below 0 it is kept.
        base_margins: the same of the baseline's figure, for budgets that are relative to it.
    """

    chain: str
    rung: int
    seconds: float
    training_s: float = 0.0
    score: float | None = None
    gain: tuple[float, float, float] | None = None
    broken: tuple[str, ...] = ()
    margins: Mapping[str, float] = field(default_factory=dict)
    base_margins: Mapping[str, float] = field(default_factory=dict)

    @property
    def attempt(self) -> Attempt:
        """What it came of."""
        return Attempt(self.chain, self.rung)

    @property
    def is_candidate(self) -> bool:
        """Whether it may be the best."""
        return self.score is not None and not self.broken


@dataclass
class Standings:
    """The trials of a search so far.

    Attributes:
        space: the chains.
        sizes: examples of each rung, ascending; the last has all.
        trials: by attempt.
    """

    space: SearchSpace
    sizes: Sequence[int]
    trials: dict[Attempt, Trial] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.steps = {chain: steps_of(chain) for chain in self.space.chains}
        self._kinds = {step: kind_of(step) for step in {step for steps in self.steps.values() for step in steps}}

    def techniques(self, chain: str) -> set[str]:
        """Return the techniques of a chain."""
        return {self._kinds[step].technique for step in self.steps[chain]}

    @property
    def last(self) -> int:
        """The number of the rung with all examples."""
        return len(self.sizes) - 1

    @property
    def best(self) -> Trial | None:
        """The lowest score on all examples among those that keep the budgets."""
        return min(self.candidates(self.last), key=lambda trial: trial.score or 0.0, default=None)

    def leader(self) -> Trial | None:
        """Return the best on the highest rung that has one; one that breaks a budget on more examples is none."""
        lost = {trial.chain for trial in self.trials.values() if not trial.is_candidate}
        for rung in range(self.last, -1, -1):
            trials = [trial for trial in self.candidates(rung) if trial.chain not in lost]
            if trials:
                return min(trials, key=lambda trial: trial.score or 0.0)
        return None

    def candidates(self, rung: int) -> list[Trial]:
        """Return the trials of a rung that have a result, and break no budget as far as it shows there."""
        return [trial for trial in self.trials.values() if trial.rung == rung and trial.is_candidate]

    def untried(self, rung: int) -> list[str]:
        """Return the chains that were tried neither on a rung nor above it, and whose beginnings did not fail."""
        tried = {attempt.chain for attempt in self.trials if attempt.rung >= rung}
        failed = [self.steps[trial.chain] for trial in self.trials.values() if trial.score is None]
        return [
            chain
            for chain in self.space.chains
            if chain not in tried and not any(self.steps[chain][: len(steps)] == steps for steps in failed)
        ]

    def is_grown(self, chain: str) -> bool:
        """Return whether a chain is one or two steps more than one that was tried."""
        steps = self.steps[chain]
        parts = [self.steps[attempt.chain] for attempt in self.trials]
        return any(set(part) <= set(steps) and len(steps) - len(part) <= _MOST_STEPS_MORE for part in parts)

    def cost(self, attempt: Attempt) -> float:
        """Return the seconds that an attempt is expected to take, from what those like it took; 0 where none were.

        That is the most of the trials on the same rung with a step of it, or of all on that rung; where there are none,
        of a lower rung, in proportion to the examples. What is trained first, a baseline on that rung, is added.
        """
        steps, total = set(self.steps[attempt.chain]), 0.0
        if attempt.chain != BASELINE and Attempt(BASELINE, attempt.rung) not in self.trials:
            total = self.cost(Attempt(BASELINE, attempt.rung))
        for rung in range(attempt.rung, -1, -1):
            on_rung = [trial for trial in self.trials.values() if trial.rung == rung]
            alike = [trial for trial in on_rung if steps & set(self.steps[trial.chain])]
            if on_rung:
                longest = max(alike or on_rung, key=lambda trial: trial.seconds)
                more = (self.sizes[attempt.rung] / self.sizes[rung] - 1) * min(longest.training_s, longest.seconds)
                return total + longest.seconds + more
        return total

    def expected(self) -> dict[str, Expectation]:
        """Return what the score of each chain is expected to differ by from the baseline's."""
        observations = []
        for trial in self.trials.values():
            if trial.gain is not None and trial.chain != BASELINE:
                value, low, high = trial.gain
                # on all examples a score is what it is: the interval is of other examples
                error = 0.0 if trial.rung == self.last else math.hypot((high - low) / (2 * 1.96), RUNG_ERROR)
                observations.append(Observation(self.steps[trial.chain], value, error))
        return self._expectations(observations)

    def _expectations(self, observations: Sequence[Observation]) -> dict[str, Expectation]:
        chains = self.space.chains
        values = expectations([self.steps[chain] for chain in chains], observations, self._kinds)
        return dict(zip(chains, values, strict=True))

    def chances(self) -> dict[str, float]:
        """Return how likely each chain keeps the budget that it is the least likely to keep."""
        chances = dict.fromkeys(self.space.chains, 1.0)
        for budget in sorted({name for trial in self.trials.values() for name in trial.margins}):
            trials = [one for one in self.trials.values() if budget in one.margins]
            bases = {one.rung: one.base_margins[budget] for one in trials if budget in one.base_margins}
            bases |= {one.rung: one.margins[budget] for one in trials if one.chain == BASELINE}
            observations = [
                Observation(
                    self.steps[one.chain],
                    one.margins[budget] - bases[one.rung],
                    0.0 if one.rung == self.last else RUNG_ERROR,
                )
                for one in trials
                if one.chain != BASELINE and one.rung in bases
            ]
            base = bases[max(bases)] if bases else 0.0
            for chain, expectation in self._expectations(observations).items():
                chances[chain] = min(chances[chain], expectation.chance_below(-base))
        return chances

    def likely(self) -> set[str]:
        """Return the chains that are not unlikely to keep the budgets."""
        return {chain for chain, chance in self.chances().items() if chance >= LEAST_CHANCE}
