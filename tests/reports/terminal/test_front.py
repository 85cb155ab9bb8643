from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_opml.analysis.ranking import Entry
from pytest_opml.reports.cases import RankingRow, groups_of, ranked_rows
from pytest_opml.reports.terminal.front import front_lines
from pytest_opml.reports.terminal.ranking import ranking_lines
from pytest_opml.reports.terminal.styles import Style, parts
from tests.support.builders import make_result
from tests.support.pages import make_eight

RESULT = make_result()
EIGHT = """\
accuracy (higher is better) against time in s (lower is better, logarithmic)
Numbers are places in the table; *: on the Pareto front, which counts size too.
0.96 |                                     *5                            *6
     |                                       *3
     |  *1
     |
0.94 |
     |                                     7                                8
     |
     |                                     4
     |
0.92 |  *2
     +------+-----------------+------------------------+-----------------+------
            1                 2                        5                10"""


def rows_of(points: list[tuple[float, float]], on_front: int = 0) -> list[RankingRow]:
    """Rows at qualities and times, the first so many of them on the front."""
    return [
        RankingRow(
            f"case {number}",
            Entry(f"case {number}", quality, seconds, 1.0, 0.0),
            place=f"{'*' if number <= on_front else ''}{number}",
            result=RESULT,
        )
        for number, (quality, seconds) in enumerate(points, start=1)
    ]


def plot(lines: list[str]) -> list[str]:
    """The rows of the chart without their heads."""
    return [line.partition("|")[2] for line in lines if "|" in line]


def places(lines: list[str]) -> list[int]:
    return sorted(int(digits) for row in plot(lines) for digits in re.findall(r"(?<![+\d])\d+", row))


def test_at_80_columns() -> None:
    record = make_eight()
    rows, _ = ranked_rows(groups_of(record)[0])
    assert "\n".join(front_lines(rows, 80)) == EIGHT
    assert EIGHT.isascii()
    assert EIGHT in "\n".join(ranking_lines(record, 80, with_front=True))
    assert "against time" not in "\n".join(ranking_lines(record, 80))


def test_the_members_of_the_front_stand_out() -> None:
    rows, _ = ranked_rows(groups_of(make_eight())[0])
    strong = [part for line in front_lines(rows, 80) for part, style in parts(line) if style is Style.STRONG]
    assert sorted(strong) == ["*1", "*2", "*3", "*5", "*6"]


def test_there_is_none_on_a_narrow_terminal_or_for_two_cases() -> None:
    rows = rows_of([(0.9, 1.0), (0.8, 2.0), (0.7, 3.0)])
    assert front_lines(rows, 80)
    assert front_lines(rows, 79) == []
    bounds = [RankingRow("best values", rows[0].entry), RankingRow("worst values", rows[1].entry)]
    assert front_lines([bounds[0], *rows[:2], bounds[1]], 160) == []


def test_better_is_higher_and_to_the_left() -> None:
    lines = plot(front_lines(rows_of([(0.9, 1.0), (0.8, 2.0), (0.7, 3.0)]), 100))
    at = {place: (number, line.index(place)) for number, line in enumerate(lines) for place in line.split()}
    assert at["1"][0] < at["2"][0] < at["3"][0]
    assert at["1"][1] < at["2"][1] < at["3"][1]


def test_cases_at_one_place_are_listed_together() -> None:
    lines = front_lines(rows_of([(0.9, 1.0), (0.8, 2.0), (0.8, 2.0), (0.8, 2.02), (0.7, 3.0)], on_front=2), 80)
    assert any(row.strip() == "*2,3,4" for row in plot(lines))


def test_only_the_front_of_many_cases_is_drawn() -> None:
    points = [(0.5 + number / 100, 1.0 + number) for number in range(40)]
    lines = front_lines(rows_of(points, on_front=4), 80)
    assert "of so many cases only the front is drawn" in " ".join(lines)
    assert places(lines) == [1, 2, 3, 4]


def test_of_many_cases_with_a_short_front_the_best_are_drawn_too() -> None:
    rows = rows_of([(0.9 - number / 100, 1.0 + number) for number in range(40)], on_front=1)
    rows[39] = rows[39]._replace(place="*40")
    lines = front_lines(rows, 100)
    assert places(lines) == [*range(1, 31), 40]
    assert "of so many cases only the front and the best 30 are drawn" in " ".join(lines)


def test_equal_cases_have_a_scale_all_the_same() -> None:
    lines = front_lines(rows_of([(1.0, 2.0)] * 30), 80)
    assert max(map(len, lines)) <= 80
    (row,) = filter(None, plot(lines))
    assert row.strip().startswith("1,2,3,")
    shown, more = row.strip().rsplit(",+", 1)
    assert len(shown.split(",")) + int(more) == 30


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(1e-6, 1e6)), min_size=3, max_size=30),
    st.integers(80, 160),
    st.integers(0, 30),
)
def test_every_case_is_drawn_once_within_the_width(
    points: list[tuple[float, float]], width: int, on_front: int
) -> None:
    lines = front_lines(rows_of(points, on_front), width)
    assert all(line.isascii() and len(line) <= width for line in lines)
    hidden = sum(int(more) for row in plot(lines) for more in re.findall(r"\+(\d+)", row))
    shown = places(lines)
    assert len(shown) == len(set(shown)) == len(points) - hidden
    ends = [line for line in lines if line.strip().startswith("+")]
    assert len(ends) == 1
    assert re.search(r"\d", lines[-1])
