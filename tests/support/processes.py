"""What the Python processes that tests start need."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def python_path() -> str:
    """The PYTHONPATH with which a process imports these tests, besides what it imports already."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def in_terminal(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run a program in a folder, in a terminal of 100 columns; return its exit code and all that it wrote there."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"PYTHONPATH": python_path(), "COLUMNS": "100"}
    process = subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other side has closed it
            break
        if not part:
            break
        written += part
    os.close(ours)
    return process.wait(), written.decode()


def screen(written: str) -> str:
    """What stands in the line after backspaces have moved the cursor."""
    cells: list[str] = []
    at = 0
    for sign in written:
        if sign == "\b":
            at -= 1
            continue
        cells[at : at + 1] = [sign]
        at += 1
    assert at >= 0
    return "".join(cells)
