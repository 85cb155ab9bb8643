from __future__ import annotations

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


def watched(seconds: float) -> float:
    watch = LoadWatch()
    spin(seconds)
    return watch.load().cores


def test_another_process_is_seen() -> None:
    with busy_process():
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
