"""The race of chains, on random landscapes that stand in for trained and measured models."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np

from pytest_opml.runner.search import TOLERANCE, Race, search
from pytest_opml.runner.search_space import BASELINE, SearchSpace, parse_space, steps_of
from pytest_opml.runner.search_standings import Attempt, Standings, Trial
from pytest_opml.stats.evidence import Interval

STAGES = [
    ["filter-prune-0.3"],
    ["prune-0.5", "prune-0.8"],
    ["cluster-64"],
    ["float16", "dynamic-int8", "int8"],
]
SPACE = parse_space({"stages": STAGES, "without": ["*cluster-64+*int8"]}, "space")
SIZES = (600, 1800)


class Landscape:
    """Chains with a score each: steps add up, but for what two of them do together, and some break a budget.

    Args:
        seed: of all that is drawn.
        space: the chains.
        broken: the share of the chains that break a budget; more likely those of a low score.
        training: seconds of a step that trains, on all examples.
    """

    def __init__(self, seed: int, space: SearchSpace = SPACE, broken: float = 0.3, training: float = 5.0) -> None:
        self.random = np.random.default_rng(seed)
        self.space, self.fixed, self.training = space, 10.0, training
        steps = sorted({step for chain in space.chains for step in steps_of(chain)})
        gains = {step: self.random.normal(-0.25, 0.35) for step in steps}
        pairs = {pair: self.random.normal(0, 0.15) for pair in combinations(steps, 2)}
        self.scores = {
            chain: sum(gains[step] for step in steps_of(chain))
            + sum(pairs[tuple(sorted(pair))] for pair in combinations(steps_of(chain), 2))  # type: ignore[index]
            + self.random.normal(0, 0.03)
            for chain in space.chains
        }
        harm = {step: self.random.normal(0.1, 0.2) for step in steps}
        risk = {
            chain: sum(harm[step] for step in steps_of(chain)) + self.random.normal(0, 0.05) for chain in space.chains
        }
        limit = float(np.quantile(list(risk.values()), 1 - broken)) + 1e-9
        self.margins = {chain: value - limit for chain, value in risk.items()}
        self.broken = {chain for chain, margin in self.margins.items() if margin > 0}
        self.built: set[tuple[str, int]] = set()
        self.spent = 0.0
        self.evaluated: list[Attempt] = []
        self.trials: list[Trial] = []

    def compare(self, one: Trial, beside: Trial) -> Interval:
        """The interval of a difference at 90 %."""
        value, half = (one.score or 0.0) - (beside.score or 0.0), 1.645 * self._noise(one.rung)
        return Interval(value - half, value + half)

    def _noise(self, rung: int) -> float:
        return 0.03 * math.sqrt(SIZES[-1] / SIZES[rung])

    def evaluate(self, attempt: Attempt) -> Trial:
        """Try a chain; what was trained for another one is not trained again."""
        chain, rung = attempt
        self.evaluated.append(attempt)
        share, seconds, steps = SIZES[rung] / SIZES[-1], self.fixed, steps_of(chain)
        names = [BASELINE, *("+".join(steps[:count]) for count in range(1, len(steps) + 1))]
        for name in names:
            is_trained = name == BASELINE or any(word in name.split("+")[-1] for word in ("prune", "cluster"))
            if is_trained and (name, rung) not in self.built:
                seconds += self.training * share
                self.built.add((name, rung))
        self.spent += seconds
        is_last = rung == len(SIZES) - 1
        noise = 0.0 if is_last else self.random.normal(0, math.hypot(self._noise(rung), 0.03))
        base = 0.0 if is_last or chain == BASELINE else noise
        score = self.scores[chain] + base
        gain, half = score - self.scores[BASELINE], 1.96 * self._noise(rung)
        trial = Trial(
            chain=chain,
            rung=rung,
            seconds=seconds,
            training_s=self.training * share,
            score=score,
            gain=(gain, gain - half, gain + half),
            broken=("accuracy min",) if is_last and chain in self.broken else (),
            margins={"accuracy min": self.margins[chain]},
        )
        self.trials.append(trial)
        return trial

    @property
    def best(self) -> float:
        return min(score for chain, score in self.scores.items() if chain not in self.broken)

    def whole_cost(self) -> float:
        """Seconds of trying all on all examples."""
        again = Landscape(0, self.space, training=self.training)
        for chain in self.space.chains:
            again.evaluate(Attempt(chain, len(SIZES) - 1))
        return again.spent


def race_of(landscape: Landscape) -> Race:
    return Race(Standings(landscape.space, SIZES), landscape.compare)


def run(landscape: Landscape, seconds: float = math.inf) -> Race:
    race = race_of(landscape)
    search(race, landscape.evaluate, lambda: seconds - landscape.spent)
    return race


def test_the_best_chain_comes_out_at_a_part_of_the_cost_and_breaks_no_budget() -> None:
    losses, costs = [], []
    for seed in range(40):
        landscape = Landscape(seed)
        race = run(landscape)
        assert race.best is not None
        assert race.best.chain not in landscape.broken
        assert len(set(landscape.evaluated)) == len(landscape.evaluated)
        assert not race.is_cut
        losses.append(landscape.scores[race.best.chain] - landscape.best)
        costs.append(landscape.spent / landscape.whole_cost())
    assert np.mean(np.asarray(losses) <= TOLERANCE) >= 0.85
    assert np.mean(losses) < 0.03
    assert np.mean(costs) < 0.5


def test_few_examples_come_first_where_training_is_dear() -> None:
    landscape = Landscape(1, training=200.0)
    run(landscape)
    on_few = [attempt for attempt in landscape.evaluated if attempt.rung == 0]
    on_all = [attempt for attempt in landscape.evaluated if attempt.rung == 1]
    assert len(on_few) > 2 * len(on_all)
    assert {chain for chain, _ in on_all} <= {chain for chain, _ in on_few}
    landscape = Landscape(1, training=1.0)
    run(landscape)
    assert [attempt for attempt in landscape.evaluated if attempt.rung == 0] == [Attempt(BASELINE, 0)]


def test_seconds_bound_the_cost_and_leave_a_chain_that_keeps_the_budgets() -> None:
    for seed in range(40):
        landscape = Landscape(seed, broken=0.0)
        limit = float(np.random.default_rng(seed).uniform(30, 300))
        race = run(landscape, limit)
        # one attempt may take more than those before it: a step is trained that was not trained before
        assert landscape.spent <= limit + landscape.fixed + 3 * landscape.training
        assert race.best is not None
        assert race.is_cut or race.next_attempt() is None


def test_nothing_is_begun_that_is_not_expected_to_fit() -> None:
    landscape = Landscape(0)
    race = run(landscape, 1.0)
    assert [one.rung for one in landscape.evaluated] == [0]  # what it costs was not known
    assert race.is_cut
    assert race.next_attempt(race.standings.cost(Attempt(BASELINE, 1)) - 1) is None


def test_a_search_that_is_resumed_goes_on_where_it_was_ended() -> None:
    whole = Landscape(3)
    expected = run(whole)
    landscape = Landscape(3)
    while True:  # each call knows what those before it have left, and tries one chain
        race = race_of(landscape)
        for trial in landscape.trials:
            race.add(trial)
        attempt = race.next_attempt()
        if attempt is None:
            break
        landscape.evaluate(attempt)
    assert landscape.evaluated == whole.evaluated
    assert race.best == expected.best


def test_a_chain_without_a_result_is_not_extended() -> None:
    landscape = Landscape(0, broken=0.0)

    def evaluate(attempt: Attempt) -> Trial:
        trial = landscape.evaluate(attempt)
        return replace(trial, score=None, gain=None) if attempt.chain.startswith("prune-0.8") else trial

    race = race_of(landscape)
    search(race, evaluate, lambda: math.inf)
    failed = [chain for chain, _ in landscape.evaluated if chain.startswith("prune-0.8")]
    assert failed
    assert not any(one.startswith(f"{before}+") for before, one in combinations(failed, 2))
    assert race.best is not None


def test_where_no_chain_keeps_the_budgets_all_are_tried_and_none_is_chosen() -> None:
    landscape = Landscape(0)
    landscape.broken = set(SPACE.chains)
    landscape.margins = dict.fromkeys(SPACE.chains, 0.3)
    race = run(landscape)
    assert race.best is None
    assert {chain for chain, rung in landscape.evaluated if rung == 1} == set(SPACE.chains)


def test_a_leader_that_breaks_a_budget_puts_nothing_out() -> None:
    """On few examples the best two are close; on all of them the first breaks a budget, and the second comes back."""
    space = parse_space(["float16", "int8"], "space")

    def trial(chain: str, rung: int, score: float, *broken: str) -> Trial:
        return Trial(chain=chain, rung=rung, seconds=1.0, training_s=9.0 * (1 + 2 * rung), score=score,
                     gain=(score, score - 0.05, score + 0.05), broken=broken)  # fmt: skip

    def compare(one: Trial, beside: Trial) -> Interval:
        value = (one.score or 0.0) - (beside.score or 0.0)
        return Interval(value - 0.05, value + 0.05)

    race = Race(Standings(space, SIZES), compare)
    for one in (trial(BASELINE, 0, 0.0), trial("int8", 0, -1.0), trial("float16", 0, -0.3)):
        race.add(one)
    assert race.next_attempt() == Attempt(BASELINE, 1)  # which it is compared with
    race.add(trial(BASELINE, 1, 0.0))
    assert race.next_attempt() == Attempt("int8", 1)
    race.add(trial("int8", 1, -1.0))
    assert race.next_attempt() is None
    race.add(trial("int8", 1, -1.0, "accuracy min"))
    assert race.next_attempt() == Attempt("float16", 1)
    race.add(trial("float16", 1, -0.3))
    assert race.next_attempt() is None
    assert race.best is not None
    assert race.best.chain == "float16"
