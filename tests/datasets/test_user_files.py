from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_opml.case import Case
from pytest_opml.datasets.user_files import from_path, load_folder, load_npz
from pytest_opml.errors import DatasetError
from tests.support.inputs import prepared

MakeCase = Callable[..., Case]
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 9, 7, 3), dtype=np.uint8)
LABELS = np.arange(12) % 2


def npz(path: Path, **changes: Any) -> Path:
    arrays = {"x_train": PIXELS, "y_train": LABELS, "x_test": PIXELS[:4], "y_test": LABELS[:4]} | changes
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    return path


def folder(path: Path, counts: dict[str, int]) -> Path:
    """A folder of PNG files for each name, each of an image's own size."""
    for name, count in counts.items():
        (path / name).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(PIXELS[index, : 8 + index % 2]).save(path / name / f"{index:02}.png")
    return path


def refused(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        from_path(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_npz_is_read_and_a_case_can_name_it(tmp_path: Path, make_case: MakeCase) -> None:
    path = npz(tmp_path / "pets.npz", y_train=LABELS[:, None].astype(np.uint8), classes=np.array(["cat", "dog"]))
    data = prepared(make_case(dataset=str(path), size=9))
    assert (len(data.x_train), len(data.x_test), data.classes) == (12, 4, ("cat", "dog"))
    assert data.y_train.tolist() == LABELS.tolist()


def test_an_npz_needs_neither_names_nor_a_test_part(tmp_path: Path, make_case: MakeCase) -> None:
    path = npz(tmp_path / "pets.npz", x_test=None, y_test=None)
    assert load_npz(path).test_inputs is None
    data = prepared(make_case(dataset=str(path), size=8))
    assert (len(data.x_train), len(data.x_test), data.classes) == (8, 4, ("0", "1"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x_train": None}, "x_train: is missing; the file has y_train, x_test, y_test"),
        ({"y_train": None}, "y_train: is missing; the file has x_train, x_test, y_test"),
        ({"y_test": None}, "y_test: is missing; the file has x_train, y_train, x_test"),
        ({"x_test": None}, "x_test: is missing; the file has x_train, y_train, y_test"),
        ({"task": np.array("ranking")}, "task: must be one of classification, multilabel, regression, not ranking"),
        ({"x_train.left": PIXELS}, "x_train: stands beside x_train.left; an input needs a name, or is alone"),
        ({"classes": np.array([1, 2])}, "classes: must be a one-dimensional array of text, not int64 (2,)"),
        ({"y_train": LABELS.astype(object)}, "y_train: holds Python objects, as pickles that can run any code; save"),
    ],
)
def test_a_faulty_npz_is_refused_by_file_and_array(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = npz(tmp_path / "pets.npz", **changes)
    assert refused(path).startswith(f"{path}: {words}")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x_train": PIXELS / 255}, "inputs: are float32 (n, 9, 7, 3) in train and uint8 (n, 16, 16, 3) in test"),
        ({"x_test": PIXELS[:4, :, :, :2]}, "images have 2 channels, tests.support.small:build takes 3"),
        ({"x_test": PIXELS[:3]}, "test labels: 4 labels for 3 examples"),
        ({"y_train": np.array(3)}, "train labels: must be whole numbers or text (n,), "),
        ({"y_train": np.full(12, 2**64 - 1, dtype=np.uint64)}, "train labels: 18446744073709551615 among 16 examples"),
        (
            {"y_test": LABELS[:4] / 2},
            "test labels: must be of one kind in all parts, they are int64 (12,) and",
        ),
        ({"y_train": LABELS - 1}, "train labels: label -1 at index 0 is below 0"),
        ({"y_train": LABELS + 10**12}, "train labels: 1000000000001 among 16 examples; they must count from 0"),
        ({"classes": np.array(["cat", "dog", "eel"])}, "train labels: no example of class 'eel' (label 2)"),
        (
            {"y_test": LABELS[:4] * 2, "classes": np.array(["cat", "dog"])},
            "test labels: label 2 at index 1 is not in 0 to 1",
        ),
        ({"y_train": LABELS * 2, "y_test": LABELS[:4] * 2}, "train labels: no example of class '1' (label 1)"),
        ({"y_train": np.arange(12) % 3}, "test labels: no example of class '2' (label 2)"),
        ({"y_test": np.arange(4) % 3}, "train labels: no example of class '2' (label 2)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_field(
    tmp_path: Path, make_case: MakeCase, changes: dict[str, Any], words: str
) -> None:
    changes = {"y_test": np.arange(4) % 3} | changes if "eel" in words else changes
    path = npz(tmp_path / "pets.npz", **changes)
    with pytest.raises(DatasetError) as caught:
        prepared(make_case(dataset=str(path)))
    assert str(caught.value).startswith(f"data set {path}: {words}")


@pytest.mark.parametrize("kind", ["int8", "uint8", "uint16", "uint32", "uint64", "bool"])
def test_labels_may_be_whole_numbers_of_any_type(tmp_path: Path, make_case: MakeCase, kind: str) -> None:
    labels = LABELS.astype(kind)
    data = prepared(make_case(dataset=str(npz(tmp_path / "pets.npz", y_train=labels, y_test=labels[:4]))))
    assert data.classes == ("0", "1")
    assert (data.y_train.dtype, data.y_train.tolist()) == (np.int64, LABELS.tolist())


def test_one_hot_and_text_labels_are_classes(tmp_path: Path, make_case: MakeCase) -> None:
    one_hot = np.eye(2, dtype=np.float32)[LABELS]
    data = prepared(make_case(dataset=str(npz(tmp_path / "a.npz", y_train=one_hot, y_test=one_hot[:4]))))
    assert (data.classes, data.y_train.tolist(), data.task) == (("0", "1"), LABELS.tolist(), "classification")
    texts = np.array(["dog", "cat"])[LABELS]
    data = prepared(make_case(dataset=str(npz(tmp_path / "b.npz", y_train=texts, y_test=texts[:4]))))
    assert (data.classes, data.y_train.tolist()) == (("cat", "dog"), (1 - LABELS).tolist())


def test_an_npz_may_have_several_inputs_columns_and_a_task(tmp_path: Path) -> None:
    both = {"x_train.left": PIXELS, "x_train.right": np.zeros((12, 3)), "x_train": None, "x_test": None, "y_test": None}
    site = np.array(["north", "south"])[LABELS]
    raw = load_npz(npz(tmp_path / "a.npz", **both, **{"columns_train.site": site, "task": np.array("classification")}))
    assert list(raw.inputs) == ["left", "right"]
    assert (raw.task, raw.columns["site"].tolist()) == ("classification", site.tolist())


def test_an_npz_may_have_a_test_part_only_which_nothing_is_trained_on(tmp_path: Path, make_case: MakeCase) -> None:
    path = str(npz(tmp_path / "pets.npz", x_train=None, y_train=None))
    data = prepared(make_case(dataset=path, model="random", unfreeze=0, size=8))
    assert (len(data.x_train), len(data.x_test)) == (0, 4)
    with pytest.raises(DatasetError, match=r"the data set has no training part, which .* needs"):
        prepared(make_case(dataset=path, size=8))


def test_a_damaged_npz_is_refused(tmp_path: Path) -> None:
    path = npz(tmp_path / "pets.npz")
    content = path.read_bytes()
    single = tmp_path / "single"
    np.save(single, PIXELS)
    wrong = bytearray(content)
    wrong[300] ^= 1  # a pixel, which the archive's checksum guards
    faults = {
        "cannot be read: it is empty": b"",
        "cannot be read: ": content[: len(content) // 2],
        "cannot be read: it is no .npz file, or not a whole one": b"PK\x03\x04 but no more",
        "is a single array": single.with_suffix(".npy").read_bytes(),
        "x_train: cannot be read: Bad CRC-32": bytes(wrong),
        "cannot be read: it is no .npz file": pickle.dumps(1),
    }
    for words, fault in faults.items():
        path.write_bytes(fault)
        assert refused(path).startswith(f"{path}: {words}")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", b"no array")
        archive.writestr("y_train.npy", b"no array")
    assert refused(path).startswith(f"{path}: x_train: is no array")
    path.unlink()
    assert "No such file" in refused(path)


@pytest.mark.tensorflow
def test_a_folder_of_classes_is_divided(tmp_path: Path, make_case: MakeCase) -> None:
    folder(tmp_path / "pets", {"dog": 6, "cat": 9})
    (tmp_path / "pets" / "cat" / ".DS_Store").write_bytes(b"")
    (tmp_path / "pets" / "Thumbs.db").write_bytes(b"")
    data = prepared(make_case(dataset=str(tmp_path / "pets"), size=8))
    assert (data.classes, len(data.x_train), len(data.x_test)) == (("cat", "dog"), 10, 5)
    assert data.x_train.take(range(10)).shape == (10, 8, 8, 3)
    assert np.bincount(data.y_test).tolist() == [3, 2]


def test_train_and_test_folders_are_kept(tmp_path: Path, make_case: MakeCase) -> None:
    folder(tmp_path / "train", {"cat": 3, "dog": 4})
    folder(tmp_path / "test", {"cat": 2, "dog": 1})
    data = prepared(make_case(dataset=f"{tmp_path}/", size=8))
    assert (data.y_train.tolist(), data.y_test.tolist()) == ([0, 0, 0, 1, 1, 1, 1], [0, 0, 1])
    anew = prepared(make_case(dataset=f"{tmp_path}/", size=8, split="50-50"))
    assert (len(anew.x_train), len(anew.x_test)) == (5, 5)


def test_folders_that_cannot_be_classified_are_refused(tmp_path: Path) -> None:
    folder(tmp_path / "train", {"cat": 1, "dog": 1})
    folder(tmp_path / "test", {"cat": 1})
    assert refused(tmp_path) == f"{tmp_path}/test: class 'dog': there is no such folder"
    folder(tmp_path / "test", {"dog": 1, "eel": 1})
    assert refused(tmp_path) == f"{tmp_path}/train: class 'eel': there is no such folder"
    (tmp_path / "train" / "dog" / "00.png").unlink()
    assert refused(tmp_path) == f"{tmp_path}/train/dog: class 'dog': has no images"
    (tmp_path / "train" / "dog" / "dog.heic").write_bytes(b"")
    assert refused(tmp_path).startswith(f"{tmp_path}/train/dog/dog.heic: is no image file (.jpg, ")
    (tmp_path / "train" / "labels.csv").write_text("")
    assert refused(tmp_path / "train").startswith(f"{tmp_path}/train/dog/dog.heic: is no image file")
    (tmp_path / "train" / "dog" / "dog.heic").rename(tmp_path / "train" / "dog" / "dog.GIF")
    assert refused(tmp_path / "train").startswith(f"{tmp_path}/train/labels.csv: lies beside the folders")
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty") == f"{tmp_path}/empty: has no folders of classes"
    assert "no such file or folder" in refused(tmp_path / "nothing")


@pytest.mark.tensorflow
def test_an_unreadable_image_is_named(tmp_path: Path, make_case: MakeCase) -> None:
    folder(tmp_path, {"cat": 3, "dog": 3})
    (tmp_path / "dog" / "01.png").write_bytes(b"no image")
    data = prepared(make_case(dataset=f"{tmp_path}/", size=8))
    with pytest.raises(DatasetError, match=r"/dog/01\.png: cannot be read as an image: cannot identify"):
        list(chain(data.x_train.batches(4), data.x_test.batches(4)))


def test_a_folders_fingerprint_follows_its_files(tmp_path: Path, make_case: MakeCase) -> None:
    case = make_case(dataset=str(folder(tmp_path / "pets", {"cat": 6, "dog": 6})), size=8)
    before = prepared(case).fingerprint
    assert prepared(case).fingerprint == before
    Image.fromarray(PIXELS[11]).save(tmp_path / "pets" / "dog" / "03.png")
    assert prepared(case).fingerprint != before


def test_a_folder_is_a_list_of_files_until_an_image_is_taken(tmp_path: Path) -> None:
    raw = load_folder(folder(tmp_path, {"cat": 1, "dog": 2}))
    assert raw.inputs == [tmp_path / "cat" / "00.png", tmp_path / "dog" / "00.png", tmp_path / "dog" / "01.png"]
    assert raw.labels.tolist() == [0, 1, 1]
