from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_opml.errors import SettingsError
from pytest_opml.runner.cache_keys import key_of
from pytest_opml.storage.cache import Cache
from pytest_opml.storage.cache_entries import is_whole
from pytest_opml.storage.shared_cache import KEY, SharedCache, open_shared

NAME = key_of({"a": 1})
SECRET = b"of the jobs that share"


def build(folder: Path) -> None:
    (folder / "weights").mkdir()
    (folder / "weights" / "first").write_text("content")
    (folder / "file").write_text("content")


def must_not_build(folder: Path) -> None:
    raise AssertionError("it was shared")


@pytest.fixture
def shared(tmp_path: Path) -> SharedCache:
    """A shared cache with one entry, which somebody has built."""
    cache = SharedCache(tmp_path / "shared", SECRET)
    Cache(tmp_path / "of the builder", cache).entry("model", NAME, build)
    return cache


def entry_of(cache: SharedCache) -> Path:
    (entry,) = (cache.root / "entries").iterdir()
    return entry


@pytest.mark.parametrize("way", ["find", "entry"])
def test_an_entry_is_built_once_for_all(tmp_path: Path, shared: SharedCache, way: str) -> None:
    mine = Cache(tmp_path / "mine", shared)
    entry = mine.find("model", NAME) if way == "find" else mine.entry("model", NAME, must_not_build)
    assert entry
    assert (entry / "weights" / "first").read_text() == "content"
    assert {path.name for path in entry.iterdir()} == {"file", "manifest.json", "weights"}
    assert is_whole(entry_of(shared))  # so that `opml cache prune` lets it stay
    assert not list((shared.root / "building").iterdir())
    assert not list((mine.root / "building").iterdir())


def link_to_zero(entry: Path) -> None:
    (entry / "file").unlink()
    (entry / "file").symlink_to("/dev/zero")


def pipe(entry: Path) -> None:
    (entry / "file").unlink()
    os.mkfifo(entry / "file")


def forge(entry: Path) -> None:
    """As somebody would who has not the key: a whole entry with a content list that is right."""
    (entry / "file").write_text("forged")
    shutil.copytree(entry, entry.parent / "sealed", ignore=shutil.ignore_patterns("*.json"))
    forged = Cache(entry.parents[2] / "of the forger", SharedCache(entry.parents[2] / "forged", b"another key of him"))
    forged.entry("model", NAME, lambda folder: shutil.copytree(entry.parent / "sealed", folder, dirs_exist_ok=True))
    shutil.rmtree(entry.parent / "sealed")
    shutil.rmtree(entry)
    entry_of(forged.shared or SharedCache(entry, b"")).rename(entry)


def put_another_in_its_place(entry: Path) -> None:
    """An entry that was signed, under the name of another."""
    cache = SharedCache(entry.parents[1], SECRET)
    Cache(entry.parents[2] / "of the builder", cache).entry("model", key_of({"b": 2}), build)
    shutil.rmtree(entry)
    (entry.parent / f"model-{key_of({'b': 2})}").rename(entry)


def shorten(entry: Path) -> None:
    os.truncate(entry / "file", 3)


def rewrite(name: str, text: str) -> Callable[[Path], object]:
    return lambda entry: (entry / name).write_text(text)


@pytest.mark.parametrize(
    "attack",
    [
        rewrite("file", "CONTENT"),
        rewrite("manifest.json", json.dumps({"file": "00"})),
        rewrite("signature.json", "[]"),
        rewrite("signature.json", '{"hmac": 3, "bytes": {}}'),
        rewrite("signature.json", "[" * 200_000),
        lambda entry: (entry / "signature.json").unlink(),
        link_to_zero,
        pipe,
        forge,
        shorten,
        put_another_in_its_place,
        shutil.rmtree,
    ],
)
def test_what_is_not_as_it_was_signed_is_built_anew(
    tmp_path: Path, shared: SharedCache, attack: Callable[[Path], object]
) -> None:
    attack(entry_of(shared))
    mine = Cache(tmp_path / "mine", shared)
    assert mine.find("model", NAME) is None
    assert (mine.entry("model", NAME, build) / "file").read_text() == "content"
    assert not list((mine.root / "building").iterdir())
    assert Cache(tmp_path / "of a third", shared).find("model", NAME)  # it was mended for all


def test_a_file_that_grows_is_read_no_further_than_it_was_signed(tmp_path: Path, shared: SharedCache) -> None:
    os.truncate(entry_of(shared) / "file", 1 << 40)
    assert Cache(tmp_path / "mine", shared).find("model", NAME)


def test_where_the_folder_cannot_be_written_the_entry_is_ones_own(tmp_path: Path) -> None:
    (tmp_path / "shared").touch()
    cache = SharedCache(tmp_path / "shared", SECRET)
    assert (Cache(tmp_path / "mine", cache).entry("model", NAME, build) / "file").exists()
    assert not cache.publish("model-1", tmp_path / "mine")


@pytest.mark.parametrize(("key", "problem"), [(None, "is not set"), ("short", "is too short")])
def test_a_key_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str | None, problem: str) -> None:
    monkeypatch.delenv(KEY, raising=False)
    assert open_shared(None) is None
    if key:
        monkeypatch.setenv(KEY, key)
    with pytest.raises(SettingsError, match=rf"^--opml-cache-shared: the environment variable {KEY} {problem}: "):
        open_shared(tmp_path)


def test_the_key_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "sixteen letters!")
    assert "sixteen" not in repr(open_shared(tmp_path))
