from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from multiprocessing import process
from pathlib import Path
from typing import Any

import pytest

from pytest_opml.storage import work_folder as module
from pytest_opml.storage.held_folders import HeldFolder
from pytest_opml.storage.locks import runtime_folder
from pytest_opml.storage.work_folder import SOCKETS, place_sockets, shared_folder, use_for_temporary_files, work_folder


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, whose path is short, as that of a test is not."""
    folder = Path(tempfile.mkdtemp(prefix="o", dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What multiprocessing knows of this process."""
    settings: dict[str, Any] = process.current_process()._config  # type: ignore[attr-defined]
    before = dict(settings)
    settings.pop("tempdir", None)
    yield settings
    settings.clear()
    settings.update(before)


@pytest.mark.usefixtures("temporary")
def test_a_process_has_one_folder_and_removes_those_of_dead_ones() -> None:
    top = runtime_folder() / "work"
    dead, living = HeldFolder(top / "1-dead"), HeldFolder(shared_folder("living"))
    (dead.path / "file").write_text("left")
    dead.release()
    folder = work_folder()
    assert sorted(path.name for path in top.iterdir()) == sorted([folder.name, "living"])
    assert folder.name.startswith(f"{os.getpid()}-")
    assert work_folder() == folder
    module._remove(folder)
    assert work_folder() != folder  # who clears the temporary folder has taken it away
    living.release()


@pytest.mark.usefixtures("temporary")
def test_sockets_lie_in_the_folder(config: dict[str, Any]) -> None:
    place_sockets()
    assert config["tempdir"] == str(work_folder())
    place_sockets()
    assert list(work_folder().iterdir()) == [work_folder() / ".held"]


def test_sockets_have_a_short_path_that_is_removed_with_the_folder(
    temporary: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    long = temporary / ("x" * 60)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    place_sockets()
    sockets = Path(config["tempdir"])
    assert len(f"{sockets}/listener-12345678") < 108
    assert (work_folder() / SOCKETS).readlink() == sockets
    module._remove(work_folder())
    assert not sockets.exists()


def test_a_link_to_another_folder_is_not_followed(temporary: Path) -> None:
    outside = temporary / "outside"
    outside.mkdir()
    folder = temporary / "folder"
    folder.mkdir()
    (folder / SOCKETS).symlink_to(outside)
    module._remove(folder)
    assert outside.exists()
    assert not folder.exists()


def test_temporary_files_of_a_worker_go_where_its_session_says(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "before")
    use_for_temporary_files(temporary / "task")
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(temporary / "task")
