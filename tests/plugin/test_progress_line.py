from __future__ import annotations

import io
import os
import pty
import subprocess
import sys

import pytest

from pytest_opml.plugin import progress_line
from pytest_opml.plugin.progress_line import ProgressLine
from pytest_opml.progress import Progress
from tests.support.builders import make_case
from tests.support.processes import python_path
from tests.support.projects import BENCH, TWO, Bench, output


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


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_it_shows_case_stage_and_step_and_takes_it_away(stream: io.StringIO) -> None:
    line = ProgressLine(stream, lambda: 70, 8)
    line(make_case("int8"), Progress("training, epoch 2 of 10, step", 5, 9))
    assert screen(stream.getvalue()) == " [1/8] top1/int8: training, epoch 2 of 10, step 5/9"
    line(make_case("int8"), Progress("measuring"))
    assert screen(stream.getvalue()).rstrip() == " [1/8] top1/int8: measuring"
    line.clear()
    assert screen(stream.getvalue()).strip() == ""


def test_the_time_left_follows_from_the_tests_so_far(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> None:
    now = 0.0
    monkeypatch.setattr(progress_line.time, "monotonic", lambda: now)
    line = ProgressLine(stream, lambda: 70, 4)
    now = 100.0
    line.finished()
    line(make_case(), Progress("measuring"))
    assert screen(stream.getvalue()) == " [2/4, 5 min left] top1/baseline: measuring"
    line.finished()
    line.finished()
    line(make_case(), Progress("measuring"))
    assert screen(stream.getvalue()).rstrip().startswith(" [4/4, 33 s left]")
    line.finished()
    line.restarted()  # the last one is run again
    line(make_case(), Progress("measuring"))
    assert screen(stream.getvalue()).rstrip().startswith(" [4/4, 33 s left]")


@pytest.mark.parametrize("room", range(15, 40))
def test_it_never_reaches_the_last_column(stream: io.StringIO, room: int) -> None:
    ProgressLine(stream, lambda: room, 8)(make_case("int8"), Progress("training, epoch 2 of 10, step", 5, 9))
    assert len(screen(stream.getvalue())) < room
    assert bool(stream.getvalue()) is (room > 20)


def test_without_a_terminal_nothing_is_written() -> None:
    line = ProgressLine(None, lambda: 0, 8)
    line(make_case(), Progress("measuring"))
    line.finished()


def test_what_is_not_a_terminal_gets_none_of_it(bench: Bench) -> None:
    bench.file(BENCH % TWO)
    result = bench.run("--opml-store=none")
    assert "\b" not in output(result)
    assert "measuring" not in output(result)


@pytest.mark.parametrize(("quiet", "shown"), [((), True), (("-q",), False)])
def test_a_terminal_shows_it_unless_it_is_to_be_quiet(bench: Bench, quiet: tuple[str, ...], shown: bool) -> None:
    bench.file(BENCH % TWO)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pytest", "bench", "-p", "no:cacheprovider", "--opml-store=none", *quiet]
    command += [f"--opml-cache-dir={bench.cache}", "--opml-compare-seconds=0.1"]
    environment = os.environ | {"PYTHONPATH": python_path(), "COLUMNS": "100"}
    process = subprocess.Popen(
        command, cwd=bench.pytester.path, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
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
    assert process.wait() == 0
    text = written.decode()
    assert ("measuring" in text) is shown
    lines = [screen(line).rstrip() for line in text.replace("\r", "").split("\n")]
    assert not [line for line in lines if "measuring" in line]
