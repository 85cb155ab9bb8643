from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_opml.stats.evidence import Evidence, PairedProportion, Proportion
from pytest_opml.stats.example_figures import MeanFigure, PairedFigures, pack_rows, unpack_rows
from tests.support.intervals import widens

FIGURES = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60)
PAIRS = st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)), min_size=1, max_size=60)


@given(FIGURES, st.integers(1, 3))
def test_what_is_packed_comes_out_again(figures: list[float], rows: int) -> None:
    unpacked = unpack_rows(pack_rows([figures] * rows))
    assert unpacked is not None
    assert unpacked.tolist() == [figures] * rows


@pytest.mark.parametrize("text", ["", "x", "é", "AAAA", "eJwDAAAAAAE=", "eJxjYGBgAAAABAAB"])
def test_what_was_not_packed_is_nothing(text: str) -> None:
    assert unpack_rows(text) is None


@given(FIGURES)
@settings(max_examples=40, deadline=None)
def test_a_mean_lies_in_its_interval_and_that_within_0_to_1(figures: list[float]) -> None:
    widens(MeanFigure(np.array(figures)), 0.0, 1.0)


@given(PAIRS)
@settings(max_examples=40, deadline=None)
def test_a_difference_lies_in_its_interval(pairs: list[tuple[float, float]]) -> None:
    candidate, reference = map(np.array, zip(*pairs, strict=True))
    widens(PairedFigures(candidate, reference), -1.0, 1.0)


@pytest.mark.parametrize(("right", "examples"), [(0, 20), (18, 20), (500, 500), (371, 500)])
def test_right_and_wrong_answers_have_the_exact_interval(right: int, examples: int) -> None:
    figures = np.arange(examples) < right
    assert tuple(MeanFigure(figures.astype(float)).interval(0.05)) == pytest.approx(
        tuple(Proportion(right, examples).interval(0.05))
    )


@pytest.mark.parametrize(("worse", "better"), [(0, 0), (3, 0), (7, 20)])
def test_and_their_difference_that_of_discordant_answers(worse: int, better: int) -> None:
    candidate, reference = np.zeros(200), np.zeros(200)
    reference[:worse] = 1
    candidate[100 : 100 + better] = 1
    assert tuple(PairedFigures(candidate, reference).interval(0.05)) == pytest.approx(
        tuple(PairedProportion((worse, better, 200)).interval(0.05))
    )


def test_many_figures_that_vary_little_have_the_error_of_their_mean() -> None:
    figures = np.random.default_rng(0).normal(0.6, 0.1, 5_000).clip(0, 1)
    low, high = MeanFigure(figures).interval(0.05)
    assert (high - low) / 2 == pytest.approx(1.96 * figures.std() / np.sqrt(5_000), rel=0.05)


def test_equal_figures_are_not_certain() -> None:
    low, high = MeanFigure(np.full(50, 0.8)).interval(0.05)
    assert low < 0.77
    assert high > 0.82


def misses(draw, truth: float, draws: int = 1_000) -> tuple[float, float]:
    """How often the interval of what is drawn lies wholly above, and wholly below, the truth."""
    random = np.random.default_rng(0)
    intervals = [draw(random).interval(0.05) for _ in range(draws)]
    return sum(low > truth for low, _ in intervals) / draws, sum(high < truth for _, high in intervals) / draws


@pytest.mark.slow
@pytest.mark.parametrize("examples", [20, 100, 500])
@pytest.mark.parametrize("rare", [0.005, 0.02, 0.1])
def test_a_rare_low_figure_is_in_the_interval_though_it_was_not_seen(examples: int, rare: float) -> None:
    def draw(random: np.random.Generator) -> Evidence:
        return MeanFigure(np.where(random.random(examples) < rare, 0.1, random.normal(0.95, 0.02, examples).clip(0, 1)))

    assert max(misses(draw, 0.95 * (1 - rare) + 0.1 * rare)) <= 0.035
