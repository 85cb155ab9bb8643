"""A sign of life that passes through a file."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from pytest_opml.runner.fleet.heartbeat import Heartbeat, watch

LONGEST_S = 20.0


@pytest.mark.parametrize("end", ["stopped", "file gone"])
def test_silence_is_heard_after_the_end_and_not_before(tmp_path: Path, end: str) -> None:
    path, silence = tmp_path / "heartbeat", threading.Event()
    heartbeat = Heartbeat(path, seconds=0.02)
    watch(path, silence.set, patience_s=0.2, look_s=0.02)
    assert not silence.wait(0.4)
    started = time.monotonic()
    heartbeat.stop()
    if end == "file gone":
        path.unlink()
    assert silence.wait(LONGEST_S)
    assert time.monotonic() - started > 0.1


def test_a_folder_that_fails_for_a_while_ends_nothing(tmp_path: Path) -> None:
    folder, silence = tmp_path / "run", threading.Event()
    folder.mkdir()
    heartbeat = Heartbeat(folder / "heartbeat", seconds=0.02)
    watch(folder / "heartbeat", silence.set, patience_s=0.5, look_s=0.02)
    folder.rename(tmp_path / "away")
    assert not silence.wait(0.1)
    (tmp_path / "away").rename(folder)
    assert not silence.wait(0.6)
    heartbeat.stop()


def test_a_silence_from_before_the_watch_counts(tmp_path: Path) -> None:
    path, silence = tmp_path / "heartbeat", threading.Event()
    Heartbeat(path).stop()
    os.utime(path, (time.time() - 100,) * 2)
    watch(path, silence.set, patience_s=60, look_s=60)
    assert silence.wait(LONGEST_S)
    assert [*tmp_path.iterdir()] == [path]
