from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from pytest_opml.errors import StorageError
from pytest_opml.storage.locks import runtime_folder


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of this test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_the_folder_is_the_users_own(temporary: Path) -> None:
    folder = runtime_folder()
    assert folder.parent == temporary
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert runtime_folder() == folder


def test_a_folder_that_cannot_be_made_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/none")
    with pytest.raises(StorageError, match=r"^/proc/none/pytest-opml-\S+: cannot be made: .*; set TMPDIR to another "):
        runtime_folder()


def test_a_file_in_its_place_is_one_line() -> None:
    folder = runtime_folder()
    folder.rmdir()
    folder.touch()
    with pytest.raises(StorageError, match=r"^\S+: cannot be made: File exists; set TMPDIR to another folder$"):
        runtime_folder()


def test_no_temporary_folder_at_all_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/none"])
    with pytest.raises(StorageError, match=r"^no folder for temporary files: .*/proc/none.*; set TMPDIR to ") as caught:
        runtime_folder()
    assert "\n" not in str(caught.value)


def test_a_mode_that_lets_others_in_is_mended() -> None:
    runtime_folder().chmod(0o777)
    assert stat.S_IMODE(runtime_folder().stat().st_mode) == 0o700


def test_a_link_in_its_place_is_refused(temporary: Path) -> None:
    folder = runtime_folder()
    folder.rmdir()
    folder.symlink_to(temporary)
    with pytest.raises(StorageError, match=r"^\S+: is a link: have it removed, or set TMPDIR to a folder of your own$"):
        runtime_folder()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize("name", [".", "mlflow.lock"])
def test_what_another_user_has_put_there_is_refused(name: str) -> None:
    path = runtime_folder() / name
    path.touch()
    os.chown(path, 4711, 4711)
    with pytest.raises(StorageError, match=rf"^{path}: belongs to user 4711: have it removed, or set TMPDIR to a "):
        runtime_folder()
