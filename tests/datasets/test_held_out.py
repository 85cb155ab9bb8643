from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_opml.case import Case
from pytest_opml.datasets.held_out import read_held_out, write_held_out
from pytest_opml.datasets.pixels import Images
from pytest_opml.datasets.splits import InputSet, Split
from pytest_opml.errors import StorageError
from tests.support import small
from tests.support.inputs import prepared


def everything(images: InputSet) -> Images:
    return images.take(range(len(images)))


@pytest.fixture(params=["array", "files", "memory-mapped"])
def data(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Split:
    case = {"model": small.NAME, "weights": "none", "size": 16}
    if request.param == "array":
        return prepared(Case(dataset="digits", **case))
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (30, 9, 7, 3), dtype=np.uint8)
    if request.param == "memory-mapped":
        np.save("pixels.npy", pixels)
        monkeypatch.setattr("tests.support.faults._images", lambda: np.load("pixels.npy", mmap_mode="r"))
        monkeypatch.setattr("tests.support.faults._labels", lambda: np.arange(30) % 2)
        return prepared(Case(dataset="tests.support.faults:fine", **case))
    for index, image in enumerate(pixels):
        folder = Path("images") / f"class{index % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index}\udcff.png")
    return prepared(Case(dataset="./images", **case))


@pytest.mark.tensorflow  # resizes images
def test_the_test_part_arrives_as_it_was(data: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    write_held_out(data, folder)
    pixels, digest = everything(data.x_test), data.x_test.digest()
    monkeypatch.chdir("/")  # the paths of files hold wherever the process is
    part = read_held_out(folder)
    assert np.array_equal(part.labels, data.y_test)
    assert (part.classes, part.inputs.specs, len(part.inputs)) == (data.classes, data.x_test.specs, len(data.x_test))
    assert np.array_equal(everything(part.inputs), pixels)
    assert part.inputs.digest() == digest


def test_nothing_of_the_training_part_travels(tmp_path: Path) -> None:
    data = prepared(Case(dataset="digits", model=small.NAME, weights="none", size=16))
    write_held_out(data, tmp_path)
    written = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert written < 1.2 * (8 * 8 * len(data.x_test) + 8 * len(data.y_test)) < len(pickle.dumps(data.x_train._sources))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    data = prepared(Case(dataset="digits", model=small.NAME, weights="none", size=16))
    with pytest.raises(StorageError, match=rf"^temporary files: {tmp_path}/none: .*No such file.*set TMPDIR"):
        write_held_out(data, tmp_path / "none")
