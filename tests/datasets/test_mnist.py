from __future__ import annotations

import gzip
import struct
from pathlib import Path

import keras
import numpy as np
import pytest

from pytest_opml.datasets.mnist import load_fashion_mnist, load_mnist
from pytest_opml.errors import DatasetError

LABELS = np.arange(20, dtype=np.uint8) % 10


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write(folder: Path, *, packed: bool) -> None:
    folder.mkdir()
    for part, count in (("train", 20), ("t10k", 10)):
        contents = {"images-idx3-ubyte": idx(pixels(count)), "labels-idx1-ubyte": idx(LABELS[:count])}
        for name, content in contents.items():
            file = folder / f"{part}-{name}{'.gz' if packed else ''}"
            file.write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("name", "load", "first"), [("mnist", load_mnist, "0"), ("fashion_mnist", load_fashion_mnist, "T-shirt/top")]
)
def test_the_published_files_are_read(tmp_path: Path, packed: bool, name: str, load: type, first: str) -> None:
    write(tmp_path / name, packed=packed)
    raw = load(tmp_path)
    assert np.array_equal(raw.inputs, pixels(20))
    assert np.array_equal(raw.test_inputs, pixels(10))
    assert (raw.labels.tolist(), raw.test_labels.tolist()) == (LABELS.tolist(), LABELS[:10].tolist())
    assert (len(raw.classes), raw.classes[0]) == (10, first)


def test_keras_own_archive_is_read(tmp_path: Path) -> None:
    arrays = {"x_train": pixels(20), "y_train": LABELS, "x_test": pixels(10), "y_test": LABELS[:10]}
    np.savez(tmp_path / "fashion_mnist.npz", **arrays)
    raw = load_fashion_mnist(tmp_path)
    assert np.array_equal(raw.test_inputs, pixels(10))
    assert raw.classes[-1] == "Ankle boot"


GOOD = idx(pixels(20))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "magic number: none, it should be 00000803"),
        (idx(LABELS), "magic number: 00000801, it should be 00000803"),
        (b"\0\0\x0d\x03" + GOOD[4:], "magic number: 00000d03, it should be 00000803"),
        (GOOD[:9], "header: ends after 9 bytes"),
        (GOOD[:-1], "content: 15679 bytes for a shape of (20, 28, 28), which has 15680"),
        (GOOD + b"\0", "content: more than 15680 bytes for a shape of (20, 28, 28), which has 15680"),
        (GOOD[:4] + b"\xff" * 12, "header: a shape of (4294967295, 4294967295, 4294967295) is more than any such file"),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_a_faulty_file_is_refused_by_name_and_field(tmp_path: Path, packed: bool, content: bytes, words: str) -> None:
    write(tmp_path / "mnist", packed=packed)
    file = tmp_path / "mnist" / f"train-images-idx3-ubyte{'.gz' if packed else ''}"
    file.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DatasetError) as caught:
        load_mnist(tmp_path)
    assert str(caught.value).startswith(f"{file}: {words}")


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(GOOD)[:-20], gzip.compress(GOOD)[:400] + bytes(50)])
def test_a_damaged_gzip_is_refused(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "mnist", packed=True)
    file = tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz"
    file.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        load_mnist(tmp_path)
    assert str(caught.value).startswith(f"{file}: cannot be read: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "words"),
    [(LABELS[:19], "19 labels for 20 images"), (LABELS + 1, "label 10 at index 9 is not in 0 to 9")],
)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, labels: np.ndarray, words: str) -> None:
    write(tmp_path / "mnist", packed=False)
    file = tmp_path / "mnist" / "train-labels-idx1-ubyte"
    file.write_bytes(idx(labels))
    with pytest.raises(DatasetError) as caught:
        load_mnist(tmp_path)
    assert str(caught.value) == f"{file}: {words}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "mnist", packed=False)
    file = tmp_path / "mnist" / "t10k-labels-idx1-ubyte"
    file.unlink()
    with pytest.raises(DatasetError, match="t10k-labels-idx1-ubyte: cannot be read: "):
        load_mnist(tmp_path)


def test_a_failed_download_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise Exception("URL fetch failure")  # noqa: TRY002 - as Keras does

    monkeypatch.setattr(keras.datasets.mnist, "load_data", fail)
    with pytest.raises(DatasetError, match=r"put mnist\.npz, or a folder mnist with the four IDX files .* into /"):
        load_mnist(tmp_path)
