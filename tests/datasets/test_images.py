"""Whether image files must be read to know that they are as they were."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_opml.case import Case
from pytest_opml.datasets import images as images_module
from pytest_opml.datasets.images import FileSource, as_float_planes, decoded
from pytest_opml.datasets.sources import ArraySource
from pytest_opml.errors import DatasetError
from pytest_opml.records.preprocess import Preprocess
from pytest_opml.runner.case_data import load_data
from pytest_opml.storage.cache import Cache
from pytest_opml.tensors import TensorSpec
from tests.support import small
from tests.support.inputs import image_set

ALL = np.arange(8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 9, 9, 3), dtype=np.uint8)
    for index, image in enumerate(pixels):
        place = tmp_path / "images" / str(index % 2)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{index}.bmp")
    return tmp_path / "images"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day after the files were written."""
    now = images_module.time.time_ns
    monkeypatch.setattr(images_module.time, "time_ns", lambda: now() + 86_400 * 10**9)


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.bmp"))


def rewrite_as_before(path: Path) -> None:
    """Other content of the same size, with the time of the old one."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize(
    "change", [rewrite_as_before, os.utime, lambda path: path.write_bytes(b""), lambda path: path.rename(f"{path}.bmp")]
)
def test_a_stamp_is_another_when_a_file_is(folder: Path, later: None, change: Callable[[Path], object]) -> None:
    before = FileSource(files(folder)).stamp(ALL)
    assert before is not None
    assert FileSource(files(folder)).stamp(ALL) == before
    assert FileSource(files(folder)).stamp(ALL[::-1]) != before
    change(files(folder)[3])
    assert FileSource(files(folder)).stamp(ALL) != before


def test_what_may_change_unseen_or_is_gone_has_no_stamp(folder: Path) -> None:
    assert FileSource(files(folder)).stamp(ALL) is None  # written just now
    assert FileSource([*files(folder)[:7], folder / "none.bmp"]).stamp(ALL) is None
    assert ArraySource(np.zeros((8, 2, 2, 3), dtype=np.uint8)).stamp(ALL) is None


def test_a_digest_is_worked_out_for_each_size_and_state_of_the_files(folder: Path, later: None) -> None:
    texts: list[str] = []

    def remember(text: str, work_out: Callable[[], str]) -> str:
        texts.append(text)
        return work_out()

    for size in (9, 10):
        images = image_set(files(folder), size)
        assert images.digest(remember) == images.digest()
    assert len(set(texts)) == 2


def test_files_that_have_not_changed_are_not_read_again(
    folder: Path, tmp_path: Path, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(dataset=str(folder), model=small.NAME, weights="none", size=16)
    first = load_data(case, None, Cache(tmp_path / "cache"))
    assert first.fingerprint == load_data(case, None).fingerprint
    with monkeypatch.context() as patched:
        patched.delattr(FileSource, "feed")
        assert load_data(case, None, Cache(tmp_path / "cache")).fingerprint == first.fingerprint
    rewrite_as_before(files(folder)[0])
    after = load_data(case, None, Cache(tmp_path / "cache"))
    assert after.fingerprint == load_data(case, None).fingerprint != first.fingerprint


def test_a_png_whose_pixels_are_not_those_of_its_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(path, compress_level=0)
    content = bytearray(path.read_bytes())
    content[200] ^= 1  # within the pixels, which are stored as they are
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"cat.png: cannot be read as an image: "):
        decoded(path)


def test_only_images_of_8_bits_become_planes_of_floats() -> None:
    images, rows = TensorSpec("photo", (6, 8, 3), "uint8"), TensorSpec("", (4,), "uint8")
    assert as_float_planes(images) == TensorSpec("photo", (3, 6, 8), "float32")
    assert as_float_planes(images, Preprocess(channels="grey")).shape == (1, 6, 8)
    assert as_float_planes(rows) == rows
    floats = images._replace(dtype="float32")
    assert as_float_planes(floats) == floats
