"""One `opml` command in this process, and whether what came of it keeps the promises of every command."""

from __future__ import annotations

import os
import re
import signal
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from click.testing import CliRunner

from tests.attack.tally import ONE_LINE, WENT_ON, WRONG, Outcome

CODES = (0, 1, 5, 11)  # of a command that did its work
WRONG_INPUT = 4
SECONDS = 60
_LONGEST = 2_200  # characters of a refusal, the name of its place and `error: ` included
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Words of libraries and of Python that mean nothing to who reads them.
_FOREIGN = re.compile(
    r"Traceback|Input should be|Value error,|pydantic|sqlalche\.me|<class '|object at 0x|\[Errno |validation error",
    re.I,
)


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """Work in a folder of its own, which is removed after the block."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        try:
            yield Path(name)
        finally:
            os.chdir(before)


class Hang(BaseException):
    """Nothing that a command may catch."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Interrupt the block, in the main thread, after some time."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def tried(name: str, arguments: Sequence[str]) -> Outcome:
    """Run a command and judge its exit code, its time, and what it wrote."""
    from pytest_opml.cli import main

    name = f"{name}: opml {' '.join(arguments)}"
    try:
        with within(SECONDS):
            result = CliRunner().invoke(main, list(arguments))
    except Hang:
        return Outcome(name, WRONG, f"no end after {SECONDS} s")
    if result.exception and not isinstance(result.exception, SystemExit):
        return Outcome(name, WRONG, "".join(traceback.format_exception(result.exception))[-3_000:])
    return judged(name, result.exit_code, result.stdout, result.stderr)


def judged(name: str, code: int, output: str, errors: str) -> Outcome:
    """Say whether a command ended as every command may: with its work done, or with one line and exit code 4."""
    if shown := _CONTROL.search(output + errors):
        return Outcome(name, WRONG, f"wrote {shown[0]!r}")
    if code in CODES:
        return Outcome(name, WENT_ON)
    if code != WRONG_INPUT:
        return Outcome(name, WRONG, f"ended with {code}")
    return refused(name, errors)


def refused(name: str, errors: str) -> Outcome:
    """Say whether a refusal is one line in words that are ours."""
    lines = [line for line in errors.splitlines() if not line.startswith(("Usage: ", "Try '"))]
    text = "\n".join(filter(None, lines))
    if len(text.splitlines()) != 1:
        return Outcome(name, WRONG, f"not one line: {text[:2_000]!r}")
    if len(text) > _LONGEST:
        return Outcome(name, WRONG, f"{len(text)} characters: {text[:200]}")
    if foreign := _FOREIGN.search(text):
        return Outcome(name, WRONG, f"says {foreign[0]!r}: {text}")
    return Outcome(name, ONE_LINE, text)
