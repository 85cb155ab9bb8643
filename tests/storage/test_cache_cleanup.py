from __future__ import annotations

import json
import multiprocessing
import os
import time
from datetime import timedelta
from hashlib import sha256
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from filelock import FileLock

from pytest_opml.errors import StorageError
from pytest_opml.runner.cache_keys import key_of
from pytest_opml.storage.cache import Cache
from pytest_opml.storage.cache_cleanup import CleanupPolicy, inspect_cache, prune
from pytest_opml.storage.held_folders import HeldFolder

SPAWN = multiprocessing.get_context("spawn")
ALL = CleanupPolicy(everything=True)


def stored(root: Path, kind: str, name: str, kilobytes: int = 1000, days: float = 1) -> Path:
    """An entry that nobody has used for so many days."""
    Cache(root)
    folder = root / "entries" / f"{kind}-{key_of({'name': name})}"
    folder.mkdir()
    content = b"x" * (kilobytes * 1000)
    (folder / "file").write_bytes(content)
    (folder / "manifest.json").write_text(json.dumps({"file": sha256(content).hexdigest()}))
    moment = time.time() - days * 86_400
    os.utime(folder / "manifest.json", (moment, moment))
    return folder


def half_built(root: Path) -> Path:
    """What a process has left that is dead."""
    Cache(root)
    folder = root / "building" / "model-1"
    folder.mkdir()
    (folder / "half").write_bytes(b"x" * 5000)
    return folder


def names(root: Path) -> set[str]:
    return {entry.name for entry in (root / "entries").iterdir()}


def use_until(root: Path, key: str, used: Event, enough: Event) -> None:
    assert Cache(root).find("model", key)
    used.set()
    enough.wait()


def test_the_contents_by_kind_from_the_longest_unused_on(tmp_path: Path) -> None:
    stored(tmp_path, "artifact", "new", kilobytes=10, days=1)
    stored(tmp_path, "model", "old", kilobytes=30, days=3)
    half_built(tmp_path)
    (tmp_path / "entries" / "holiday-pictures").mkdir()
    found = inspect_cache(tmp_path)
    assert [entry.kind for entry in found.entries] == ["model", "artifact"]
    assert [entry.size_bytes // 1000 for entry in found.entries] == [30, 10]
    assert (found.half_built, found.half_built_bytes) == (1, 5000)
    assert found.free_bytes > 0


def test_looking_makes_nothing(tmp_path: Path) -> None:
    assert inspect_cache(tmp_path / "not" / "there").entries == ()
    assert prune(tmp_path / "not" / "there", ALL).removed == ()
    assert list(tmp_path.iterdir()) == []


def test_a_cache_without_a_folder_for_builds_is_made_smaller_too(tmp_path: Path) -> None:
    entry = stored(tmp_path, "model", "old")
    (tmp_path / "building").rmdir()
    assert len(prune(tmp_path, ALL).removed) == 1
    assert not entry.exists()


def test_with_an_empty_policy_only_what_is_of_no_use_goes(tmp_path: Path) -> None:
    whole, damaged = stored(tmp_path, "model", "whole", days=400), stored(tmp_path, "model", "damaged")
    (damaged / "file").write_bytes(b"y")
    stale, fresh = half_built(tmp_path), HeldFolder(tmp_path / "building" / "model-2").path
    done = prune(tmp_path, CleanupPolicy())
    assert [found.reason for found in done.removed] == ["damaged"]
    assert (whole.exists(), damaged.exists(), stale.exists(), fresh.exists()) == (True, False, False, True)
    assert done.half_built == 1
    assert done.freed_bytes >= 5000


def test_what_nobody_used_for_long_goes(tmp_path: Path) -> None:
    old, new = stored(tmp_path, "model", "old", days=31), stored(tmp_path, "model", "new", days=29)
    done = prune(tmp_path, CleanupPolicy(older_than=timedelta(days=30)))
    assert [found.reason for found in done.removed] == ["old"]
    assert names(tmp_path) == {new.name}
    assert not old.exists()


def test_room_is_made_from_the_longest_unused_on_and_no_further(tmp_path: Path) -> None:
    kept = [stored(tmp_path, "model", str(days), days=days).name for days in (1, 2)]
    for days in (5, 4, 3):
        stored(tmp_path, "artifact", str(days), days=days)
    done = prune(tmp_path, CleanupPolicy(max_bytes=2.5e6))
    assert [found.reason for found in done.removed] == ["room"] * 3
    assert [found.entry.used for found in done.removed] == sorted(found.entry.used for found in done.removed)
    assert names(tmp_path) == set(kept)
    assert sum(entry.size_bytes for entry in inspect_cache(tmp_path).entries) <= 2.5e6


def test_damaged_entries_go_first_and_may_be_enough(tmp_path: Path) -> None:
    old, damaged = stored(tmp_path, "model", "old", days=9), stored(tmp_path, "model", "damaged", days=1)
    (damaged / "manifest.json").write_text("{")
    done = prune(tmp_path, CleanupPolicy(max_bytes=1.5e6))
    assert [found.reason for found in done.removed] == ["damaged"]
    assert names(tmp_path) == {old.name}


def test_a_dry_run_says_the_same_and_removes_nothing(tmp_path: Path) -> None:
    for name in "abc":
        stored(tmp_path, "step", name)
    stale, before = half_built(tmp_path), names(tmp_path)
    tried = prune(tmp_path, ALL, dry_run=True)
    assert names(tmp_path) == before
    assert stale.exists()
    done = prune(tmp_path, ALL)
    assert (tried.removed, tried.freed_bytes) == (done.removed, done.freed_bytes)
    assert names(tmp_path) == set()
    assert list((tmp_path / "building").iterdir()) == []


def test_only_what_is_named_like_an_entry_is_removed(tmp_path: Path) -> None:
    Cache(tmp_path)
    for name in ("holiday-pictures", "model-1234"):
        (tmp_path / "entries" / name).mkdir()
    prune(tmp_path, ALL)
    assert names(tmp_path) == {"holiday-pictures", "model-1234"}


def test_what_another_process_uses_stays_until_it_ends(tmp_path: Path) -> None:
    used, unused = stored(tmp_path, "model", "used"), stored(tmp_path, "model", "unused")
    begun, enough = SPAWN.Event(), SPAWN.Event()
    session = SPAWN.Process(target=use_until, args=(tmp_path, key_of({"name": "used"}), begun, enough))
    session.start()
    assert begun.wait(60)
    long_ago = time.time() - 86_400
    os.utime(used / "manifest.json", (long_ago, long_ago))  # as by a session that has measured since
    done = prune(tmp_path, ALL)
    assert (used.exists(), unused.exists()) == (True, False)
    assert [entry.key for entry in done.in_use] == [used.name.partition("-")[2]]
    enough.set()
    session.join()
    assert session.exitcode == 0
    assert len(prune(tmp_path, ALL).removed) == 1


def test_what_was_used_just_now_stays(tmp_path: Path) -> None:
    entry = stored(tmp_path, "model", "just made", days=0)
    assert prune(tmp_path, ALL).in_use
    assert entry.exists()


def test_what_is_being_built_anew_stays(tmp_path: Path) -> None:
    entry = stored(tmp_path, "model", "damaged")
    (entry / "file").write_bytes(b"")
    with FileLock(tmp_path / "locks" / f"{entry.name}.lock"):
        assert prune(tmp_path, ALL).in_use
    assert entry.exists()


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    for look in (inspect_cache, lambda root: prune(root, ALL)):
        with pytest.raises(StorageError, match=r"^cache .*cache: Not a directory: .*entries$"):
            look(tmp_path / "cache")
