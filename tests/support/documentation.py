"""The blocks of code of README.md and docs/, by what they are, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click
import yaml
from markdown_it import MarkdownIt

from pytest_opml import cli
from pytest_opml.settings import declared

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_PARSER = MarkdownIt("commonmark").enable("table")

# Programs by whose name a line is a command.
PROGRAMS = {
    *("opml", "pytest", "python", "python3", "pip", "git", "cp", "mv", "mkdir", "rm", "cd", "export", "echo", "bash"),
    *("apt-get", "npm", "docker", "unzip", "tar", "mlflow", "pre-commit", "curl", "check-jsonschema", "test"),
    *("head", ".venv/bin/tox", ".venv/bin/python", ".venv/bin/opml", ".venv/bin/pytest"),
}
_LANGUAGES = {"py": "python", "yml": "yaml", "bash": "sh", "shell": "sh", "": "sh"}


class Block(NamedTuple):
    """A block of code.

    Attributes:
        page: its path below the repository.
        line: of its first line in the page, from 1.
        language: ``python``, ``toml``, ``yaml``, ``console``, ``text``, ``sh`` where nothing is said, or another.
        text: of the block.
    """

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """For messages."""
        return f"{self.page}:{self.line}"

    @property
    def first(self) -> str:
        """Its first line that is not empty, by which tables name it."""
        return next((line.strip() for line in self.text.splitlines() if line.strip()), "")

    @property
    def commands(self) -> list[str]:
        """The lines that are commands; lines that end in a backslash go on."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        if self.language == "sh":
            return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
        return list(_in_jobs(yaml.safe_load(self.text))) if self.language == "yaml" else []


def _in_jobs(value: object, key: str = "") -> Iterator[str]:
    """The commands of the steps of a CI file."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _in_jobs(below, str(name))
    elif isinstance(value, list):
        for below in value:
            yield from _in_jobs(below, key)
    elif isinstance(value, str) and key in ("run", "script", "before_script", "after_script"):
        yield from (line.strip() for line in value.replace("\\\n", " ").splitlines() if line.strip())


@cache
def blocks() -> tuple[Block, ...]:
    """Return all blocks, page by page."""
    return tuple(block for page in PAGES for block in _blocks_of(page))


def _blocks_of(page: Path) -> Iterator[Block]:
    for token in _PARSER.parse(page.read_text("utf-8")):
        if token.type in ("fence", "code_block") and token.map:
            word = token.info.split()[0] if token.info.split() else ""
            start = token.map[0] + 1 + (token.type == "fence")
            language = "console" if token.content.startswith("$ ") else _LANGUAGES.get(word, word)
            yield Block(page.relative_to(ROOT).as_posix(), start, language, token.content)


@cache
def inline_commands() -> tuple[tuple[str, str], ...]:
    """Return the commands of ``opml`` and ``pytest`` within sentences, each with its page."""
    return tuple(
        (page.relative_to(ROOT).as_posix(), child.content)
        for page in PAGES
        for token in _PARSER.parse(page.read_text("utf-8"))
        for child in token.children or ()
        if child.type == "code_inline" and re.match(r"(opml|pytest) [a-z./-]", child.content)
    )


def simple_commands(line: str) -> list[list[str]]:
    """Return the words of each command in a line of shell, without redirections and variables before it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    skips = False
    for word in lexer:
        if set(word) <= set("&|;()"):
            found.append([])
        elif set(word) <= set("<>"):
            skips = True
        elif skips:
            skips = False
        elif found[-1] or not re.fullmatch(r"\w+=.*", word, re.DOTALL):
            found[-1].append(word)
    return [words for words in found if words]


def is_command(line: str) -> bool:
    """Return whether a line begins with a program."""
    try:
        words = simple_commands(line)
    except ValueError:
        return False
    return bool(words) and all(one[0] in PROGRAMS for one in words)


def wrong_word(words: list[str], *, is_whole: bool = False) -> str | None:
    """Return what ``opml`` or ``pytest`` would not understand of a command; None where all of it is right.

    Args:
        words: of the command.
        is_whole: whether it must also have what is required, as one within a sentence need not.
    """
    return _wrong_in_pytest(words) if words[0].endswith("pytest") else _wrong_in_opml(words[1:], is_whole=is_whole)


def _wrong_in_pytest(words: list[str]) -> str | None:
    names = {setting.option for setting in declared().values() if setting.metavar}
    given = (word.partition("=")[0] for word in words if word.startswith("--opml-"))
    return next((name for name in given if name not in names), None)


def _wrong_in_opml(words: list[str], *, is_whole: bool) -> str | None:
    command: click.Command = cli.main
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name = rest[0].rstrip(",")
        if name not in command.commands:
            return None if command.invoke_without_command else name
        command = command.commands[name]
        rest.pop(0)
    if is_whole:
        try:
            command.make_context("opml", rest, resilient_parsing=False).close()
        except click.UsageError as error:
            return error.format_message()
        return None
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help", "-h"}
    return next((word for word in rest if word.startswith("-") and word.partition("=")[0] not in known), None)


def links(page: Path) -> list[str]:
    """Return the files that a page's links lead to, as they are written and without anchors."""
    targets = (
        str(child.attrGet("href") or child.attrGet("src"))
        for token in _PARSER.parse(page.read_text("utf-8"))
        for child in token.children or ()
        if child.type in ("link_open", "image")
    )
    return [target.partition("#")[0] for target in targets if target[0] != "#" and not re.match(r"[a-z]+:", target)]
