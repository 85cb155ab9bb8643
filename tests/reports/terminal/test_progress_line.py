from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pytest_opml.progress import Progress
from pytest_opml.reports.terminal import progress_line
from pytest_opml.reports.terminal.progress_line import ProgressLine
from pytest_opml.reports.terminal.time_left import Durations
from tests.support.builders import make_case
from tests.support.processes import screen


def names(count: int) -> list[str]:
    return [f"test {number}" for number in range(count)]


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [0.0]
    monkeypatch.setattr(progress_line.time, "monotonic", lambda: now[0])

    def passed(seconds: float) -> None:
        now[0] += seconds

    return passed


def test_it_shows_case_stage_and_step_and_takes_it_away(stream: io.StringIO) -> None:
    line = ProgressLine(stream, lambda: 70, names(8))
    line(make_case("int8"), Progress("training, epoch 2 of 10, step", 5, 9))
    assert screen(stream.getvalue()) == " [1/8] top1/int8: training, epoch 2 of 10, step 5/9"
    line(make_case("int8"), Progress("measuring"))
    assert screen(stream.getvalue()).rstrip() == " [1/8] top1/int8: measuring"
    line.clear()
    assert screen(stream.getvalue()).strip() == ""


def test_the_width_is_asked_for_where_nothing_is_captured(stream: io.StringIO) -> None:
    captured = [True]

    @contextmanager
    def uncaptured() -> Iterator[None]:
        captured[0] = False
        yield
        captured[0] = True

    line = ProgressLine(stream, lambda: 80 if captured[0] else 40, names(8), uncaptured)
    line(make_case("int8"), Progress("training, epoch 2 of 10, step", 5, 9))
    assert screen(stream.getvalue()).rstrip() == " [1/8] top1/int8: training, epoch 2 of…"


def test_the_time_left_follows_from_the_tests_so_far(stream: io.StringIO, pass_time: Callable[[float], None]) -> None:
    line = ProgressLine(stream, lambda: 90, names(4))

    def shown() -> str:
        line(make_case(), Progress("measuring"))
        return screen(stream.getvalue()).rstrip()

    assert shown() == " [1/4] top1/baseline: measuring"
    pass_time(100)
    line.finished()
    assert shown() == " [2/4, up to 14 min left] top1/baseline: measuring"
    pass_time(100)
    line.finished()
    pass_time(100)
    line.finished()
    assert shown() == " [4/4, 1 to 2 min left] top1/baseline: measuring"
    pass_time(240)
    assert shown() == " [4/4, longer than expected (4 min)] top1/baseline: measuring"
    line.finished()
    line.restarted()  # the last one is run again
    assert shown() == " [4/4, 1 to 2 min left] top1/baseline: measuring"


def test_tests_that_build_tell_nothing_of_the_others(stream: io.StringIO, pass_time: Callable[[float], None]) -> None:
    line = ProgressLine(stream, lambda: 90, names(4))
    for seconds, is_building in ((100.0, True), (10.0, False), (10.0, False)):
        line(make_case(), Progress("at work", is_building=is_building))
        pass_time(seconds)
        line.finished()
    line(make_case(), Progress("training", is_building=True))
    assert screen(stream.getvalue()).rstrip() == " [4/4, 35 s to 3 min left] top1/baseline: training"
    pass_time(90)
    line.finished()
    expected = {"test 0": Durations(100.0, None), "test 1": Durations(None, 10.0)}
    assert {name: line.durations()[name] for name in expected} == expected
    assert line.durations()["test 3"] == Durations(90.0, None)


def test_what_an_earlier_run_took_is_replaced_by_kind(pass_time: Callable[[float], None]) -> None:
    line = ProgressLine(None, lambda: 0, names(2), earlier={"test 0": Durations(50.0, 7.0)})
    pass_time(8.0)
    line.finished()
    assert line.durations() == {"test 0": Durations(50.0, 8.0)}


@pytest.mark.parametrize("room", range(15, 40))
def test_it_never_reaches_the_last_column(stream: io.StringIO, room: int) -> None:
    ProgressLine(stream, lambda: room, names(8))(make_case("int8"), Progress("training, epoch 2 of 10, step", 5, 9))
    assert len(screen(stream.getvalue())) < room
    assert bool(stream.getvalue()) is (room > 20)


def test_without_a_known_number_of_tests_it_counts_and_tells_no_time(stream: io.StringIO) -> None:
    line = ProgressLine(stream, lambda: 70)
    line.finished()
    line(make_case(), Progress("measuring"))
    assert screen(stream.getvalue()) == " [2] top1/baseline: measuring"


def test_without_a_terminal_nothing_is_written() -> None:
    line = ProgressLine(None, lambda: 0, names(8))
    line(make_case(), Progress("measuring"))
    line.finished()


@pytest.mark.parametrize("is_logged", [True, False])
def test_a_log_gets_a_line_a_minute(stream: io.StringIO, pass_time: Callable[[float], None], is_logged: bool) -> None:
    line = ProgressLine(None, lambda: 0, names(8), log=stream, is_logged=is_logged)
    for step in range(100):
        line(make_case(), Progress("training, step", step, 100))
        pass_time(2)
    written = stream.getvalue().split()
    assert written.count("opml:") == (3 if is_logged else 0)
    assert "\b" not in stream.getvalue()
    if is_logged:
        assert "opml: [1/8] top1/baseline: training, step 30/100" in stream.getvalue().splitlines()


def test_a_log_is_told_once_what_is_to_be_noted(stream: io.StringIO) -> None:
    line = ProgressLine(stream, lambda: 80, names(8), log=stream)
    for text in ("the store is down", "the store is down", "another store is down"):
        line(make_case(), Progress(text, is_note=True))
    assert stream.getvalue() == "\nopml: the store is down\n\nopml: another store is down\n"


def test_a_log_is_told_at_once_that_a_run_waits(stream: io.StringIO) -> None:
    line = ProgressLine(None, lambda: 0, names(8), log=stream)
    line(make_case(), Progress("waiting for \x1b[31mthe device", is_waiting=True))
    assert stream.getvalue() == "\nopml: waiting for \\x1b[31mthe device\n"
