"""What is promised of every command, whichever there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pytest_opml import cli

DOCS = Path(__file__).parents[2] / "docs" / "history.md"


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(leaves(cli.main))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_says_what_is_wrong_with_an_unknown_option(path: tuple[str, ...]) -> None:
    found = CliRunner().invoke(cli.main, [*path, "--nonsense"])
    assert found.exit_code == 4
    assert "No such option" in found.output or "no such option" in found.output


def test_every_command_is_in_the_docs() -> None:
    text = DOCS.read_text("utf-8")
    for name in cli.main.commands:
        assert f"`opml {name}" in text, name
