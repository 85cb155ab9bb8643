"""A sign of life that passes through a file."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from pytest_opml.runner.fleet.heartbeat import Heartbeat, watch

LONGEST_S = 20.0


def test_a_file_that_is_removed_ends_it_at_once(tmp_path: Path) -> None:
    path, silence = tmp_path / "heartbeat", threading.Event()
    Heartbeat(path).stop()
    watch(path, silence.set, patience_s=10 * LONGEST_S, look_s=0.02)
    assert not silence.wait(0.2)
    path.unlink()
    assert silence.wait(LONGEST_S)


def test_silence_is_heard_after_the_end_and_not_before(tmp_path: Path) -> None:
    path, silence = tmp_path / "heartbeat", threading.Event()
    heartbeat = Heartbeat(path, seconds=0.02)
    watch(path, silence.set, patience_s=0.2, look_s=0.02)
    assert not silence.wait(0.4)
    started = time.monotonic()
    heartbeat.stop()
    assert silence.wait(LONGEST_S)
    assert time.monotonic() - started > 0.1


def test_a_file_that_fails_for_a_while_ends_nothing(tmp_path: Path) -> None:
    path, silence = tmp_path / "heartbeat", threading.Event()
    heartbeat = Heartbeat(path, seconds=0.02)
    watch(path, silence.set, patience_s=0.6, look_s=0.1)
    (tmp_path / "folder").mkdir()
    path.unlink()
    (tmp_path / "folder").rename(path)  # which nobody can read as a file
    assert not silence.wait(0.3)
    path.rmdir()
    assert not silence.wait(0.7)
    heartbeat.stop()


def test_a_silence_from_before_the_watch_counts(tmp_path: Path) -> None:
    path, silence = tmp_path / "heartbeat", threading.Event()
    Heartbeat(path).stop()
    os.utime(path, (time.time() - 100,) * 2)
    watch(path, silence.set, patience_s=60, look_s=60)
    assert silence.wait(LONGEST_S)
    assert [*tmp_path.iterdir()] == [path]
