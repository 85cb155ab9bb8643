"""The project's own experiments start: each can be imported, and says how to run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT

pytestmark = pytest.mark.slow  # a process for each program

PROGRAMS = sorted(path for path in (ROOT / "benchmarks").glob("*.py") if path.stem != "workers")  # which they share


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_a_program_says_how_to_run_it(program: Path) -> None:
    done = subprocess.run([sys.executable, program, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"python benchmarks/{program.name}" in done.stdout
    assert f"| `{program.name}` |" in (ROOT / "benchmarks" / "README.md").read_text("utf-8")
