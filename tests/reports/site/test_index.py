from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.history.base import Release
from pytest_opml.reports.site.index import generation_folder, index_document, order_of
from pytest_opml.reports.site.state import Series, SiteState
from tests.support.history_runs import START


@pytest.mark.parametrize(
    ("numbers", "ranges"),
    [([], []), ([0, 1, 2], [[0, 2]]), ([0, 1, 5, 2, 3], [[0, 1], [5, 5], [2, 3]]), ([4], [[4, 4]])],
)
def test_the_order_of_runs_is_written_as_ranges(numbers: list[int], ranges: list[list[int]]) -> None:
    assert order_of(numbers) == ranges


@given(st.lists(st.integers(0, 50), unique=True))
def test_ranges_say_the_same_order(numbers: list[int]) -> None:
    assert [one for first, last in order_of(numbers) for one in range(first, last + 1)] == numbers


def test_the_index_names_releases_by_their_runs_and_leaves_out_cases_without_a_row() -> None:
    state = SiteState(3, 2, {"b": [1, 0], "a": [0, 0]}, branches=["main"], cases=["x", "y"])
    state.series = [Series(0, "cpu", 1, entry=[[1, 0, 1], None, [], 0, [], None]), Series(1, "cpu")]
    releases = [Release("a", START, "\x1b[31mred"), Release("gone", START)]
    document = index_document(state, releases, 0, "title\u202e", ["x.svg", "y.svg"])
    assert document["series"] == [[0, "cpu", 1, "x.svg", [1, 0, 1], None, [], 0, [], None], None]
    assert document["releases"] == [[0, int(START.timestamp()), "\\x1b[31mred"]]
    assert (document["title"], document["order"], document["data"]) == ("title\\u202e", [[1, 1], [0, 0]], "g3")
    assert generation_folder(state) == "g3"


def test_the_version_of_an_index_changes_with_the_runs_and_with_nothing_else() -> None:
    def version(runs: dict[str, list[int]]) -> str:
        return str(index_document(SiteState(1, 2, runs, branches=["main"]), [], 0, "title", [])["version"])

    assert version({"a": [0, 0]}) == version({"a": [0, 0]}) != version({"a": [0, 0], "b": [1, 0]})
    assert len(version({})) == 12
