"""Which of two runs is the newer one, whatever clocks say."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.history import memory, order, places
from pytest_opml.history.base import History, Query, Release
from pytest_opml.history.order import RunOrder, Standing, index_by_time
from tests.history.test_base import ids
from tests.support.history_runs import commit_of, run_of

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
FAR = NOW.replace(year=2099)


def day(number: float) -> datetime:
    return NOW + timedelta(days=number)


@pytest.mark.parametrize(
    ("moments", "moment", "index"),
    [
        ([], -1, 0),
        ([-3, -2], -1, 2),
        ([-3, -1], -2, 1),
        ([-3, -2], -2, 2),  # of one moment, the one that was added last is the newer
        ([-3, -2], -9, 0),
        ([-3, -2], 9, 2),  # the clock of the one that is added is ahead
        ([-3, 9], -1, 2),  # that of one before it was ahead
        ([9, 9, 9], -1, 3),
        ([-3, -2, 9, 9, 9], -9, 0),  # an old run that is imported
        ([-3, 9, -1], -2, 2),
        ([-3, -2, -5000], -1, 3),  # the clock of the last was behind
        ([-3, -2, -5000], -9, 0),
        ([-5000, 9, -3, -2], -1, 4),
    ],
)
def test_a_moment_has_the_place_that_contradicts_the_fewest(moments: list[int], moment: int, index: int) -> None:
    assert index_by_time([day(one) for one in moments], day(moment), NOW) == index


@given(st.lists(st.integers(-50, 0), max_size=9), st.integers(-50, 0))
def test_among_clocks_that_are_right_the_order_is_that_of_time(moments: list[int], moment: int) -> None:
    before: list[datetime] = []
    for one in map(day, [*moments, moment]):
        before.insert(index_by_time(before, one, NOW), one)
    assert before == sorted(before)


def test_what_git_says_of_two_commits_counts_before_any_clock() -> None:
    commits = "abcd"  # each led to the next

    def led(first: str, second: str) -> bool:
        return first in commits and second in commits and first < second

    def order_of(*runs: tuple[str, float]) -> str:
        standings: list[Standing] = []
        for commit, number in runs:
            latest = max((run.started for run in standings if run.started <= NOW), default=None)
            standing = Standing(day(number), commit)
            standings.insert(RunOrder(standings, led, latest, NOW).insert(standing).at, standing)
        return "".join(str(run.commit) for run in standings)

    assert order_of(("a", -9), ("b", -8), ("c", -7)) == "abc"
    assert order_of(("a", -9), ("c", -8), ("d", -7), ("b", -6)) == "abcd"  # an older commit, measured again
    assert order_of(("a", -9), ("c", 9), ("b", -8)) == "abc"  # c is ahead of its time, and of b
    assert order_of(("a", -9), ("b", 9), ("c", -8)) == "abc"
    assert order_of(("a", -9), ("b", -8), ("c", -5000)) == "abc"  # imported, its clock was behind
    assert order_of(("a", -9), ("x", -8), ("b", -7)) == "axb"  # nothing is known of x
    assert order_of(("a", -9), ("c", -8), ("x", -7), ("b", -6)) == "acxb"


def test_changed_files_are_no_commit() -> None:
    clean, dirty = run_of("clean", commit=commit_of("a")), run_of("dirty", commit=commit_of("a", dirty=True))
    assert order.standing_of(clean) == Standing(clean.started, "a" * 40)
    assert order.standing_of(dirty) == Standing(dirty.started, "a" * 40, is_clean=False)
    assert order.standing_of(run_of("none", commit=None)) == Standing(clean.started, None)

    def led(first: str, second: str) -> bool:
        return first < second

    changed, later = Standing(day(-2), "a", is_clean=False), Standing(day(-3), "b", is_clean=False)
    assert RunOrder([later], led, day(-3), NOW).insert(changed).at == 1
    assert RunOrder([later], led, day(-3), NOW).insert(changed._replace(is_clean=True)).at == 0


# --- in a history


def test_a_run_with_a_wrong_clock_is_not_the_last_for_ever(history: History) -> None:
    wrong = run_of("wrong", started=FAR, commit=None)
    history.extend([run_of("first", 1)], [Release("first", FAR, "v1")])
    history.append(wrong)
    assert history.newest(Query(), 1) == [wrong]
    history.append(run_of("next", 2))
    assert ids(history.newest(Query(), 9)) == ids(history.summaries(Query(), 9)) == ["next", "wrong", "first"]
    history.extend([run_of("imported", 3)], merge=True)
    history.extend([run_of("old", 0)], merge=True)
    assert ids(history.newest(Query(), 9)) == ["imported", "next", "wrong", "first", "old"]
    assert ids(history.rows(Query(cases=tuple(history.case_ids()[:1])), 9)) == ids(history.newest(Query(), 9))
    assert ids(history.newest(Query(older_than="next"), 9)) == ["wrong", "first", "old"]
    assert ids(history.rows(Query(cases=tuple(history.case_ids()[:1]), older_than="wrong"), 9)) == ["first", "old"]
    assert history.newest(Query(older_than="no such run"), 9) == []
    assert [run.run_id for run in history.records()] == ["first", "wrong", "next", "imported", "old"]
    history.promote(Release("next", day(0), "v2"))
    assert [release.label for release in history.releases()] == ["v2", "v1"]


def test_a_clock_that_was_put_back_does_not_make_the_newest_run_old(
    history: History,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history.append(run_of("before", 1))
    past = datetime(1990, 1, 1, tzinfo=timezone.utc)
    for module in (memory, places):
        monkeypatch.setattr(module, "utc_now", lambda: past)
    history.append(run_of("reset", started=past))
    assert ids(history.newest(Query(), 9)) == ["reset", "before"]
    monkeypatch.undo()
    history.append(run_of("after", 2))
    assert ids(history.newest(Query(), 9)) == ["after", "reset", "before"]


def test_an_older_commit_that_is_measured_again_is_the_run_of_a_command_but_not_the_newest(
    history: History,
) -> None:
    assert history.last_added() is None

    def led(first: str, second: str) -> bool:
        return first < second

    for minute, (name, commit) in enumerate((("a", "a"), ("b", "b"), ("again", "a"))):
        history.append(run_of(name, minute, commit=commit_of(commit)), ancestry=led)
    assert ids(history.newest(Query(), 9)) == ["b", "again", "a"]
    last = history.last_added()
    assert last is not None
    assert last.run_id == "again"
    history.append(run_of("c", 3, commit=commit_of("c")), ancestry=led)
    history.extend([run_of("imported", -9, commit=None)], merge=True)
    last = history.last_added()
    assert last is not None
    assert last.run_id == "c"


def test_runs_without_number_go_between_two(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_GAP", 2**12)
    history.extend([run_of("low", 0), run_of("high", 1)])
    falling = [run_of(f"falling-{number:02}", 0.9 - number / 100) for number in range(20)]
    for run in falling:
        history.extend([run], merge=True)
    rising = [run_of(f"rising-{number:02}", 0.1 + number / 100) for number in range(20)]
    history.extend(rising, merge=True)
    expected = ["high", *ids(falling), *ids(rising[::-1]), "low"]
    assert ids(history.newest(Query(), 99)) == ids(history.summaries(Query(), 99)) == expected
    assert ids(history.rows(Query(cases=tuple(history.case_ids()[:1])), 99)) == expected


def test_a_run_that_is_older_than_the_hundred_newest_goes_below_them(history: History) -> None:
    history.extend([run_of(f"run-{number:03}", number, results=[]) for number in range(130)])
    history.extend([run_of("between", 4.5, results=[]), run_of("newest", 200, results=[])], merge=True)
    names = ids(history.summaries(Query(), 200))
    assert names[0] == "newest"
    assert names[names.index("between") - 1 :][:3] == ["run-005", "between", "run-004"]
