from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli

Command = list[str]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """The commands that take the place of this one, which goes on here."""
    commands: list[Command] = []
    monkeypatch.setattr(os, "execv", lambda _program, command: commands.append(command))
    return commands


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["paper", "run", *arguments])


def test_pytest_is_started_on_the_suite(
    started: list[Command], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run().exit_code == 0
    ((program, *arguments),) = started
    suite = Path(arguments[2])
    assert (program, *arguments[:2]) == (sys.executable, "-m", "pytest")
    assert (suite / "bench_table5.py").is_file()
    assert arguments[3:] == [f"--config-file={suite / 'pyproject.toml'}", f"--rootdir={tmp_path}"]


def test_experiments_options_and_what_is_pytests(started: list[Command]) -> None:
    options = ("--scale", "small", "--json", "run.json", "--gate", "accuracy.min=0.5", "--gate", "size_mb.max=9")
    assert run("table5", "figure4", *options, "--", "-x", "-k", "float16").exit_code == 0
    assert started[0][6:] == [
        "-m=table5 or figure4",
        *("--opml-json=run.json", "--opml-gate=accuracy.min=0.5", "--opml-gate=size_mb.max=9", "--opml-scale=small"),
        *("-x", "-k", "float16"),
    ]
    run("--record", "run.json")
    assert "--opml-json=run.json" in started[1]


def test_an_experiment_that_there_is_not_is_refused_with_those_that_there_are(started: list[Command]) -> None:
    result = run("table9")
    assert result.exit_code == 4
    assert result.output.startswith("error: unknown experiment 'table9'; known: clients, figure3, ")
    assert len(result.output.splitlines()) == 1
    assert not started


def test_its_exit_code_is_that_of_pytest(tmp_path: Path) -> None:
    # neither this project's settings of pytest nor its conftest.py count
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    (tmp_path / "conftest.py").write_text("raise SystemExit(7)\n")
    program = [sys.executable, "-c", "from pytest_opml.cli import main; main()", "paper", "run"]
    arguments = ["table5", "--", "-k", "nothing"]
    done = subprocess.run([*program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "no benchmark is left" in done.stdout
    assert done.returncode == 5
