"""What is read is a file; a link within a folder leads nowhere by surprise."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pytest_opml.datasets.idx import read_idx
from pytest_opml.datasets.user_files import from_path
from pytest_opml.errors import DatasetError, ModelFileError
from pytest_opml.runtimes.loader import read_signature
from pytest_opml.storage.digests import copy_path, digest_path
from pytest_opml.storage.regular_files import IrregularFileError, open_regular, regular_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A SavedModel's folder in form, with a file outside it."""
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    (tmp_path / "secret").write_text("canary")
    return folder


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("../../secret", "is a link to ../../secret, outside the folder; put the file itself there"),
        ("..", "is a link to .., which is no file; links to folders are not followed"),
        ("x", "is a link to x, which leads nowhere"),
        ("/dev/zero", "is a link to /dev/zero, which is no file"),
    ],
)
def test_a_link_that_leads_elsewhere_is_refused_by_name(folder: Path, target: str, words: str) -> None:
    link = folder / "variables" / "x"
    link.symlink_to(target)
    with pytest.raises(IrregularFileError) as caught:
        regular_files(folder)
    assert (caught.value.filename, str(caught.value.strerror)[: len(words)]) == (str(link), words)
    with pytest.raises(ModelFileError) as refused:
        read_signature(folder)
    assert str(refused.value).startswith(f"{link}: {words}")
    with pytest.raises(OSError, match="is a link"):
        copy_path(folder, folder.parent / "copy")
    assert not list((folder.parent / "copy").rglob("x"))


def test_links_within_the_folder_and_into_stores_of_contents_are_followed(folder: Path) -> None:
    before = digest_path(folder)
    stores = {
        "blobs": "0" * 40,  # Hugging Face
        "files/md5/ab": "c" * 30,  # DVC
        ".git/annex/objects/KEY": f"SHA256E-s5--{'d' * 64}.index",
    }
    for place, name in stores.items():
        stored = folder.parent / place / name
        stored.parent.mkdir(parents=True)
        stored.write_bytes(b"index")
        index = folder / "variables" / "variables.index"
        index.unlink()
        index.symlink_to(stored)
        assert digest_path(folder) == before
    copy_path(folder, folder.parent / "copy")
    assert digest_path(folder.parent / "copy") == before
    assert not any(path.is_symlink() for path in (folder.parent / "copy").rglob("*"))
    (folder / "again").symlink_to("saved_model.pb")
    assert folder / "again" in regular_files(folder)


def test_a_user_s_own_link_to_the_folder_and_what_bazel_links_is_followed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "latest").symlink_to(folder)
    assert digest_path(tmp_path / "latest") == digest_path(folder)
    runfiles = tmp_path / "runfiles" / "model"
    runfiles.mkdir(parents=True)
    (runfiles / "saved_model.pb").symlink_to(folder / "saved_model.pb")
    with pytest.raises(IrregularFileError):
        regular_files(runfiles)
    monkeypatch.setenv("RUNFILES_DIR", str(tmp_path / "runfiles"))
    assert regular_files(runfiles) == [runfiles / "saved_model.pb"]


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe, place = tmp_path / "m.onnx", tmp_path / "m.tflite"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
    for path, words in ((pipe, "is a pipe, not a file"), (place, "is a socket, not a file")):
        with pytest.raises(IrregularFileError, match=words):
            open_regular(path)
        with pytest.raises(ModelFileError, match=f"{path}: {words}"):
            read_signature(path)
    with pytest.raises(IrregularFileError, match="is a device, not a file"):
        open_regular(Path("/dev/zero"))
    data = tmp_path / "rows.npz"
    data.symlink_to(pipe)
    with pytest.raises(DatasetError, match=r"rows.npz: cannot be read: is a pipe"):
        from_path(data)
    with pytest.raises(DatasetError, match=r"is a pipe"):
        read_idx(pipe, 1)


def test_a_pipe_or_link_in_a_data_folder_is_refused_by_name(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        (tmp_path / "pets" / name / "0.png").write_bytes(b"no image, and not opened yet")
    assert len(from_path(tmp_path / "pets").inputs) == 2
    (tmp_path / "others").mkdir()
    strange = tmp_path / "pets" / "lynx"
    strange.symlink_to(tmp_path / "others")
    with pytest.raises(DatasetError, match=r"pets/lynx: is a link to .*others, which is no file"):
        from_path(tmp_path / "pets")
    strange.unlink()
    os.mkfifo(tmp_path / "pets" / "cat" / "1.png")
    with pytest.raises(DatasetError, match=r"cat/1.png: is a pipe, not a file"):
        from_path(tmp_path / "pets")


def test_a_class_whose_folder_s_name_is_no_text_is_refused(tmp_path: Path) -> None:
    from pytest_opml.datasets.raw import checked

    for number, name in enumerate((b"caf\xe9", b"two\nlines")):
        folder = tmp_path / str(number) / os.fsdecode(name)
        folder.mkdir(parents=True)
        (folder / "0.png").touch()
        with pytest.raises(DatasetError, match=r"classes: '.*': is no plain text of one line"):
            checked("pets", from_path(folder.parent))
