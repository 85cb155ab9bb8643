from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pytest_opml.measure.sizes import measure_file
from pytest_opml.storage.digests import digest_file, digest_folder, digest_path, files_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in (("b", b"second"), ("a/deep", b"first"), ("a/empty", b"")):
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "folder"


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 21) + 7])
def test_a_file_has_the_digest_of_its_content_however_it_is_cut(tmp_path: Path, size: int) -> None:
    content = bytes(index % 251 for index in range(size))
    (tmp_path / "file").write_bytes(content)
    pieces: list[bytes] = []
    assert digest_file(tmp_path / "file", pieces.append) == hashlib.sha256(content).hexdigest()
    assert b"".join(pieces) == content
    assert digest_path(tmp_path / "file") == measure_file(tmp_path / "file").sha256 == digest_file(tmp_path / "file")


def test_a_folder_has_the_digest_of_its_files_names_and_digests(folder: Path) -> None:
    assert list(files_of(folder)) == ["a/deep", "a/empty", "b"]
    lines = "".join(
        f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for name, path in files_of(folder).items()
    )
    assert digest_path(folder) == hashlib.sha256(lines.encode()).hexdigest() == measure_file(folder).sha256


def test_whatever_changes_in_a_folder_changes_its_digest(folder: Path) -> None:
    digests = {digest_path(folder)}
    (folder / "b").write_bytes(b"Second")
    digests.add(digest_path(folder))
    (folder / "b").rename(folder / "c")
    digests.add(digest_path(folder))
    (folder / "a" / "empty").unlink()
    digests.add(digest_path(folder))
    assert len(digests) == 4


def test_a_name_that_is_no_text_has_a_digest_too() -> None:
    assert len(digest_folder({"\udcff": "0" * 64})) == 64


def test_what_cannot_be_read_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digest_file(tmp_path / "none")
