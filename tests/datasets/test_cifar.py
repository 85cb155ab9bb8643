from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.datasets.cifar import load_cifar10, load_cifar100
from pytest_opml.errors import DatasetError
from tests.support.inputs import prepared

NAMES = [b"airplane", b"automobile", b"bird"]
FILES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")
PER_BATCH = 6


def rows(seed: int, count: int = PER_BATCH) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)


def by_python2(pixels: np.ndarray, labels: list[int]) -> bytes:
    """The bytes that Python 2's cPickle and NumPy 1 write for such a batch, as in the published files."""

    def string(text: bytes) -> bytes:
        return b"U" + bytes([len(text)]) + text

    def number(value: int) -> bytes:
        return b"M" + struct.pack("<H", value)

    dtype = b"cnumpy\ndtype\nq\x09U\x02u1K\x00K\x01\x87Rq\x0a(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    content = pixels.tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x05cnumpy\nndarray\nq\x06K\x00\x85U\x01b\x87Rq\x07(K\x01"
        + (number(len(pixels)) + number(pixels.shape[1]) + b"\x86")
        + (dtype + b"\x89T" + struct.pack("<i", len(content)) + content + b"tb")
    )
    body = string(b"labels") + b"](" + b"".join(map(number, labels)) + b"e" + string(b"data") + array
    return b"\x80\x02}q\x01(" + body + b"u."


def by_python3(pixels: np.ndarray, labels: list[int]) -> bytes:
    return pickle.dumps({b"labels": labels, b"data": pixels}, protocol=2)


def write(folder: Path, dump: Callable[[np.ndarray, list[int]], bytes] = by_python2) -> Path:
    """A small CIFAR-10 of three classes in the published layout; returns its folder."""
    inside = folder / "cifar-10-batches-py"
    inside.mkdir()
    for seed, name in enumerate(FILES):
        (inside / name).write_bytes(dump(rows(seed), [0, 1, 2, 2, 1, 0]))
    meta = {b"num_cases_per_batch": PER_BATCH, b"label_names": NAMES, b"num_vis": 3072}
    (inside / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    return inside


@pytest.mark.parametrize("dump", [by_python2, by_python3])
def test_the_published_files_are_read(tmp_path: Path, dump: Callable[..., bytes]) -> None:
    write(tmp_path, dump)
    raw = load_cifar10(tmp_path)
    images, test_images = np.asarray(raw.inputs), np.asarray(raw.test_inputs)
    assert raw.classes == ("airplane", "automobile", "bird")
    assert (images.shape, images.dtype, test_images.shape) == ((30, 32, 32, 3), np.uint8, (6, 32, 32, 3))
    assert raw.labels.tolist() == [0, 1, 2, 2, 1, 0] * 5
    # A row is the red plane, then the green, then the blue, each line by line.
    assert images[7, 2, 31].tolist() == [rows(1)[1, plane * 1024 + 2 * 32 + 31] for plane in range(3)]
    assert test_images[5, 31, 31, 2] == rows(5)[5, 3071]


def test_cifar100_is_read_with_its_fine_labels(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for seed, name in enumerate(("train", "test")):
        body = {
            b"fine_labels": [1, 0, 1],
            b"coarse_labels": [0, 0, 0],
            b"data": rows(seed, 3),
            b"filenames": [b"a.png"],
        }
        (folder / name).write_bytes(pickle.dumps(body, protocol=2))
    meta = {b"fine_label_names": [b"apple", b"fish"], b"coarse_label_names": [b"food"]}
    (folder / "meta").write_bytes(pickle.dumps(meta, protocol=2))
    raw = load_cifar100(tmp_path)
    assert (raw.classes, raw.labels.tolist()) == (("apple", "fish"), [1, 0, 1])
    assert np.shape(raw.test_inputs) == (3, 32, 32, 3)


def test_a_case_names_it(tmp_path: Path, make_case: Callable[..., Case]) -> None:
    write(tmp_path)
    data = prepared(make_case(dataset="cifar10", size=8), tmp_path)
    assert (len(data.x_train), len(data.x_test), data.x_test.take([0]).shape) == (30, 6, (1, 8, 8, 3))


class Calls:
    """Pickles as a call of something that a batch has no use for."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> Any:
        return self._call


def batch(**changes: Any) -> bytes:
    fields = {b"labels": [0, 1, 2, 2, 1, 0], b"data": rows(0)} | {key.encode(): value for key, value in changes.items()}
    return pickle.dumps({key: value for key, value in fields.items() if value is not None}, protocol=2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "refused as a batch of images: "),
        (by_python2(rows(0), [0] * PER_BATCH)[:-9_000], "refused as a batch of images: "),
        (b"<html>no such page</html>", "refused as a batch of images: "),
        (pickle.dumps([1, 2], protocol=2), "it holds a list, not a dictionary"),
        (batch(extra=Calls(os.getenv, "HOME")), "it names os.getenv, which is not part of a batch of images"),
        (batch(extra=Calls(eval, "1")), "it names __builtin__.eval, which is not part of a batch of images"),
        (batch(extra=Calls(np.frombuffer, b"1")), "which is not part of a batch of images"),
        (pickle.dumps({b"data": rows(0)}, protocol=4), "an instruction (FRAME) that a batch of images does not need"),
        (b"\x80\x02}r\xff\xff\xff\x7f.", "it numbers more objects than a batch of images has"),
        (b"\x80\x02)" + b"\x85" * 2_000 + b".", "it has more tuples than a batch of images has"),
        (batch(data=rows(0).astype(np.uint16)), "an array of type 'u2', not of bytes (u1)"),
        (
            by_python2(rows(0), [0] * 6).replace(b"M\x00\x0c\x86", b"M\x00\x0d\x86"),
            "an array of shape (6, 3328) from 18432 b",
        ),
        (b"\x80\x02cnumpy\nndarray\n)R.", "refused as a batch of images: "),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n}b.", "it would change the reader"),
        (batch(data=None), "data: is missing; the file has labels"),
        (batch(labels=None), "labels: is missing; the file has data"),
        (batch(data=rows(0)[:, :3000]), "data: must be a uint8 array (n, 3072), not (6, 3000)"),
        (batch(data=b"bytes"), "data: must be a uint8 array (n, 3072), not bytes"),
        (batch(data=rows(0)[:5]), "data: 5 images; a batch has 6"),
        (batch(labels=[0, 1]), "labels: 2 labels for 6 images"),
        (batch(labels=[0, 1, 2, 3, 1, 0]), "labels: label 3 at index 3 is not in 0 to 2"),
        (batch(labels=[0, 1, 2, -1, 1, 0]), "labels: label -1 at index 3 is not in 0 to 2"),
        (batch(labels=b"012210"), "labels: must be a list of whole numbers"),
    ],
)
def test_a_faulty_batch_is_refused_by_file_and_field(tmp_path: Path, content: bytes, words: str) -> None:
    file = write(tmp_path) / "data_batch_3"
    file.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        load_cifar10(tmp_path)
    assert str(caught.value).startswith(f"{file}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_batch_calls_is_not_called(tmp_path: Path) -> None:
    file = write(tmp_path) / "batches.meta"
    file.write_bytes(pickle.dumps(Calls(os.mkdir, str(tmp_path / "made")), protocol=2))
    with pytest.raises(DatasetError, match=r"it names posix\.mkdir"):
        load_cifar10(tmp_path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("meta", "words"),
    [({}, "label_names: is missing; the file has nothing"), ({b"label_names": b"cat"}, "list of names")],
)
def test_a_meta_file_without_names_is_refused(tmp_path: Path, meta: dict[bytes, Any], words: str) -> None:
    file = write(tmp_path) / "batches.meta"
    file.write_bytes(pickle.dumps(meta, protocol=2))
    with pytest.raises(DatasetError, match=words) as caught:
        load_cifar10(tmp_path)
    assert str(caught.value).startswith(f"{file}: label_names: ")


def test_a_missing_batch_is_named(tmp_path: Path) -> None:
    file = write(tmp_path) / "test_batch"
    file.unlink()
    with pytest.raises(DatasetError) as caught:
        load_cifar10(tmp_path)
    assert str(caught.value) == f"{file}: cannot be read: No such file or directory"


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_without_the_folder_keras_provides_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pixels, labels = rows(0).reshape(-1, 32, 32, 3), np.array([[0], [1]] * 3, dtype=np.uint8)
    module = getattr(keras.datasets, name)
    monkeypatch.setattr(module, "load_data", lambda: ((pixels, labels), (pixels[:2], labels[:2])))
    raw = {"cifar10": load_cifar10, "cifar100": load_cifar100}[name](tmp_path)
    assert raw.labels.tolist() == [0, 1] * 3
    assert len(raw.classes) == int(name.removeprefix("cifar"))


@pytest.mark.parametrize("given", [True, False])
def test_a_failed_download_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bool) -> None:
    def fail() -> None:
        raise Exception("URL fetch failure on https://example.org: 404\nNot found")  # noqa: TRY002 - as Keras does

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", fail)
    with pytest.raises(DatasetError) as caught:
        load_cifar10(tmp_path if given else None)
    where = str(tmp_path) if given else "the folder that --opml-data-dir names"
    assert str(caught.value) == (
        "data set cifar10: Keras cannot provide it (URL fetch failure on https://example.org: 404); "
        f"put cifar-10-batches-py (unpacked from cifar-10-python.tar.gz) into {where}"
    )
