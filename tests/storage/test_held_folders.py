from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml.storage import held_folders
from pytest_opml.storage.held_folders import LOCK, HeldFolder, abandoned, remove


def test_a_folder_is_abandoned_when_nobody_holds_it_any_more(tmp_path: Path) -> None:
    first, second = HeldFolder(tmp_path / "a" / "run"), HeldFolder(tmp_path / "a" / "run")
    assert list(abandoned(tmp_path / "a")) == []
    first.release()
    first.release()
    assert list(abandoned(tmp_path / "a")) == []
    second.release()
    assert list(abandoned(tmp_path / "a")) == [tmp_path / "a" / "run"]
    assert list(abandoned(tmp_path / "none")) == []


def test_only_one_process_works_with_an_abandoned_folder(tmp_path: Path) -> None:
    HeldFolder(tmp_path / "run").release()
    for folder in abandoned(tmp_path):
        assert list(abandoned(tmp_path)) == []
        remove(folder)
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_was_removing_is_removed_and_links_are_left(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    (top / ".run" / "inner").mkdir(parents=True)
    outside.mkdir()
    (top / "link").symlink_to(outside)
    assert list(abandoned(top)) == []
    assert [path.name for path in top.iterdir()] == ["link"]
    assert list(outside.iterdir()) == []


def test_a_folder_that_is_removed_before_it_is_held_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, folder = held_folders.fcntl.flock, tmp_path / "run"

    def remove_first(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(held_folders.fcntl, "flock", flock)
        remove(folder)
        flock(descriptor, operation)

    monkeypatch.setattr(held_folders.fcntl, "flock", remove_first)
    held = HeldFolder(folder)
    assert [path.name for path in folder.iterdir()] == [LOCK]
    assert list(abandoned(tmp_path)) == []
    held.remove()
    assert list(tmp_path.iterdir()) == []
