from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from pytest_opml.runner.signals import EndSignals
from tests.support.processes import python_path

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "described"),
    [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "ended by SIGTERM"), (signal.SIGHUP, "ended by SIGHUP")],
)
def test_a_signal_ends_the_run_and_is_said(number: signal.Signals, described: str) -> None:
    before = [signal.getsignal(one) for one in SIGNALS]
    with EndSignals() as signals:
        with pytest.raises(KeyboardInterrupt, match=described):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)  # the same, sent to a group as well
        with signals.ending():
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)
        assert signals.described == described
    assert [signal.getsignal(one) for one in SIGNALS] == before


def test_three_signals_stop_the_end_too() -> None:
    with EndSignals() as signals, signals.ending():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_signals_that_somebody_handles_are_left_to_them() -> None:
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    before = [signal.getsignal(number) for number in SIGNALS[1:]]
    with EndSignals():
        assert [signal.getsignal(number) for number in SIGNALS[1:]] == before


def test_elsewhere_than_in_the_main_thread_nothing_is_handled() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    thread = threading.Thread(target=lambda: EndSignals().restore())
    thread.start()
    thread.join()
    assert [signal.getsignal(number) for number in SIGNALS] == before


PROGRAM = """
import hashlib, os, signal, threading, time
from pytest_opml.runner import signals
signals._LATE_S, signals._LAST_S = {late}, {last}
with signals.EndSignals() as ends:
    ends.end_late_by(lambda: print("written late", flush=True))
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    {block}
"""


@pytest.mark.parametrize(
    ("late", "last", "block", "printed"),
    [
        (
            0.2,
            9.0,
            "hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)",
            "written late",
        ),  # native code, which no handler interrupts
        (0.1, 0.3, "ends.ending().__enter__(); [time.sleep(0.1) for _ in range(600)]", ""),
    ],
    ids=["in native code", "while the end takes too long"],
)
def test_a_run_that_does_not_end_is_ended(late: float, last: float, block: str, printed: str) -> None:
    program = PROGRAM.format(late=late, last=last, block=block)
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": python_path()},
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (2, printed), done.stderr
