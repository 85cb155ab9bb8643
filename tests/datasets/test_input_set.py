from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_opml.datasets import input_set
from pytest_opml.errors import DatasetError
from tests.support.inputs import image_set

pytestmark = pytest.mark.tensorflow  # whose resized images are the right ones
PIXELS = np.random.default_rng(0).integers(0, 256, (25, 12, 10, 3), dtype=np.uint8)


@pytest.fixture(params=["kept", "on the fly"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_set, "MEMORY_BYTES", 2**28 if request.param == "kept" else 0)


def as_files(folder: Path, suffix: str = ".png") -> list[Path]:
    files = [folder / f"{index}{suffix}" for index in range(len(PIXELS))]
    for file, pixels in zip(files, PIXELS, strict=True):
        Image.fromarray(pixels).save(file)
    return files


def expected(size: int) -> np.ndarray:
    """As TensorFlow resizes them; a grey level that lies between two may become the other one."""
    import tensorflow as tf

    return np.clip(np.rint(tf.image.resize(PIXELS, (size, size), antialias=True)), 0, 255).astype(np.uint8)


def same(images: np.ndarray, others: np.ndarray) -> bool:
    apart = np.abs(images.astype(int) - others)
    return images.shape == others.shape and apart.max(initial=0) <= 1 and float((apart > 0).mean()) < 0.03


@pytest.mark.parametrize("size", [5, 10, 17])
@pytest.mark.usefixtures("either_way")
def test_images_are_resized_with_antialiasing_and_taken_by_number(size: int) -> None:
    images = image_set(PIXELS, size)
    chosen = images.take([3, 24, 3])
    assert chosen.dtype == np.uint8
    assert same(chosen, expected(size)[[3, 24, 3]])
    assert images.take([]).shape == (0, size, size, 3)


@pytest.mark.usefixtures("either_way")
def test_a_set_is_those_images_that_its_indices_name() -> None:
    images = image_set(PIXELS, 8, [7, 2, 9])
    assert len(images) == 3
    assert same(images.take([2, 0]), expected(8)[[9, 7]])
    assert same(np.concatenate(list(images.batches(2))), expected(8)[[7, 2, 9]])


@pytest.mark.usefixtures("either_way")
def test_a_subset_is_a_set_of_its_own() -> None:
    whole = image_set(PIXELS, 16)
    part = whole.subset([5, 2, 9])
    assert len(part) == 3
    assert np.array_equal(part.take([0, 2]), whole.take([5, 9]))
    assert part.digest() == image_set(PIXELS, 16, [5, 2, 9]).digest()


def test_batches_come_in_order_and_the_last_is_shorter() -> None:
    batches = list(image_set(PIXELS, 8).batches(10))
    assert [len(batch) for batch in batches] == [10, 10, 5]
    assert same(np.concatenate(batches), expected(8))


@pytest.mark.usefixtures("either_way")
def test_files_give_the_images_that_an_array_gives(tmp_path: Path) -> None:
    images = image_set(as_files(tmp_path), 8, [4, 1])
    assert same(images.take([0, 1]), expected(8)[[4, 1]])


def test_a_dataset_shuffles_anew_in_each_pass_and_keeps_labels_with_images() -> None:
    labels = np.arange(25)
    data = image_set(PIXELS, 8).dataset(batch=10, labels=labels, shuffle_seed=1)
    orders = []
    for _ in range(2):
        parts = list(data.as_numpy_iterator())
        orders.append(np.concatenate([part_labels for _, part_labels in parts]))
        assert same(np.concatenate([part for part, _ in parts]), expected(8)[orders[-1]])
        assert sorted(orders[-1]) == list(labels)
    assert not np.array_equal(orders[0], orders[1])
    again = image_set(PIXELS, 8).dataset(batch=10, labels=labels, shuffle_seed=1).as_numpy_iterator()
    assert np.array_equal(np.concatenate([part_labels for _, part_labels in again]), orders[0])


def test_a_dataset_without_a_seed_keeps_the_order_and_knows_its_length() -> None:
    data = image_set(PIXELS, 8).dataset(batch=10)
    assert int(data.cardinality()) == 3
    assert same(np.concatenate(list(data.as_numpy_iterator())), expected(8))


def test_the_digest_follows_content_order_and_size(tmp_path: Path) -> None:
    changed = PIXELS.copy()
    changed[24, 11, 9, 2] ^= 1
    digest = image_set(PIXELS, 8).digest()
    assert digest == image_set(PIXELS.copy(), 8).digest()
    others = [
        image_set(changed, 8),
        image_set(PIXELS, 9),
        image_set(PIXELS, 8, range(24)),
        image_set(PIXELS, 8, [1, 0, *range(2, 25)]),
        image_set(as_files(tmp_path), 8),
    ]
    assert len({digest, *(other.digest() for other in others)}) == 6


def test_the_digest_of_files_is_that_of_their_content(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    files, others = as_files(first), as_files(second)
    assert image_set(files, 8).digest() == image_set(others, 8).digest()
    Image.fromarray(PIXELS[0]).save(others[3])
    assert image_set(files, 8).digest() != image_set(others, 8).digest()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".gif"])
def test_every_kind_of_eight_bit_image_is_read(tmp_path: Path, mode: str, suffix: str) -> None:
    image = Image.fromarray(PIXELS[0]).convert(mode)
    try:
        image.save(tmp_path / f"image{suffix}")
    except (OSError, ValueError):
        return  # the format has no such images
    assert image_set([tmp_path / f"image{suffix}"], 8).take([0]).shape == (1, 8, 8, 3)


def test_of_an_animation_the_first_frame_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    assert image_set([tmp_path / "two.gif"], 8).take([0])[0, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".gif"])
@pytest.mark.parametrize("fault", ["empty", "text", "truncated", "missing"])
def test_an_unreadable_image_is_named(tmp_path: Path, suffix: str, fault: str) -> None:
    files = as_files(tmp_path, suffix)
    content = files[7].read_bytes()
    if fault == "missing":
        files[7].unlink()
    else:
        files[7].write_bytes({"empty": b"", "text": b"no image", "truncated": content[: len(content) * 2 // 3]}[fault])
    with pytest.raises(DatasetError) as caught:
        list(image_set(files, 8).batches(10))
    assert str(caught.value).startswith(f"{files[7]}: cannot be read as an image: ")
    assert "\n" not in str(caught.value)


def test_more_than_eight_bits_are_refused(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[0, :, :, 0].astype(np.uint16) * 256).save(tmp_path / "deep.png")
    with pytest.raises(DatasetError, match=r"deep\.png: its pixels are I;16; 8 bits a channel are needed"):
        image_set([tmp_path / "deep.png"], 8).take([0])


def test_a_dataset_keeps_why_an_image_could_not_be_read(tmp_path: Path) -> None:
    import tensorflow as tf

    files = as_files(tmp_path)
    files[7].write_bytes(b"")
    images = image_set(files, 8)
    with pytest.raises(tf.errors.OpError):
        list(images.dataset(batch=10))
    assert str(images.failure).startswith(f"{files[7]}: ")


_STREAM = """
import sys, tracemalloc
import numpy as np
from pytest_opml.datasets import input_set
from pytest_opml.datasets.input_set import InputSet
from tests.support.inputs import image_set
from pytest_opml.measure.memory import peak_bytes, reset_peak

input_set.MEMORY_BYTES = 0  # so that a set need not be large to be too large
pixels = np.random.default_rng(0).integers(0, 256, (1_200, 8, 8, 1), dtype=np.uint8)
images = image_set(pixels, 128, np.arange(1_200)[::-1])
sum(len(batch) for batch in images.dataset(batch=64).take(5))
held = reset_peak()
tracemalloc.start()
seen = sum(len(batch) for batch in images.batches(64))
seen += sum(len(batch) for batch in images.dataset(batch=64, shuffle_seed=0).as_numpy_iterator())
seen += len(images.take(range(0, 1_200, 60)))
print(seen, images.nbytes, tracemalloc.get_traced_memory()[1], peak_bytes() - held)
"""


def test_memory_does_not_grow_with_the_set() -> None:
    done = subprocess.run([sys.executable, "-c", _STREAM], capture_output=True, text=True, check=True)
    seen, all_bytes, allocated, resident = (int(number) for number in done.stdout.split())
    assert seen == 2_420
    assert all_bytes > 58e6
    assert allocated < 20e6
    assert resident < 40e6
