from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli
from pytest_opml.cli.common import parse_age, told_before_it_began
from pytest_opml.errors import UsageError
from pytest_opml.history.store import open_store
from tests.support.builders import make_run
from tests.support.processes import python_path

ROOT = Path(__file__).parents[2]

HEAVY = ("tensorflow", "keras", "scipy", "sklearn", "sqlalchemy", "pydantic", "numpy", "tabulate", "packaging")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


def commands(group: click.Command = cli.main, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(group, click.Group):
        return [path]
    below = [found for name, each in group.commands.items() for found in commands(each, (*path, name))]
    return [path, *below]


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
        ("0d", timedelta()),
        ("999999w", timedelta(weeks=999_999)),
    ],
)
def test_an_age_is_a_number_with_its_unit(text: str, age: timedelta) -> None:
    assert parse_age(text) == age


@pytest.mark.parametrize(
    "text", ["", "30", "d", "30 d", " 30d", "30D", "-1d", "1.5d", "30m", "30days", "٣d", "1000000w"]
)
def test_nothing_else_is_an_age(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no age: write a whole number and h, d or w, such as 12h, 30d or 2w$"):
        parse_age(text)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nonsense",), "No such command 'nonsense'"),
        (("--nonsense",), "No such option"),
        (("gate", "--nonsense"), "No such option"),
        (("list", "colours"), "'models', 'datasets', 'techniques', 'qualities', 'metrics', 'gpus'"),
        (("score",), "Missing option '--accuracy'"),
        (("cache", "nonsense"), "No such command 'nonsense'"),
        (("cache", "prune", "--older-than", "soon"), "Invalid value for '--older-than': 'soon' is no age"),
        (("cache", "prune", "--max-mb", "-1"), "Invalid value for '--max-mb'"),
        (("score", "--accuracy", "1", "--seconds", "1", "--mb", "1", "--samples", "9" * 30), "for '--samples'"),
    ],
)
def test_what_click_refuses_ends_with_the_code_of_wrong_input_and_clicks_own_text(
    arguments: tuple[str, ...], text: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 4
    assert result.output.startswith("Usage: main ")
    assert "--help" in result.output
    assert text in result.output


@pytest.mark.parametrize("arguments", [(), ("cache",)])
def test_a_group_without_a_command_prints_its_help(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 4
    assert "Commands:" in result.output


@pytest.mark.parametrize("path", commands())
def test_each_help_says_what_it_does_in_80_columns(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = run(*path, "--help")
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 80
    if path:
        assert f"\n    opml {' '.join(path)}" in result.output
    if path and path not in (("cache",), ("release",)):
        assert "The exit code is" in result.output
        assert "--json" in result.output or path in (("init",), ("serve",))  # which write files, and serve until Ctrl-C


def test_the_commands_are_listed_in_the_order_of_their_families() -> None:
    assert cli.main.list_commands(click.Context(cli.main)) == [
        *("init", "measure", "search"),
        *("gate", "merge", "best", "budgets"),
        *("report", "comment"),
        *("history", "compare", "release"),
        *("trend", "site", "serve"),
        *("export", "import"),
        "score",
        *("list", "schema", "paper"),
        *("check", "doctor", "cache"),
    ]


def test_the_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from pytest_opml.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        f"sys.exit([name for name in {HEAVY!r} if name in sys.modules] or 0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.fixture(params=["full", "baseline_errors", "closed"])
def nowhere(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """How standard output takes nothing, and its descriptor."""
    reading, unread = os.pipe()
    os.close(reading)
    full = os.open("/dev/full", os.O_WRONLY)
    yield request.param, full if request.param == "full" else unread
    os.close(full)
    os.close(unread)


@pytest.mark.slow
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [("history",), ("history", "--json"), ("export", "-"), ("paper",), ("--help",)])
def test_output_that_nobody_takes_is_no_traceback(
    tmp_path: Path, nowhere: tuple[str, int], arguments: tuple[str, ...], unbuffered: str
) -> None:
    with open_store(f"sqlite:///{tmp_path}/.opml/history.db") as store:
        store.append(make_run())
    how, descriptor = nowhere
    command = shlex.join([sys.executable, "-c", "from pytest_opml.cli import main; main()", *arguments])
    done = subprocess.run(
        ["sh", "-c", f"exec {command} {'>&-' if how == 'closed' else ''}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": python_path(), "PYTHONUNBUFFERED": unbuffered},
        stdout=descriptor,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    code, error = {"full": (4, "error: .*No space left on device\n"), "baseline_errors": (1, ""), "closed": (0, "")}[
        how
    ]
    if (how, arguments[0]) == ("closed", "export"):
        code, error = 4, "error: standard output: is closed\n"
    assert re.fullmatch(error, done.stderr), done.stderr
    assert done.returncode == code


def test_the_settings_are_those_of_the_nearest_file_that_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.opml]\nstore = 'sqlite:///runs.db'\n")
    with open_store(f"sqlite:///{tmp_path}/runs.db") as store:
        store.append(make_run())
    inner = tmp_path / "services" / "vision"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[project]\nname = 'vision'\n")
    monkeypatch.chdir(inner)
    assert run("history", "--json").exit_code == 0
    (inner / "pyproject.toml").write_text("[tool.opml]\nstore = 'none'\n")
    assert "store = none" in run("history").output
    assert run("history", "--config", str(tmp_path / "pyproject.toml")).exit_code == 0
    (inner / "pyproject.toml").write_text("[tool.opml")
    (inner / "bench").mkdir()
    monkeypatch.chdir(inner / "bench")
    result = run("history")
    assert result.exit_code == 4
    assert result.output.startswith(f"error: {inner / 'pyproject.toml'}: ")


@pytest.mark.parametrize(("said", "how"), [("ended by SIGTERM", "ended by SIGTERM"), ("", "interrupted")])
def test_a_run_that_a_signal_ends_before_it_began_has_a_last_line(
    said: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught, told_before_it_began():
        raise KeyboardInterrupt(said)
    assert caught.value.code == 2
    assert capsys.readouterr().out == f"opml: exit code 2: the run was {how} before it began\n"
