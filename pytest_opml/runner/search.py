"""A race of chains: which one is tried next, and on how many examples. Pure: what comes of it is told from outside.

It begins on few examples (rungs, as in successive halving: K. Jamieson and A. Talwalkar, AISTATS 2016), where that is
cheaper by half: each technique of the space once, then the chains that what was seen lets expect to be the best, each
one or two steps longer than what was tried. A chain goes on to more examples until an interval shows that it is not
better than the leader by the tolerance: the paired one where both were tried on the same examples, else that of what
is expected of it. Whether a chain keeps the budgets is decided on all examples; one that does not is no leader, and
what it had put out comes back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..stats.evidence import Interval
from .search_model import Expectation
from .search_space import BASELINE, SearchSpace
from .search_standings import LEAST_CHANCE, RUNG_ERROR, Attempt, Standings, Trial

TOLERANCE = 0.05
_ONE_SIDED = 1.645  # standard deviations at 95 %, of what was tried
_LEAST_CHANCE_TO_SURPASS = 1 / 8  # of a chain that was not tried, that it is better and keeps the budgets
_WORTH_IT = 0.5  # of the cost on all examples, what fewer may cost


# The interval, at 90 %, of the score of one trial minus that of another on the same rung.
Comparison = Callable[[Trial, Trial], Interval]


@dataclass
class Race:
    """The state of a search, and what it wants next.

    Attributes:
        standings: what was tried, and what follows from it.
        compare: two trials of one rung.
        tolerance: what a chain must be better by to be worth trying, in units of the score.
        is_cut: whether the last answer of ``next_attempt`` was given for want of seconds.
    """

    standings: Standings
    compare: Comparison
    tolerance: float = TOLERANCE
    is_cut: bool = False

    @property
    def space(self) -> SearchSpace:
        """The chains."""
        return self.standings.space

    @property
    def sizes(self) -> Sequence[int]:
        """Examples of each rung; the last has all."""
        return self.standings.sizes

    @property
    def trials(self) -> Mapping[Attempt, Trial]:
        """What was tried, in this order."""
        return self.standings.trials

    @property
    def last(self) -> int:
        """The number of the rung with all examples."""
        return self.standings.last

    @property
    def best(self) -> Trial | None:
        """The lowest score on all examples among those that keep the budgets."""
        return self.standings.best

    def add(self, trial: Trial) -> None:
        """Take in what came of an attempt."""
        self.standings.trials[trial.attempt] = trial

    def next_attempt(self, seconds: float = math.inf) -> Attempt | None:
        """Return what to try next; None where the search is over.

        Args:
            seconds: that are left. What is expected not to fit is not tried; of them as many are set aside as the
                favourite needs on all examples, as long as no chain was tried on them that keeps the budgets.
        """
        attempt = self._wanted()
        self.is_cut = False
        if attempt is None:
            return None
        favourite = self._favourite()
        is_safe = self.best is not None or favourite is None or attempt == favourite
        aside = 0.0 if is_safe or favourite is None else self.standings.cost(favourite)
        if self.standings.cost(attempt) + aside <= seconds:
            return self._with_baseline(attempt)
        self.is_cut = True
        return self._with_baseline(favourite) if favourite and self.standings.cost(favourite) <= seconds else None

    def _with_baseline(self, attempt: Attempt) -> Attempt:
        """The attempt, or the baseline on its rung where that was not tried: chains are compared with it."""
        baseline = Attempt(BASELINE, attempt.rung)
        return attempt if baseline in self.trials else baseline

    def _wanted(self) -> Attempt | None:
        if Attempt(BASELINE, 0) not in self.trials:
            return Attempt(BASELINE, 0)
        rungs = self._rungs()
        if not rungs:
            return None
        first = rungs[0]
        return self._opening(first) or self._growth(first) or self._promotion(rungs) or self._last_resort(self.last)

    def _rungs(self) -> list[int]:
        """The rungs that are worth their cost by what the baseline took on the first, those in use, and the last."""
        trial = self.trials[Attempt(BASELINE, 0)]
        fixed = max(trial.seconds - trial.training_s, trial.seconds / 10)
        costs = [fixed + trial.training_s * size / self.sizes[0] for size in self.sizes]
        used = {attempt.rung for attempt in self.trials if attempt.chain != BASELINE}
        rungs = [rung for rung in range(self.last) if costs[rung] <= _WORTH_IT * costs[self.last] or rung in used]
        failed = {trial.rung for trial in self.trials.values() if trial.chain == BASELINE and trial.score is None}
        return [] if self.last in failed else [rung for rung in (*rungs, self.last) if rung not in failed]

    def _opening(self, rung: int) -> Attempt | None:
        """The shortest chain with a technique that was not seen yet, unless it can hardly surpass the leader.

        One that is left out may still come in a longer chain.
        """
        standings, leader = self.standings, self.standings.leader()
        seen = {technique for chain, _ in self.trials for technique in standings.techniques(chain)}
        expected = standings.expected()
        for chain in sorted(standings.untried(rung), key=lambda chain: len(standings.steps[chain])):
            is_new = not seen.issuperset(standings.techniques(chain))
            is_first = leader is None or leader.chain == BASELINE
            if is_new and (is_first or self._may_surpass(expected[chain], expected[leader.chain if leader else chain])):
                return Attempt(chain, rung)
        return None

    def _growth(self, rung: int) -> Attempt | None:
        """A little more than a chain that was tried: what may be best, unless that is hardly so by the tolerance."""
        standings, leader = self.standings, self.standings.leader()
        expected, chances = standings.expected(), standings.chances()
        leading = expected[leader.chain] if leader else None
        alive = {
            chain: chances[chain] * (self._chance_to_surpass(expected[chain], leading) if leading else 1.0)
            for chain in standings.untried(rung)
            if standings.is_grown(chain) and chances[chain] >= LEAST_CHANCE
        }
        alive = {chain: chance for chain, chance in alive.items() if chance >= _LEAST_CHANCE_TO_SURPASS}
        if not alive:
            return None
        base = leading.gain if leading else 1.0

        def promise(chain: str) -> float:
            return chances[chain] * (base - expected[chain].gain + expected[chain].deviation)

        return Attempt(max(alive, key=promise), rung)

    def _promotion(self, rungs: Sequence[int]) -> Attempt | None:
        """The best chain of a rung that the leader does not put out, to be tried on the next one; the highest first."""
        leader, likely = self.standings.leader(), self.standings.likely()
        for rung, following in zip(rungs[-2::-1], rungs[:0:-1], strict=False):
            waiting = [
                trial
                for trial in self.standings.candidates(rung)
                if Attempt(trial.chain, following) not in self.trials
                and trial.chain in likely
                and not self._is_put_out(trial, leader)
            ]
            if waiting:
                return Attempt(min(waiting, key=lambda trial: trial.score or 0.0).chain, following)
        return None

    def _last_resort(self, last: int) -> Attempt | None:
        """Where no chain keeps the budgets: of those that are not likely to, the likeliest."""
        if self.best is not None:
            return None
        chances, untried = self.standings.chances(), self.standings.untried(last)
        return Attempt(max(untried, key=lambda chain: chances[chain]), last) if untried else None

    def _favourite(self) -> Attempt | None:
        """The chain that is to be tried on all examples if seconds allow for one only."""
        rungs = [rung for rung in range(self.last) if self.standings.candidates(rung)]
        tried = {attempt.chain for attempt in self.trials if attempt.rung == self.last}
        for rung in reversed(rungs):
            waiting = [trial for trial in self.standings.candidates(rung) if trial.chain not in tried]
            if waiting:
                return Attempt(min(waiting, key=lambda trial: trial.score or 0.0).chain, self.last)
        return None

    def _chance_to_surpass(self, own: Expectation, leading: Expectation) -> float:
        """How likely a chain is better than the leader by the tolerance."""
        difference = Expectation(own.gain - leading.gain, math.hypot(own.deviation, leading.deviation))
        return difference.chance_below(-self.tolerance)

    def _may_surpass(self, own: Expectation, leading: Expectation) -> bool:
        return self._chance_to_surpass(own, leading) >= _LEAST_CHANCE_TO_SURPASS

    def _is_put_out(self, trial: Trial, leader: Trial | None) -> bool:
        """Whether the interval beside the leader shows that a chain is not better by the tolerance."""
        if leader is None or trial.chain == leader.chain:
            return False
        beside = self.trials.get(Attempt(leader.chain, trial.rung))
        if beside is None or beside.score is None:
            expected = self.standings.expected()
            return not self._may_surpass(expected[trial.chain], expected[leader.chain])
        value = (trial.score or 0.0) - beside.score
        of_rung = _ONE_SIDED * RUNG_ERROR if trial.rung < self.last else 0.0
        return value - math.hypot(value - self.compare(trial, beside).low, of_rung) > -self.tolerance


def search(
    race: Race,
    evaluate: Callable[[Attempt], Trial],
    seconds_left: Callable[[], float],
) -> None:
    """Try one chain after the other until the race is over, or the seconds are.

    Args:
        race: what was tried so far.
        evaluate: tries a chain.
        seconds_left: asked before each attempt.
    """
    while (attempt := race.next_attempt(seconds_left())) is not None:
        race.add(evaluate(attempt))
