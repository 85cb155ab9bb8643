"""Locks that several processes share; ``test_locks.py`` has that of a device."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Event
from pathlib import Path

from pytest_opml.storage.locks import acquire_shared, release, try_exclusive

SPAWN = multiprocessing.get_context("spawn")


def hold_until(lock: Path, held: Event, enough: Event) -> None:
    acquire_shared(lock)
    held.set()
    enough.wait()


def is_free(lock: Path) -> bool:
    with try_exclusive(lock) as free:
        return free


def test_a_lock_is_shared_by_all_who_use_something(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    held, enough = SPAWN.Event(), SPAWN.Event()
    other = SPAWN.Process(target=hold_until, args=(lock, held, enough))
    other.start()
    assert held.wait(60)
    acquire_shared(lock)
    acquire_shared(lock)
    assert not is_free(lock)
    release(lock)
    assert not is_free(lock)
    enough.set()
    other.join()
    assert is_free(lock)


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    held, enough = SPAWN.Event(), SPAWN.Event()
    other = SPAWN.Process(target=hold_until, args=(lock, held, enough))
    other.start()
    assert held.wait(60)
    assert not is_free(lock)
    other.kill()
    other.join()
    assert is_free(lock)


def test_where_no_lock_can_be_made_nothing_is_held(tmp_path: Path) -> None:
    acquire_shared(tmp_path / "no folder" / "lock")
    release(tmp_path / "no folder" / "lock")
