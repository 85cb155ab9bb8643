"""The commands ``opml doctor`` and ``opml cache``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli
from tests.storage.test_cache_cleanup import stored


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose settings name a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "pyproject.toml").write_text('[tool.opml]\ncache_dir = "cache"\n')
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


def test_the_size_of_the_cache_that_the_settings_name(project: Path) -> None:
    stored(project / "cache", "model", "a", kilobytes=3000)
    stored(project / "cache", "artifact", "b", kilobytes=1000)
    found = run("cache", "size")
    assert found.exit_code == 0
    assert [line.split()[:3] for line in found.output.splitlines() if line.startswith(("trained", "artifacts"))] == [
        ["trained", "models", "1"],
        ["artifacts", "1", "1.0"],
    ]
    plain = json.loads(run("cache", "size", "--json").output)
    assert plain["kinds"]["model"]["entries"] == 1
    assert plain["root"] == str(project / "cache")


def test_a_cache_that_is_not_there_is_empty_and_not_made(project: Path) -> None:
    found = run("cache", "size", "--cache-dir", "elsewhere")
    assert found.exit_code == 0
    assert "it is empty" in found.output
    assert run("cache", "prune", "--all", "--cache-dir", "elsewhere").exit_code == 0
    assert not (project / "elsewhere").exists()


def test_pruning_says_what_went_and_how_much_room_it_made(project: Path) -> None:
    old = stored(project / "cache", "model", "a", kilobytes=3000, days=40)
    new = stored(project / "cache", "artifact", "b", kilobytes=1000, days=2)
    tried = run("cache", "prune", "--older-than", "30d", "--dry-run")
    assert "would remove: 1 entry, 3.0 MB" in tried.output
    assert old.exists()
    done = run("cache", "prune", "--older-than", "30d")
    assert done.exit_code == 0
    assert "removed: 1 entry, 3.0 MB" in done.output.splitlines()
    assert (old.exists(), new.exists()) == (False, True)
    plain = json.loads(run("cache", "prune", "--max-mb", "0", "--json").output)
    assert [(each["kind"], each["reason"]) for each in plain["removed"]] == [("artifact", "room")]
    assert not new.exists()


def test_a_size_that_is_no_number_removes_nothing(project: Path) -> None:
    entry = stored(project / "cache", "model", "a", kilobytes=3000, days=40)
    found = run("cache", "prune", "--max-mb", "nan")
    assert (found.exit_code, found.output) == (4, "error: --max-mb: must be a number, not nan\n")
    assert entry.exists()


def test_a_cache_that_is_a_file_is_one_line(project: Path) -> None:
    (project / "cache").write_text("")
    found = run("cache", "size")
    assert (found.exit_code, len(found.output.splitlines())) == (4, 1)
    assert found.output.startswith(f"error: cache {project / 'cache'}: ")


def test_the_doctor_of_a_project_without_problems(project: Path) -> None:
    found = run("doctor", "--quick")
    assert found.exit_code == 0, found.output
    assert max(map(len, found.output.splitlines())) <= 80 + len(str(project))
    assert found.output.splitlines()[-1].startswith("0 problems, ")


def test_a_problem_has_its_remedy_and_an_exit_code_of_its_own(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.opml.gate]\naccuracy = { minimum = 1 }\n")
    found = run("doctor", "--quick", "--json")
    assert found.exit_code == 1
    plain = json.loads(found.output)
    problems = [finding for finding in plain["findings"] if finding["state"] == "problem"]
    assert plain["problems"] == len(problems) == 1
    assert "tool.opml.gate.accuracy: unknown key 'minimum'" in problems[0]["text"]
    assert problems[0]["remedy"]


def test_the_doctor_looks_at_the_history_that_is_named(project: Path) -> None:
    found = json.loads(run("doctor", "--quick", "--json", "--store", "sqlite:///other.db").output)
    assert f"{project / 'other.db'}: is made when it is first used" in [each["text"] for each in found["findings"]]


@pytest.mark.parametrize("options", [("--config", "absent.toml"), ("--cache-dir", "~nobody-of-that-name/cache")])
def test_a_wrong_option_of_the_doctor_is_one_line(options: tuple[str, ...]) -> None:
    found = run("doctor", "--quick", *options)
    assert (found.exit_code, len(found.output.splitlines())) == (4, 1)
    assert "--" in found.output
