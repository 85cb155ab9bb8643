"""A user's own data set, named by its path: a ``.npz`` file or a folder of images."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError, one_line
from .raw import RawData
from .sources import FORMATS

_TRAIN, _TEST = ("x_train", "y_train"), ("x_test", "y_test")
# What operating systems leave in folders; no image is lost by passing it over.
_LEFT_BEHIND = ("desktop.ini", "thumbs.db")


def from_path(path: Path) -> RawData:
    """Load what lies at a path: a ``.npz`` file, or a folder of images.

    Raises:
        DatasetError: it is neither, or cannot be used; names the file and the field.
    """
    path = path.expanduser()
    if path.suffix == ".npz":
        return load_npz(path)
    if path.is_dir():
        return load_folder(path)
    raise DatasetError(f"data set {path}: there is no such folder, and its name does not end in .npz")


def load_npz(path: Path, classes: tuple[str, ...] | None = None) -> RawData:
    """Load the arrays ``x_train``, ``y_train`` and, if there is a test part, ``x_test``, ``y_test``.

    Images are uint8 (n, height, width[, 1 or 3]), labels whole numbers (n,) or (n, 1); ``classes`` may hold the names.

    Args:
        path: of the file.
        classes: names, where the file has none; the labels themselves if None.

    Raises:
        DatasetError: the file is missing or damaged, lacks an array, or labels are malformed; names the file and array.
    """
    arrays = _arrays(path)
    y_train = _labels(path, "y_train", arrays)
    y_test = _labels(path, "y_test", arrays) if "y_test" in arrays else None
    names = _names(path, arrays["classes"]) if "classes" in arrays else classes
    if names is None:
        given = y_train if y_test is None else np.concatenate([y_train, y_test])
        if given.size and given.max() >= given.size:  # some class would have no image, and there may be billions
            raise DatasetError(f"{path}: labels: {given.max()} among {given.size} images; they must count from 0")
        names = tuple(str(label) for label in range(int(given.max(initial=-1)) + 1))
    return RawData(arrays["x_train"], y_train, names, arrays.get("x_test"), y_test)


def _arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    key = ""
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise DatasetError(f"{path}: is a single array, not a .npz file of several")
        with archive:
            needed = _TRAIN + (_TEST if set(_TEST) & set(archive.files) else ())
            for lacking in (name for name in needed if name not in archive.files):
                present = ", ".join(archive.files) or "nothing"
                raise DatasetError(f"{path}: {lacking}: is missing; the file has {present}")
            arrays = {}
            for key in (*needed, *({"classes"} & set(archive.files))):
                arrays[key] = archive[key]
                if not isinstance(arrays[key], np.ndarray):  # a member of another kind is handed out as bytes
                    raise DatasetError(f"{path}: {key}: is no array")
            return arrays
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(f"{path}: {f'{key}: ' if key else ''}cannot be read: {one_line(error)}") from error


def _labels(path: Path, key: str, arrays: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    labels = arrays[key]
    if labels.ndim not in (1, 2) or labels.size != len(labels) or not np.issubdtype(labels.dtype, np.integer):
        form = f"{labels.dtype} {labels.shape}"
        raise DatasetError(f"{path}: {key}: must be whole numbers of shape (n,) or (n, 1), not {form}")
    if labels.size and labels.min() < 0:
        raise DatasetError(f"{path}: {key}: label {labels.min()} at index {labels.argmin()} is below 0")
    return labels.reshape(-1)


def _names(path: Path, names: npt.NDArray[Any]) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DatasetError(f"{path}: classes: must be a one-dimensional array of text, not {names.dtype} {names.shape}")
    return tuple(str(name) for name in names)


class _ClassFolders(NamedTuple):
    """The folders of a part: names of the classes, files, and the label (n,) of each file."""

    classes: tuple[str, ...]
    files: list[Path]
    labels: npt.NDArray[Any]


def load_folder(path: Path) -> RawData:
    """Load images in one folder for each class, below ``train`` and ``test`` if both are there, else directly.

    The files are opened when their images are asked for.

    Raises:
        DatasetError: a class has no images or is in one part only, or something else lies there; names it.
    """
    if not ((path / "train").is_dir() and (path / "test").is_dir()):
        whole = _classes(path)
        return RawData(whole.files, whole.labels, whole.classes)
    train, test = _classes(path / "train"), _classes(path / "test")
    for here, there, lacking in ((train, test, "test"), (test, train, "train")):
        for name in here.classes:
            if name not in there.classes:
                raise DatasetError(f"{path / lacking}: class {name!r}: there is no such folder")
    return RawData(train.files, train.labels, train.classes, test.files, test.labels)


def _visible(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read: {error.strerror}") from error
    return [entry for entry in entries if entry.name[0] != "." and entry.name.lower() not in _LEFT_BEHIND]


def _classes(folder: Path) -> _ClassFolders:
    names: list[str] = []
    files: list[Path] = []
    labels: list[int] = []
    for entry in _visible(folder):
        if not entry.is_dir():
            raise DatasetError(f"{entry}: lies beside the folders of the classes; only folders are expected there")
        inside = _visible(entry)
        for file in inside:
            if file.suffix.lower() not in FORMATS or not file.is_file():
                kinds = ", ".join(FORMATS)
                raise DatasetError(f"{file}: is no image file ({kinds}), which is all that a class's folder holds")
        if not inside:
            raise DatasetError(f"{entry}: class {entry.name!r}: has no images")
        labels += [len(names)] * len(inside)
        names.append(entry.name)
        files += inside
    if not names:
        raise DatasetError(f"{folder}: has no folders of classes")
    return _ClassFolders(tuple(names), files, np.array(labels, dtype=np.int64))
