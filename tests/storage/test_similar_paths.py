from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml.storage.similar_paths import no_such, similar_paths


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("models/petnet.onnx", "models/petnet-v2.onnx", "models/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_names_that_differ_in_the_ending_come_first(folder: Path) -> None:
    assert similar_paths(Path("models/notes.keras")) == [Path("models/notes.txt")]
    near = [Path("models/petnet.onnx"), Path("models/petnet-v2.onnx")]
    assert similar_paths(Path("models/petnet.keras")) == near[:1]
    assert similar_paths(Path("models/petnet.onx")) == near


def test_of_a_folder_that_is_not_there_those_beside_it_are_offered(folder: Path) -> None:
    assert similar_paths(Path("model/deep/petnet.onnx")) == [Path("models")]
    assert similar_paths(folder / "other" / "deep" / "model.onnx") == []


def test_it_is_said_in_one_line() -> None:
    assert no_such(Path("models/note.txt")) == "no such file or folder; nearest: models/notes.txt"
    assert no_such(Path("/no/such/folder/x.onnx")) == "no such file or folder"
