from __future__ import annotations

import io

import pytest

from pytest_opml.progress import Progress
from pytest_opml.reports.terminal import progress_line
from pytest_opml.reports.terminal.progress_line import ProgressLine
from tests.support.builders import make_case
from tests.support.processes import screen


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
