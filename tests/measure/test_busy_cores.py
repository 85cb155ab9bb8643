"""The cores that a runtime kept busy, and what comes of more than it was given threads."""

from __future__ import annotations

import time

import pytest

from pytest_opml.errors import ThreadsError
from pytest_opml.measure.busy_cores import BusyCores, require_cores


@pytest.mark.parametrize(("seconds", "cores"), [(2.0, 1.5), (0.4, None)])
def test_it_is_cpu_time_by_wall_time_of_sections_that_are_long_enough(
    seconds: float, cores: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, clock = iter([0.0, 3.0, 10.0, 13.0]), iter([0.0, seconds, 20.0, 20 + seconds])
    monkeypatch.setattr(time, "process_time", lambda: next(work))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    busy = BusyCores()
    for _ in range(2):
        busy.begin()
        busy.end()
    assert busy.cores == cores


def test_a_runtime_that_keeps_more_cores_busy_than_it_has_threads_is_an_error() -> None:
    for cores, threads in ((1.02, 1), (0.3, 1), (4.1, 4), (None, 1)):
        require_cores("keras", cores, threads)
    with pytest.raises(ThreadsError, match=r"^keras kept 1\.83 cores busy while it was timed, with 1 threads \(--opml"):
        require_cores("keras", 1.83, 1)
