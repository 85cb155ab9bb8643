from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pytest_opml.errors import OpmlError
from pytest_opml.history import selectors
from pytest_opml.history.base import History, Release
from pytest_opml.history.memory import MemoryHistory
from pytest_opml.history.record_files import write_record
from pytest_opml.history.selectors import Selector, baseline_of, select
from tests.support.builders import make_case, make_result, make_run
from tests.support.history_runs import START, commit_of, run_of
from tests.support.repositories import run_git

CASE = make_case().id


@pytest.fixture
def history() -> History:
    """Four runs, on two branches, of rising size; the second one is the release."""
    commits = [commit_of("a"), commit_of("b"), commit_of("c", "topic"), None]
    runs = [
        run_of(f"run-{number}", number, results=[make_result(size_mb=4.0 + number)], commit=commit)
        for number, commit in enumerate(commits)
    ]
    store = MemoryHistory(runs)
    store.promote(Release("run-1", START, "v1"))
    return store


def run_id(text: str, history: History | None, root: Path, profile: str = "v100") -> str | None:
    found = baseline_of(select(text, history, root), history, CASE, profile)
    return found and found.run_id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("last", "run-3"),
        ("best", "run-0"),
        ("release", "run-1"),
        ("main", "run-1"),
        ("topic", "run-2"),
        ("a" * 40, "run-0"),
        ("cccccc", "run-2"),
        ("run-1", "run-1"),
        ("v1", "run-1"),
    ],
)
def test_what_a_name_stands_for(text: str, expected: str, history: History, tmp_path: Path) -> None:
    assert run_id(text, history, tmp_path) == expected


def test_another_kind_of_hardware_or_case_has_no_baseline(history: History, tmp_path: Path) -> None:
    assert run_id("last", history, tmp_path, "t4") is None
    assert baseline_of(select("main", history, tmp_path), history, make_case("int8").id, "v100") is None


def test_a_release_by_its_label_is_that_one_whatever_was_promoted_since(history: History, tmp_path: Path) -> None:
    history.promote(Release("run-0", START + timedelta(days=1), "v2"))
    for text, expected in (("release", "run-0"), ("v1", "run-1"), ("v2", "run-0")):
        selector = select(text, history, tmp_path)
        assert (selector.kind, str(selector)) == ("release", text)
        assert run_id(text, history, tmp_path) == expected


def test_a_file_stands_for_its_run(history: History, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_record(run_of("filed", results=[make_result()]), path)
    assert run_id(str(path), history, tmp_path) == "filed"
    assert run_id(str(path), None, tmp_path) == "filed"
    found = baseline_of(select(str(path), None, tmp_path), None, CASE, "v100")
    assert found is not None
    assert found.name == str(path)


def test_a_baseline_says_which_run_it_is_of(history: History, tmp_path: Path) -> None:
    found = baseline_of(select("topic", history, tmp_path), history, CASE, "v100")
    assert found is not None
    assert (found.name, found.remeasured, found.result) == ("branch topic", False, make_result(size_mb=6.0))
    assert found.described == "run run-2 of 2026-01-02 03:06, commit cccccccccc, as it was stored"


def test_what_git_takes_for_a_commit(history: History, repository: Path) -> None:
    run_git(repository, "tag", "v9")
    head = run_git(repository, "rev-parse", "HEAD")
    for text in ("v9", "HEAD", head[:8]):
        assert select(text, history, repository) == Selector("commit", head)
    history.append(
        run_of("tagged", 9, results=[make_result()], commit=commit_of("a").model_copy(update={"commit": head}))
    )
    assert run_id("v9", history, repository) == "tagged"


def test_in_an_empty_history_every_name_may_be_a_branch(tmp_path: Path) -> None:
    assert select("main", MemoryHistory(), tmp_path) == Selector("branch", "main")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "trunk",
            "'trunk': no branch, commit or run of the history, no commit of this repository, no file; known: ",
        ),
        ("--help", "'--help': no branch"),
        ("long/" + "g" * 5_000, "no branch, commit or run of the history"),
        ("dddddd", "known: last, best, release, merge-base, main, topic"),
        ("nowhere.json", "nowhere.json: cannot be read: No such file or directory"),
    ],
)
def test_an_unknown_name_lists_the_known_ones(text: str, reason: str, history: History, tmp_path: Path) -> None:
    with pytest.raises(OpmlError) as caught:
        select(text, history, tmp_path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_beginning_of_two_commits_is_refused(history: History, tmp_path: Path) -> None:
    history.append(run_of("other", 8, commit=commit_of("a").model_copy(update={"commit": "aaaa" + "f" * 36})))
    with pytest.raises(OpmlError, match=r"'aaaa': begins more than one commit: aaaaaaa.*, aaaafff.*"):
        select("aaaa", history, tmp_path)


def test_without_a_history_a_name_needs_one(tmp_path: Path) -> None:
    with pytest.raises(OpmlError, match=r"'main': no history \(store = none\); give the file of a record"):
        select("main", None, tmp_path)
    assert baseline_of(select("last", None, tmp_path), None, CASE, "v100") is None


# ---- one run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run-0", "run-0"),
        ("last", "run-3"),
        ("release", "run-1"),
        ("v1", "run-1"),
        ("main", "run-1"),
        ("cccccc", "run-2"),
    ],
)
def test_a_run_by_what_it_may_be_called(text: str, expected: str, history: History, tmp_path: Path) -> None:
    assert selectors.run_of(text, history, tmp_path).run_id == expected


def test_a_run_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_record(stored := make_run([make_result()]), path)
    assert selectors.run_of(str(path), None, tmp_path) == stored


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("run", "'run' begins more than one run: run-0, run-1, run-2"),
        ("nothing", "no run 'nothing'; `opml history` lists them"),
        ("best", "'best' is the result of a case, and no run; known: last, release, a branch, commit or id"),
    ],
)
def test_what_no_run_is_called(text: str, reason: str, history: History, tmp_path: Path) -> None:
    with pytest.raises(OpmlError) as caught:
        selectors.run_of(text, history, tmp_path)
    assert reason in str(caught.value)


def test_without_a_release_there_is_no_run_of_one(tmp_path: Path) -> None:
    with pytest.raises(OpmlError, match="the history holds no run of release"):
        selectors.run_of("release", MemoryHistory(), tmp_path)
