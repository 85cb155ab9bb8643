from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from pytest_opml.errors import StorageError
from pytest_opml.storage import lock_folder
from pytest_opml.storage.lock_folder import open_lock_folder

OTHER = 4711
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the folder is made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(lock_folder, "_PAUSE_S", 0.0)
    return tmp_path / "pytest-opml-locks"


def test_it_is_open_to_all_and_each_removes_only_what_is_theirs(place: Path) -> None:
    for _ in range(2):
        with open_lock_folder() as folder:
            assert folder.path == place
            assert stat.S_IMODE(place.stat().st_mode) == 0o1777
        place.chmod(0o755)


def test_a_link_in_its_place_is_refused(place: Path, tmp_path: Path) -> None:
    place.symlink_to(tmp_path)
    with (
        pytest.raises(StorageError, match=rf"^{place}: is a link: have it removed, or set TMPDIR "),
        open_lock_folder(),
    ):
        pass


def test_a_file_in_its_place_is_one_line(place: Path) -> None:
    place.touch()
    with pytest.raises(StorageError, match=rf"^{place}: cannot be used: File exists; set TMPDIR "), open_lock_folder():
        pass


@as_root
def test_one_that_its_owner_has_not_opened_is_refused(place: Path) -> None:
    place.mkdir(mode=0o755)
    os.chown(place, OTHER, OTHER)
    refusal = rf"^{place}: belongs to user {OTHER} and is not open to all .mode 1777."
    with pytest.raises(StorageError, match=refusal), open_lock_folder():
        pass
    place.chmod(0o1777)
    with open_lock_folder() as folder:
        assert folder.names() == []


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_is_refused_and_not_waited_for(kind: str, place: Path, tmp_path: Path) -> None:
    target = tmp_path / "of the user"
    with open_lock_folder() as folder:
        if kind == "link":
            (place / "cpu.lock").symlink_to(target)
        elif kind == "pipe":
            os.mkfifo(place / "cpu.lock")
        else:
            (place / "cpu.lock").mkdir()
        with pytest.raises(StorageError, match=r"cpu\.lock: (is no file|cannot be opened: .*): have it removed by its"):
            folder.open_lock("cpu.lock")
    assert not target.exists()


def test_a_file_is_made_once_and_never_written_again(place: Path) -> None:
    with open_lock_folder() as folder:
        os.close(folder.make("file", "text"))
        with pytest.raises(FileExistsError):
            folder.make("file", "other text")
        assert folder.read("file") == "text"
        assert folder.owner("file") == os.geteuid()
        os.close(folder.open_lock("file"))
        folder.rename("file", "another")
        assert folder.names() == ["another"]
        folder.remove("another")
        folder.remove("another")
        assert list(place.iterdir()) == []


@as_root
def test_another_user_shares_a_lock_and_cannot_remove_its_file(place: Path) -> None:
    with open_lock_folder() as folder:
        os.close(folder.open_lock("cpu.lock"))
        place.parent.chmod(0o755)
        os.seteuid(OTHER)
        try:
            os.close(folder.open_lock("cpu.lock"))
            folder.remove("cpu.lock")
            assert folder.names() == ["cpu.lock"]
            os.close(folder.make("of the other"))
        finally:
            os.seteuid(0)
