from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.errors import StorageError
from pytest_opml.reports.site.files import DamagedSite
from pytest_opml.reports.site.state import (
    FORMAT,
    Numbers,
    Series,
    SiteState,
    _digest_of,
    claim,
    moved_runs,
    read_state,
    write_state,
)

STATE = SiteState(
    generation=2,
    next_run=2,
    runs={"b": [1, 0], "a": [0, 0]},
    branches=["main"],
    cases=["é <b>"],
    series=[Series(0, "cpu", 1, False, 1, [[1, 2], None])],
)


def test_a_state_comes_back(tmp_path: Path) -> None:
    write_state(tmp_path, STATE)
    state = read_state(tmp_path)
    assert state == STATE
    assert state is not None
    assert list(state.runs) == ["b", "a"]


def test_a_new_folder_has_no_state_and_is_marked_before_anything_is_written(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    claim(tmp_path)
    (tmp_path / "data").mkdir()
    assert read_state(tmp_path) is None
    write_state(tmp_path, STATE)
    claim(tmp_path)
    assert read_state(tmp_path) == STATE


def test_the_folder_of_a_repository_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert read_state(tmp_path) is None
    (tmp_path / "README.md").write_text("")
    with pytest.raises(StorageError, match="is not empty"):
        read_state(tmp_path)


def test_a_build_that_was_killed_as_it_began_is_nothing_in_the_way(tmp_path: Path) -> None:
    (tmp_path / ".state.json.tmp").write_text("{")
    assert read_state(tmp_path) is None


def test_a_state_that_was_changed_is_damaged(tmp_path: Path) -> None:
    write_state(tmp_path, STATE)
    path = tmp_path / "state.json"
    path.write_text(path.read_text().replace('"next_run":2', '"next_run":3'))
    with pytest.raises(DamagedSite):
        read_state(tmp_path)


@pytest.mark.parametrize("state", ["{}", '{"generation": 1, "series": [{"x": 1}]}', '{"new": 1, "series": []}', "[]"])
def test_a_state_that_is_not_as_it_was_written_is_damaged(tmp_path: Path, state: str) -> None:
    digest = _digest_of(json.loads(state))
    document = f'{{"program": "pytest-opml", "format": {FORMAT}, "digest": "{digest}", "state": {state}}}'
    (tmp_path / "state.json").write_text(document)
    with pytest.raises(DamagedSite):
        read_state(tmp_path)


def test_names_get_numbers_as_they_come() -> None:
    names = ["main"]
    numbers = Numbers(names)
    assert [numbers.of(name) for name in ("main", "topic", "main", "x", "topic")] == [0, 1, 0, 2, 1]
    assert names == ["main", "topic", "x"]


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        ("abcd", "abcd", ""),
        ("abcd", "axbycd", ""),
        ("abcd", "acd", ""),
        ("abcd", "bcda", "a"),
        ("abcd", "dabc", "d"),
        ("abcdef", "abfcde", "f"),
        ("", "abc", ""),
    ],
)
def test_the_fewest_runs_that_explain_an_order_have_moved(before: str, after: str, moved: str) -> None:
    assert moved_runs(before, list(after)) == set(moved)


@given(st.integers(0, 12), st.integers(0, 2**32))
def test_without_those_that_moved_the_order_is_the_same(size: int, seed: int) -> None:
    before = [str(number) for number in range(size)]
    after = before.copy()
    random.Random(seed).shuffle(after)
    moved = moved_runs(before, after)
    assert [run for run in before if run not in moved] == [run for run in after if run not in moved]
    # the longest rising row, by brute force
    ends = [1] * size
    for at, run in enumerate(after):
        ends[at] = 1 + max((ends[place] for place in range(at) if int(after[place]) < int(run)), default=0)
    assert len(moved) == size - max(ends, default=0)
