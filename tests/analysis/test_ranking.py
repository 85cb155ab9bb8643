from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.analysis.op_score import op_score
from pytest_opml.analysis.ranking import Entry, bounds, dominates, groups, rank
from tests.support.builders import make_device, make_result


def entry(name: str, accuracy: float, seconds: float, megabytes: float) -> Entry:
    return Entry(name, accuracy, seconds, megabytes, op_score(accuracy, seconds, megabytes, samples=1_000).value)


# Few distinct values make ties and dominated entries common.
SHARES = st.sampled_from([0.0, 0.5, 0.75, 0.9, 1.0]) | st.floats(0, 1)
AMOUNTS = st.sampled_from([1.0, 2.0, 4.0, 8.0]) | st.floats(0.1, 1_000)
ENTRIES = st.lists(st.tuples(SHARES, AMOUNTS, AMOUNTS), min_size=1, max_size=12).map(
    lambda rows: [entry(f"model{number:02}", *row) for number, row in enumerate(rows)]
)

GOOD, FAST, POOR = entry("good", 0.9, 4.0, 10.0), entry("fast", 0.8, 1.0, 10.0), entry("poor", 0.5, 4.0, 20.0)


def test_the_best_score_comes_first() -> None:
    rows = rank([POOR, GOOD, FAST], samples=1_000).rows
    assert [(row.rank, row.entry.name) for row in rows] == [(1, "fast"), (2, "good"), (3, "poor")]


def test_equal_scores_share_a_place_and_the_next_is_left_out() -> None:
    tied = [GOOD._replace(name="b"), GOOD._replace(name="a"), FAST, POOR]
    rows = rank(tied, samples=1_000).rows
    assert [(row.rank, row.entry.name) for row in rows] == [(1, "fast"), (2, "a"), (2, "b"), (4, "poor")]


def test_scores_that_are_equal_but_for_rounding_share_a_place() -> None:
    score = GOOD.score
    tied = [GOOD._replace(name="b", score=score), GOOD._replace(name="a", score=math.nextafter(score, 2))]
    rows = rank([*tied, FAST, POOR], samples=1_000).rows
    assert [(row.rank, row.entry.name) for row in rows] == [(1, "fast"), (2, "a"), (2, "b"), (4, "poor")]


def test_what_differs_by_rounding_alone_does_not_dominate() -> None:
    faster = GOOD._replace(seconds=math.nextafter(GOOD.seconds, 0))
    assert not dominates(faster, GOOD)
    assert dominates(faster._replace(megabytes=9.0), GOOD)
    assert dominates(GOOD._replace(megabytes=9.0), faster)
    assert all(row.pareto for row in rank([GOOD, faster._replace(name="as good")], samples=1_000).rows)


def test_bounds_are_the_best_and_worst_of_each_column() -> None:
    minimum, maximum = bounds([GOOD, FAST, POOR], samples=1_000)
    assert minimum == entry("MIN", 0.9, 1.0, 10.0)
    assert maximum == entry("MAX", 0.5, 4.0, 20.0)


def test_one_entry_is_its_own_bounds_and_has_no_normalised_score() -> None:
    ranking = rank([GOOD], samples=1_000)
    assert ranking.minimum[1:] == ranking.maximum[1:] == GOOD[1:]
    assert [(row.rank, row.normalised, row.pareto) for row in ranking.rows] == [(1, None, True)]


@given(ENTRIES)
def test_a_normalised_score_is_0_to_1_between_the_bounds(entries: list[Entry]) -> None:
    ranking = rank(entries, samples=1_000)
    assert ranking.minimum.score <= ranking.rows[0].entry.score
    assert ranking.rows[-1].entry.score <= ranking.maximum.score
    for row in ranking.rows:
        if row.normalised is None:
            assert ranking.minimum.score == ranking.maximum.score
        else:
            assert 0 <= row.normalised <= 1


@given(ENTRIES)
def test_models_that_are_best_and_worst_in_all_columns_are_at_0_and_1(entries: list[Entry]) -> None:
    best, worst = entry("best", 1.0, 0.1, 0.1), entry("worst", 0.0, 1_000.0, 1_000.0)
    rows = {row.entry.name: row for row in rank([*entries, best, worst], samples=1_000).rows}
    assert (rows["best"].normalised, rows["worst"].normalised) == (0, 1)
    assert rows["best"].pareto
    assert rows["best"].rank == 1


@given(ENTRIES)
def test_ranks_follow_the_scores(entries: list[Entry]) -> None:
    rows = rank(entries, samples=1_000).rows
    for row in rows:
        score = row.entry.score
        assert row.rank == 1 + sum(
            other.entry.score < score and not math.isclose(other.entry.score, score, rel_tol=1e-9, abs_tol=1e-9)
            for other in rows
        )
    assert sorted(row.entry for row in rows) == sorted(entries)


@given(ENTRIES)
def test_the_pareto_front_is_those_that_nothing_dominates(entries: list[Entry]) -> None:
    rows = rank(entries, samples=1_000).rows
    front = [row.entry for row in rows if row.pareto]
    behind = [row.entry for row in rows if not row.pareto]
    assert front
    assert not any(dominates(one, other) for one in front for other in front)
    assert all(any(dominates(one, other) for one in front) for other in behind)


@given(ENTRIES.flatmap(lambda entries: st.tuples(st.just(entries), st.permutations(entries))))
def test_the_order_of_the_input_does_not_matter(pair: tuple[list[Entry], list[Entry]]) -> None:
    entries, shuffled = pair
    assert rank(entries, samples=1_000) == rank(shuffled, samples=1_000)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (GOOD, GOOD, False),
        (GOOD, POOR, True),
        (POOR, GOOD, False),
        (GOOD, FAST, False),
        (FAST, GOOD, False),
        (GOOD._replace(megabytes=9.0), GOOD, True),
        (GOOD._replace(seconds=3.0), GOOD, True),
        (GOOD._replace(quality=0.91), GOOD, True),
    ],
)
def test_dominating_is_no_worse_anywhere_and_better_somewhere(one: Entry, other: Entry, expected: bool) -> None:
    assert dominates(one, other) is expected


def test_results_of_several_machines_are_not_ranked_against_one_another() -> None:
    slower = make_device("t4").model_copy(update={"cores": 2})
    results = [
        make_result(technique, device=device)
        for technique in ("baseline", "int8")
        for device in (make_device("t4"), slower)
    ]
    assert [[result.device.cores for result in group] for group in groups(results)] == [[8, 8], [2, 2]]


def test_results_of_different_qualities_are_not_ranked_together() -> None:
    first = make_result()
    other = first.model_copy(update={"quality": first.quality.model_copy(update={"name": "f1"})})
    assert [[one.quality.name for one in group] for group in groups([first, other, first])] == [
        ["accuracy", "accuracy"],
        ["f1"],
    ]
