from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pytest_opml.measure import cpu_load
from pytest_opml.measure.cpu_load import LoadWatch


def spin(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


@contextmanager
def busy_process() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE)
    try:
        assert process.stdout
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()


_ORPHAN = """
import subprocess, sys
busy = [sys.executable, "-c", "while True: pass"]
print(subprocess.Popen(busy, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid, flush=True)
"""


@contextmanager
def process_of_nobody() -> Iterator[None]:
    """Busy, and started by a process that has ended since."""
    done = subprocess.run([sys.executable, "-c", _ORPHAN], capture_output=True, text=True, check=True, timeout=30)
    try:
        yield
    finally:
        os.kill(int(done.stdout), signal.SIGKILL)


def watched(seconds: float) -> float:
    watch = LoadWatch()
    spin(seconds)
    return watch.load().cores


def test_another_process_is_seen() -> None:
    with process_of_nobody():
        # it gets half a processor at the least, where there is but one
        assert watched(1.0) > 0.3


def test_our_own_work_is_not_other_work(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = LoadWatch()
    began, busy, stolen, used = watch._began, watch._busy, watch._stolen, watch._used
    monkeypatch.setattr(watch, "_now", lambda: (began + 10, busy + 15, stolen + 2, used + 14))
    found = watch.load()
    assert found.cores == pytest.approx(0.1)
    assert found.stolen_cores == pytest.approx(0.2)


def test_heat_is_counted_where_the_system_tells(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cpu")
    counter = folder / "cpu0" / "thermal_throttle" / "core_throttle_count"
    counter.parent.mkdir(parents=True)
    counter.write_text("7\n")
    monkeypatch.setattr(cpu_load, "_THROTTLES", folder)
    watch = LoadWatch()
    counter.write_text("9\n")
    assert watch.load().throttle_events == 2
    counter.write_text("?")
    assert watch.load().throttle_events is None


def test_what_this_process_started_is_its_own_work() -> None:
    watch = LoadWatch()
    until = time.monotonic() + 30

    def grown() -> float:
        return watch._family_seconds() - watch._used

    with busy_process():
        while (during := grown()) < 0.3 and time.monotonic() < until:
            time.sleep(0.05)
    assert during >= 0.3
    assert grown() >= during - 1e-6  # after its end too; both are differences of floats


def test_a_short_watch_is_answered_by_the_one_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = LoadWatch()
    short = LoadWatch(whole)
    began, busy, stolen, used = whole._began, whole._busy, whole._stolen, whole._used

    def after(seconds: float, others: float) -> None:
        monkeypatch.setattr(whole, "_now", lambda: (began + 10, busy + 14, stolen, used))
        now = short._began + seconds, short._busy + others, short._stolen, short._used
        monkeypatch.setattr(short, "_now", lambda: now)

    after(0.2, 0.0)
    assert short.disturbances(2) == whole.disturbances(2) == ["other work took 1.4 of 2 cores"]
    after(5.0, 0.0)
    assert short.disturbances(2) == []
    after(5.0, 10.0)
    assert short.disturbances(2) == ["other work took 2.0 of 2 cores"]
