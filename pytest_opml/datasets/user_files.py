"""A user's own data set, named by its path: a ``.npz`` file or a folder of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError
from ..storage.regular_files import IrregularFileError, check_entry
from ..tensors import Task
from .images import FORMATS
from .npz import read_arrays
from .raw import RawData
from .sources import read_text

_PARTS = ("train", "test")
_KEYS = ("classes", "task", *(f"{kind}_{part}" for kind in "xy" for part in _PARTS))
_NAMED = (*(f"x_{part}" for part in _PARTS), *(f"columns_{part}" for part in _PARTS))
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
    if path.exists():
        raise DatasetError(f"data set {path}: is neither a .npz file nor a folder of images")
    raise DatasetError(f"data set {path}: no such file or folder")


def load_npz(path: Path, classes: tuple[str, ...] | None = None) -> RawData:
    """Load the arrays ``x_train``, ``y_train`` and, if there is a test part, ``x_test``, ``y_test``; one part will do.

    ``x_train.NAME`` is an input of several, ``columns_train.NAME`` a fact of each example that figures are told apart
    by. ``classes`` may hold the names of the classes, ``task`` the task. For what arrays and labels may be, see
    ``RawData``.

    Args:
        path: of the file.
        classes: names, where the file has none; the labels themselves if None.

    Raises:
        DatasetError: the file is missing or damaged, or lacks an array; names the file and the array.
    """
    arrays = read_arrays(path, _is_known)
    names = _names(path, arrays["classes"]) if "classes" in arrays else classes or ()
    task = _task(path, arrays["task"]) if "task" in arrays else None
    train, test = (_part(path, arrays, part) for part in _PARTS)
    if train is None and test is None:
        present = ", ".join(arrays) or "nothing"
        raise DatasetError(f"{path}: x_train: is missing; the file has {present}")
    inputs, labels, columns = train or (None, None, {})
    test_inputs, test_labels, test_columns = test or (None, None, {})
    return RawData(inputs, labels, names, test_inputs, test_labels, task, columns, test_columns)


def _part(path: Path, arrays: dict[str, Any], part: str) -> tuple[Any, Any, dict[str, Any]] | None:
    """Inputs, labels and columns of a part; None where the file has none of its arrays."""
    x, y = f"x_{part}", f"y_{part}"
    several = _by_name(arrays, x)
    if x not in arrays and not several and y not in arrays:
        return None
    for lacking in (name for name, is_there in ((x, x in arrays or several), (y, y in arrays)) if not is_there):
        raise DatasetError(f"{path}: {lacking}: is missing; the file has {', '.join(arrays) or 'nothing'}")
    if x in arrays and several:
        raise DatasetError(f"{path}: {x}: stands beside {x}.{next(iter(several))}; an input needs a name, or is alone")
    return several or arrays[x], arrays[y], _by_name(arrays, f"columns_{part}")


def _by_name(arrays: dict[str, Any], key: str) -> dict[str, Any]:
    return {name.partition(".")[2]: array for name, array in arrays.items() if name.startswith(f"{key}.")}


def _is_known(key: str) -> bool:
    return key in _KEYS or key.partition(".")[0] in _NAMED


def _names(path: Path, names: npt.NDArray[Any]) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise DatasetError(f"{path}: classes: must be a one-dimensional array of text, not {names.dtype} {names.shape}")
    return tuple(str(read_text(f"{path}: classes", name)) for name in names)


def _task(path: Path, task: npt.NDArray[Any]) -> Task:
    tasks = get_args(Task)
    if task.size != 1 or str(task.reshape(-1)[0]) not in tasks:
        raise DatasetError(f"{path}: task: must be one of {', '.join(tasks)}, not {task}")
    return cast("Task", str(task.reshape(-1)[0]))


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
    _visible(path, path)  # whether the parts are folders themselves, and no links to others
    if not ((path / "train").is_dir() and (path / "test").is_dir()):
        alone = _classes(path, path)
        return RawData(alone.files, alone.labels, alone.classes)
    train, test = _classes(path / "train", path), _classes(path / "test", path)
    for here, there, lacking in ((train, test, "test"), (test, train, "train")):
        for name in here.classes:
            if name not in there.classes:
                raise DatasetError(f"{path / lacking}: class {name!r}: there is no such folder")
    return RawData(train.files, train.labels, train.classes, test.files, test.labels)


def _visible(folder: Path, whole: Path) -> list[Path]:
    """What lies in a folder of a data set, its links and files looked at but not opened."""
    try:
        entries = sorted(folder.iterdir())
        entries = [entry for entry in entries if entry.name[0] != "." and entry.name.lower() not in _LEFT_BEHIND]
        for entry in entries:
            check_entry(entry, whole)
    except IrregularFileError as error:
        raise DatasetError(f"{error.filename}: {error.strerror}") from error
    except OSError as error:
        raise DatasetError(f"{error.filename or folder}: cannot be read: {error.strerror}") from error
    return entries


def _classes(folder: Path, whole: Path) -> _ClassFolders:
    """The classes of a part.

    Args:
        folder: of the part.
        whole: of the data set, within which links lead.

    Raises:
        DatasetError: something else lies there than folders of images.
    """
    names: list[str] = []
    files: list[Path] = []
    labels: list[int] = []
    for entry in _visible(folder, whole):
        if not entry.is_dir():
            raise DatasetError(f"{entry}: lies beside the folders of the classes; only folders are expected there")
        inside = _visible(entry, whole)
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
