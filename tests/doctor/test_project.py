from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pytest_opml.doctor.project import git, project
from pytest_opml.errors import SettingsError


def test_a_project_with_settings_and_benchmarks(tmp_path: Path) -> None:
    config = tmp_path / "pyproject.toml"
    config.write_text("[tool.opml]\n")
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "bench_it.py").touch()
    settings, benchmarks = project(config, None)
    assert (settings.state, benchmarks.state) == ("ok", "ok")
    assert "1 bench_*.py" in benchmarks.text


def test_a_folder_that_is_no_project_has_notes_only(tmp_path: Path) -> None:
    findings = list(project(tmp_path / "pyproject.toml", None))
    assert [finding.state for finding in findings] == ["note", "note"]
    assert all(finding.remedy for finding in findings)


def test_a_file_without_settings_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    settings, _ = project(tmp_path / "pyproject.toml", None)
    assert (settings.state, settings.text) == (
        "note",
        f"no [tool.opml] in {tmp_path}/pyproject.toml: the defaults apply, and nothing is gated",
    )


def test_metrics_that_no_package_registers_are_a_note(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    _, metrics, _ = project(tmp_path / "pyproject.toml", None, ("layers_seen",))
    assert (metrics.name, metrics.state) == ("metrics", "note")
    assert "layers_seen" in metrics.text


def test_wrong_settings_are_a_problem_in_their_own_words(tmp_path: Path) -> None:
    settings, _ = project(tmp_path / "pyproject.toml", SettingsError("tool.opml: unknown key 'gpus'"))
    assert (settings.state, settings.text) == ("problem", "tool.opml: unknown key 'gpus'")
    assert settings.remedy


def test_the_commit_that_runs_are_stored_with(tmp_path: Path) -> None:
    (finding,) = git(tmp_path)
    assert finding.state == "note"
    for command in (
        ("init", "-q", "-b", "trunk"),
        ("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "first"),
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    (finding,) = git(tmp_path)
    assert finding.state == "ok"
    assert finding.text.endswith(" on trunk")


def test_without_git_there_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    (finding,) = git(tmp_path)
    assert finding.state == "note"
    assert finding.remedy.startswith("install git")
