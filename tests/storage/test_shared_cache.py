from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pytest_opml import progress
from pytest_opml.errors import SettingsError
from pytest_opml.runner.cache_keys import key_of
from pytest_opml.storage.cache import Cache
from pytest_opml.storage.cache_entries import is_whole
from pytest_opml.storage.digests import digest_file
from pytest_opml.storage.object_store import _opened
from pytest_opml.storage.shared_cache import KEY, SharedCache, open_shared
from tests.support.object_server import FULL, REFUSED, ObjectServer

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


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a run would tell."""
    told: list[str] = []
    monkeypatch.setattr(progress, "_listeners", [lambda heard: told.append(str(heard)) if heard.is_note else None])
    return told


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


def test_where_the_folder_cannot_be_written_the_entry_is_ones_own(tmp_path: Path, notes: list[str]) -> None:
    (tmp_path / "shared").touch()
    cache = SharedCache(tmp_path / "shared", SECRET)
    entry = Cache(tmp_path / "mine", cache).entry("model", NAME, build)
    assert (entry / "file").exists()
    assert not cache.publish("model-1", tmp_path / "mine")
    told = f"shared cache {tmp_path}/shared: cannot be written: Not a directory; what is built here is not added to it"
    assert told in notes


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", "..", ""])
def test_a_name_that_leaves_the_folder_is_refused_although_it_was_signed(
    tmp_path: Path, shared: SharedCache, name: str
) -> None:
    entry, manifest, sizes = entry_of(shared), json.dumps({name: digest_file(entry_of(shared) / "file")}), {name: 7}
    (entry.parent / "outside").write_text("content")
    (entry / "manifest.json").write_text(manifest)
    signature = shared._signature(entry.name, manifest.encode(), sizes)
    (entry / "signature.json").write_text(json.dumps({"bytes": sizes, "hmac": signature}))
    assert not shared.fetch(entry.name, tmp_path / "fetched" / "entry")
    assert not (tmp_path / "fetched").exists()
    (tmp_path / "fetched").mkdir()
    assert not shared.fetch(entry.name, tmp_path / "fetched" / "entry")
    assert [path.name for path in (tmp_path / "fetched").iterdir()] == ["entry"]


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


# --- in an object store


@pytest.fixture
def stored(tmp_path: Path, url: str) -> SharedCache:
    """A shared cache in an object store with one entry, which somebody has built."""
    cache = SharedCache(url, SECRET)
    Cache(tmp_path / "of the builder", cache).entry("model", NAME, build)
    return cache


class Objects:
    """The objects of an entry, as somebody sees them who can write to the store."""

    def __init__(self, cache: SharedCache, name: str = NAME) -> None:
        scheme, host = urlsplit(str(cache.root))[:2]
        self._system = _opened(scheme, host, os.getpid())
        self.entry = f"{cache.root}/entries/model-{name}"

    def names(self) -> set[str]:
        return {path.rpartition("/")[2] for path in self._system.find(self.entry)}

    def file(self) -> str:
        """The one object of the entry's files, both of which have the same content."""
        (name,) = self.names() - {"signature.json"}
        return name

    def read(self, name: str) -> bytes:
        return self._system.cat_file(f"{self.entry}/{name}")

    def write(self, name: str, content: bytes) -> None:
        self._system.pipe_file(f"{self.entry}/{name}", content)

    def remove(self, name: str) -> None:
        self._system.rm_file(f"{self.entry}/{name}")


@pytest.mark.parametrize("way", ["find", "entry"])
def test_an_entry_is_shared_by_an_object_store(tmp_path: Path, stored: SharedCache, way: str, notes: list[str]) -> None:
    mine = Cache(tmp_path / "mine", stored)
    entry = mine.find("model", NAME) if way == "find" else mine.entry("model", NAME, must_not_build)
    assert entry
    assert (entry / "weights" / "first").read_text() == "content"
    assert {path.name for path in entry.iterdir()} == {"file", "manifest.json", "weights"}
    assert is_whole(entry)
    assert mine.find("model", key_of({"b": 2})) is None
    assert notes == []


def test_an_empty_file_and_a_large_one_are_shared(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_opml.storage.object_store._PIECE_BYTES", 1000)
    content = os.urandom(2500)

    def fill(folder: Path) -> None:
        (folder / "empty").touch()
        (folder / "a [large] *one*?").write_bytes(content)

    cache = SharedCache(url, SECRET)
    Cache(tmp_path / "of the builder", cache).entry("model", NAME, fill)
    entry = Cache(tmp_path / "mine", cache).entry("model", NAME, must_not_build)
    assert (entry / "a [large] *one*?").read_bytes() == content
    assert (entry / "empty").read_bytes() == b""


def replace_half(objects: Objects) -> None:
    """As somebody leaves it who builds something else, and is killed before the signature."""
    objects.write(objects.file(), b"another")
    objects.write("0" * 64, b"more of another")


def sign_with_another_key(objects: Objects) -> None:
    """As somebody would who has not the key, and writes a content list of his own."""
    signed = json.loads(objects.read("signature.json"))
    objects.write(objects.file(), b"CONTENT")
    objects.write("signature.json", json.dumps({**signed, "hmac": "0" * 64}).encode())


def rewritten(**changes: Any) -> Callable[[Objects], None]:
    def rewrite(objects: Objects) -> None:
        signed = json.loads(objects.read("signature.json"))
        objects.write("signature.json", json.dumps({**signed, **changes}).encode())

    return rewrite


@pytest.mark.parametrize(
    "attack",
    [
        lambda objects: objects.write(objects.file(), b"CONTENT"),
        lambda objects: objects.write(objects.file(), b"con"),
        lambda objects: objects.write(objects.file(), b""),
        lambda objects: objects.write(objects.file(), b"CONTENT and more"),
        lambda objects: objects.remove(objects.file()),
        lambda objects: objects.remove("signature.json"),
        lambda objects: objects.write("signature.json", b""),
        lambda objects: objects.write("signature.json", b"[]"),
        lambda objects: objects.write("signature.json", b"\xff"),
        lambda objects: objects.write("signature.json", b"[" * 200_000),
        lambda objects: objects.write("signature.json", b" " * 16_000_001),
        rewritten(manifest=json.dumps({"../outside": "00"})),
        rewritten(manifest=3),
        rewritten(bytes={}),
        rewritten(hmac=3),
        replace_half,
        sign_with_another_key,
    ],
)
def test_what_is_not_as_it_was_signed_is_not_taken_from_an_object_store(
    tmp_path: Path, stored: SharedCache, attack: Callable[[Objects], None], notes: list[str]
) -> None:
    attack(Objects(stored))
    mine = Cache(tmp_path / "mine", stored)
    assert mine.find("model", NAME) is None
    assert (mine.entry("model", NAME, build) / "file").read_text() == "content"
    assert not list((mine.root / "building").iterdir())
    assert Cache(tmp_path / "of a third", stored).find("model", NAME)  # it was mended for all
    assert notes == []


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", "..", ""])
def test_a_name_that_leaves_the_entry_is_refused_although_it_was_signed(
    tmp_path: Path, stored: SharedCache, name: str
) -> None:
    objects = Objects(stored)
    signed = json.loads(objects.read("signature.json"))
    manifest, sizes = json.dumps({name: objects.file()}), {name: len("content")}
    forged = {"manifest": manifest, "bytes": sizes}
    forged["hmac"] = stored._signature(f"model-{NAME}", manifest.encode(), sizes)
    assert forged.keys() == signed.keys()
    objects.write("signature.json", json.dumps(forged).encode())
    assert not stored.fetch(f"model-{NAME}", tmp_path / "fetched" / "entry")
    (tmp_path / "fetched").mkdir()
    assert not stored.fetch(f"model-{NAME}", tmp_path / "fetched" / "entry")
    assert [path.name for path in tmp_path.rglob("*outside*")] == []


def test_an_entry_is_nobody_elses_by_another_name(tmp_path: Path, stored: SharedCache) -> None:
    """One that was signed, in the place of another."""
    own, other = Objects(stored), Objects(stored, key_of({"b": 2}))
    for name in own.names():
        other.write(name, own.read(name))
    assert Cache(tmp_path / "mine", stored).find("model", key_of({"b": 2})) is None


def test_whoever_has_another_key_believes_nothing(tmp_path: Path, stored: SharedCache) -> None:
    assert not SharedCache(stored.root, b"another key of him").fetch(f"model-{NAME}", tmp_path / "fetched")


def test_a_file_that_is_longer_is_read_no_further_than_it_was_signed(tmp_path: Path, stored: SharedCache) -> None:
    objects = Objects(stored)
    objects.write(objects.file(), b"content" + bytes(10_000_000))
    assert stored.fetch(f"model-{NAME}", tmp_path / "fetched")
    assert (tmp_path / "fetched" / "file").read_text() == "content"


def test_it_goes_to_another_process(tmp_path: Path, stored: SharedCache) -> None:
    copy = pickle.loads(pickle.dumps(stored))
    assert copy == stored
    assert copy.fetch(f"model-{NAME}", tmp_path / "fetched")


def test_the_signature_is_uploaded_last(tmp_path: Path, bucket: str, s3: ObjectServer) -> None:
    Cache(tmp_path / "mine", SharedCache(bucket, SECRET)).entry("model", NAME, build)
    written = [path for method, path in s3.asked if method == "PUT"]
    assert len(written) == 3
    assert [path.endswith("/signature.json") for path in written] == [False, False, True]


def test_each_file_is_fetched_once_for_all_processes_of_a_machine(
    tmp_path: Path, bucket: str, s3: ObjectServer
) -> None:
    def fill(folder: Path) -> None:
        (folder / "model").write_text("a model")
        (folder / "weights").write_text("its weights")

    cache = SharedCache(bucket, SECRET)
    Cache(tmp_path / "of another machine", cache).entry("model", NAME, fill)
    s3.asked.clear()
    s3.delay_s = 0.2  # so that each would begin before the others have ended
    program = (
        "import sys; from pathlib import Path\n"
        "from pytest_opml.storage.cache import Cache; from pytest_opml.storage.shared_cache import SharedCache\n"
        f"cache = Cache(Path(sys.argv[1]), SharedCache({bucket!r}, {SECRET!r}))\n"
        "print('ready', flush=True); input()\n"
        f"print((cache.find('model', {NAME!r}) / 'model').read_text())\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, tmp_path / "mine"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [process.stdout.readline() for process in processes if process.stdout] == ["ready\n", "ready\n"]
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in processes] == ["a model\n", "a model\n"]
    assert len(s3.fetched(r"/signature\.json")) == 1
    assert len(s3.fetched(r"/[0-9a-f]{64}")) == len(set(s3.fetched(r"/[0-9a-f]{64}"))) == 2


def test_a_store_that_is_gone_is_told_once_and_asked_no_more(
    tmp_path: Path, own_bucket: str, own_s3: ObjectServer, notes: list[str]
) -> None:
    cache = SharedCache(own_bucket, SECRET)
    mine = Cache(tmp_path / "mine", cache)
    mine.entry("model", NAME, build)
    own_s3.stop()
    other = Cache(tmp_path / "of another", cache)
    assert (other.entry("model", NAME, build) / "file").exists()
    assert other.find("model", key_of({"b": 2})) is None
    assert not cache.publish(f"model-{NAME}", mine.root / "entries" / f"model-{NAME}")
    (note,) = notes
    assert note.startswith(f"shared cache {own_bucket}: Could not connect to the endpoint URL: ")
    assert note.endswith("; what it holds may be built again")
    assert NAME not in note  # it is the same for all entries, so that a run tells it once


def test_a_store_that_is_gone_in_the_middle_leaves_nothing_half(
    tmp_path: Path, bucket: str, s3: ObjectServer, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_opml.storage.object_store._PIECE_BYTES", 4)
    cache = SharedCache(bucket, SECRET)
    Cache(tmp_path / "of the builder", cache).entry("model", NAME, build)
    pieces: list[str] = []

    def stop(method: str, path: str) -> None:
        pieces.extend([path] if "signature" not in path else [])
        if len(pieces) == 2:
            s3.answers["GET"] = REFUSED

    s3.on_request = stop
    mine = Cache(tmp_path / "mine", cache)
    assert mine.find("model", NAME) is None
    assert len(pieces) == 2
    assert not list((mine.root / "building").iterdir())
    assert not list((mine.root / "entries").iterdir())
    assert notes == [f"shared cache {bucket}: Access Denied; what it holds may be built again"]


@pytest.mark.parametrize(("answer", "reason"), [(REFUSED, "Access Denied"), (FULL, "The quota is exceeded")])
def test_a_store_that_takes_nothing_is_told_once_and_still_read(
    tmp_path: Path, bucket: str, s3: ObjectServer, notes: list[str], answer: bytes, reason: str
) -> None:
    cache, another = SharedCache(bucket, SECRET), key_of({"b": 2})
    Cache(tmp_path / "of the builder", cache).entry("model", NAME, build)
    s3.answers["PUT"] = answer
    mine = Cache(tmp_path / "mine", cache)
    for name in (another, key_of({"c": 3})):
        assert (mine.entry("model", name, build) / "file").exists()
    assert mine.find("model", NAME)
    (note,) = notes
    assert note.startswith(f"shared cache {bucket}: ")
    assert reason in note
    assert note.endswith("; what is built here is not added to it")
    assert Objects(cache, another).names() == set()


def test_an_entry_whose_signature_could_not_be_written_is_not_there(
    tmp_path: Path, bucket: str, s3: ObjectServer, notes: list[str]
) -> None:
    def refuse(method: str, path: str) -> None:
        if method == "PUT" and path.endswith("signature.json"):
            s3.answers["PUT"] = REFUSED

    s3.on_request = refuse
    cache = SharedCache(bucket, SECRET)
    Cache(tmp_path / "mine", cache).entry("model", NAME, build)
    assert len(Objects(cache).names()) == 1
    assert Cache(tmp_path / "of another", cache).find("model", NAME) is None
    assert len(notes) == 1
