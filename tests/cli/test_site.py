"""``opml site``: what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli
from pytest_opml.history.base import History, Removal
from pytest_opml.history.store import open_store
from tests.support.history_runs import START
from tests.support.site_files import site_run, view


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, ["site", *map(str, arguments)])


def error_of(*arguments: object) -> str:
    """The one line of a command that is refused."""
    done = run(*arguments)
    assert done.exit_code == 4, done.output
    (line,) = done.output.splitlines()
    return line


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """Three runs."""
    monkeypatch.chdir(tmp_path)
    store = open_store(f"sqlite:///{tmp_path}/.opml/history.db")
    store.extend(site_run(number) for number in range(3))
    return store


def test_a_site_is_built_and_brought_up_to_date(history: History, tmp_path: Path) -> None:
    done = run("public/opml", "--title", " The  vision team ", "--base-url", "https://team.example/opml")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("public/opml/index.html: built in ")
    assert ": 3 runs (3 new), 2 pairs of case and device, " in done.output
    assert view(tmp_path / "public/opml")["title"] == "The vision team"
    assert "https://team.example/opml/" in (tmp_path / "public/opml/case.html").read_text()
    history.append(site_run(3))
    history.remove(Removal("run-000", START, "no", "me"))
    assert ": 3 runs (1 new, 1 removed), " in run("public/opml").output
    assert run("public/opml").output.startswith("public/opml/index.html: brought up to date in ")
    assert run("public/opml", "--rebuild").output.startswith("public/opml/index.html: built in ")


def test_as_json(history: History) -> None:
    told = json.loads(run("site", "--json").output)
    assert (told["runs"], told["added"], told["removed"], told["is_new"], told["folder"]) == (3, 3, 0, True, "site")
    assert told["size_mb"] > 1


def test_the_history_may_be_another(history: History, tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/other.db") as store:
        store.append(site_run(7))
    run("site")
    assert ": 1 run (1 new, 3 removed), " in run("site", f"--store=sqlite:///{tmp_path}/other.db").output
    assert view(tmp_path / "site")["order"] == ["run-007"]


def test_what_is_wrong_is_told_before_anything_is_written(history: History, tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers/thesis.tex").write_text("")
    assert "papers: is not empty and holds no site of opml" in error_of("papers")
    assert "--base-url: 'ftp://x' is no address" in error_of("site", "--base-url=ftp://x")
    assert "--branch: the history has no run of the branch 'gone'" in error_of("site", "--branch=gone")
    assert "no history yet" in error_of("site2", f"--store=sqlite:///{tmp_path}/gone.db")
    assert "no history (store = none)" in error_of("site2", "--store=none")
    assert not (tmp_path / "site").exists()
    assert not (tmp_path / "site2").exists()
