from __future__ import annotations

import itertools

import numpy as np
import pytest

from pytest_opml.stats.evidence import Evidence, Proportion
from pytest_opml.stats.regression_errors import (
    ExplainedShare,
    LogExplainedRatio,
    PairedExplainedShare,
    SquaredErrors,
)

ERRORS = (0.5, 0.1, 0.05, 1e-3, 1e-6, 1e-9)


def squared(targets: np.ndarray, answers: np.ndarray) -> SquaredErrors:
    guessed = (targets - targets.mean()) ** 2
    return SquaredErrors((targets - answers) ** 2 / guessed.mean(), guessed / guessed.mean())


def drawn(noise: float, examples: int = 200, seed: int = 0) -> SquaredErrors:
    random = np.random.default_rng(seed)
    targets = random.normal(size=examples)
    return squared(targets, targets + noise * random.normal(size=examples))


def widens(figure: Evidence) -> None:
    intervals = [figure.interval(error) for error in ERRORS]
    for narrow, wide in itertools.pairwise(intervals):
        assert wide.low <= narrow.low <= figure.value <= narrow.high <= wide.high


@pytest.mark.parametrize("noise", [0.01, 0.5, 0.9, 3.0])
def test_the_figure_is_that_of_scikit_learn_and_lies_in_its_interval(noise: float) -> None:
    from sklearn.metrics import r2_score

    random = np.random.default_rng(0)
    targets = random.normal(size=100)
    answers = targets + noise * random.normal(size=100)
    figure = ExplainedShare(squared(targets, answers))
    assert figure.value == pytest.approx(max(r2_score(targets, answers), 0))
    widens(figure)


def test_a_model_that_is_never_off_is_as_sure_as_so_many_right_answers() -> None:
    targets = np.arange(50.0)
    assert ExplainedShare(squared(targets, targets)).interval(0.05) == Proportion(50, 50).interval(0.05)


def test_of_an_error_that_one_example_makes_alone_nothing_is_known() -> None:
    targets = np.arange(10.0)
    answers = targets.copy()
    answers[3] += 1
    assert tuple(ExplainedShare(squared(targets, answers)).interval(0.05)) == pytest.approx((0, 1), abs=1e-9)


def test_a_pair_is_surer_than_the_two_alone() -> None:
    reference = drawn(0.5)
    candidate = reference._replace(own=reference.own * np.random.default_rng(1).uniform(1.0, 1.2, 200))
    low, high = PairedExplainedShare(candidate, reference).interval(0.05)
    alone = ExplainedShare(candidate).interval(0.05)
    assert high - low < (alone.high - alone.low) / 5
    assert high < 1 - reference.ratio  # it is worse
    widens(PairedExplainedShare(candidate, reference))


def test_a_ratio_of_errors_is_that_of_the_score() -> None:
    candidate, reference = drawn(0.6), drawn(0.5)
    figure = LogExplainedRatio(candidate, reference)
    assert figure.value == pytest.approx(np.log10(candidate.ratio / reference.ratio))
    widens(figure)
    worse_than_guessing = drawn(3.0)
    assert LogExplainedRatio(worse_than_guessing, reference).value == pytest.approx(-np.log10(reference.ratio))
    floored = LogExplainedRatio(drawn(0.001), reference).value
    assert floored == pytest.approx(np.log10(1 / 400 / reference.ratio))


@pytest.mark.slow
@pytest.mark.parametrize("examples", [30, 200])
@pytest.mark.parametrize("noise", [0.1, 0.7])
def test_the_intervals_miss_the_truth_as_seldom_as_they_say(examples: int, noise: float) -> None:
    truth, draws = 1 - noise**2, 1_000
    alone, above, below = [], 0, 0
    for seed in range(draws):
        random = np.random.default_rng(seed)
        targets, shared, own = random.normal(size=(3, examples))
        reference = squared(targets, targets + noise * shared)
        candidate = squared(targets, targets + noise * (0.9 * shared + np.sqrt(1 - 0.81) * own))
        alone.append(ExplainedShare(reference).interval(0.05))
        low, high = LogExplainedRatio(candidate, reference).interval(0.05)
        above, below = above + (low > 0), below + (high < 0)
    sides = sum(low > truth for low, _ in alone), sum(high < truth for _, high in alone), above, below
    assert max(sides) <= 0.045 * draws
