"""The options of pytest, which are made from the settings."""

from __future__ import annotations

import sys

import pytest

from pytest_opml.settings import declared
from tests.support.processes import python_path

# A project that has one more setting, declared in one place as those of pytest_opml are.
MORE = """
from dataclasses import dataclass

from pytest_opml import settings

@dataclass(frozen=True, kw_only=True)
class More(settings.Settings):
    colour: str = settings.setting("red", metavar="COLOUR", help="paint the bars so")

settings.Settings = More
"""
TEST = """
from pytest_opml.plugin.options import settings_of

def test_colour(pytestconfig):
    print("colour", settings_of(pytestconfig).colour)
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTHONPATH", python_path())
    pytester.makepyfile(more=MORE, test_colour=TEST)
    return pytester


def colour(project: pytest.Pytester, *arguments: str) -> str:
    result = project.run(sys.executable, "-m", "pytest", "-s", "-p", "more", *arguments)
    assert result.ret == 0, result.stdout.str()
    (line,) = [line for line in result.outlines if "colour" in line and "test session" not in line]
    return line.split()[2 if line.startswith("test_") else 1]


@pytest.mark.slow  # runs of pytest in processes of their own
def test_a_new_setting_needs_one_declaration(project: pytest.Pytester) -> None:
    shown = project.run(sys.executable, "-m", "pytest", "-p", "more", "--help")
    shown.stdout.fnmatch_lines(["  --opml-colour=COLOUR  paint the bars so (default: red)"])
    assert colour(project) == "red"
    (project.path / "pyproject.toml").write_text("[tool.opml]\ncolour = 'green'\n")
    assert colour(project) == "green"
    assert colour(project, "--opml-colour=blue") == "blue"


@pytest.mark.slow  # processes that start one another
def test_the_workers_of_xdist_are_given_a_new_option_too(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_colour=TEST.replace(
            'print("colour", settings_of(pytestconfig).colour)', "assert settings_of(pytestconfig).colour == 'blue'"
        )
    )
    result = project.run(sys.executable, "-m", "pytest", "-n1", "-p", "more", "--opml-colour=blue")
    result.assert_outcomes(passed=1)


def test_every_setting_with_an_option_is_in_the_help(pytester: pytest.Pytester) -> None:
    text = pytester.runpytest("--help").stdout.str()
    for setting in declared().values():
        assert (f"  {setting.option}={setting.metavar}" in text) == bool(setting.metavar)
    assert "or none (default: sqlite:///.opml/history.db)" in " ".join(text.split())


def test_a_wrong_value_of_a_new_setting_is_refused_with_its_key(project: pytest.Pytester) -> None:
    (project.path / "pyproject.toml").write_text("[tool.opml]\ncolour = 3\n")
    result = project.run(sys.executable, "-m", "pytest", "-p", "more")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*SettingsError: tool.opml.colour: must be a text, not 3"])
