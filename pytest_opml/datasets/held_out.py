"""The test part of a case's data, on its way from the process that loaded the data to the one that measures.

Arrays are written to files as they were loaded, before images are resized, and opened memory-mapped. Image files stay
where they are, and only their paths travel.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import StorageError
from ..tensors import DataSpec, Task
from .input_set import InputSet, read_inputs
from .sources import Labels
from .splits import Split

_ABOUT, _LABELS, _COLUMNS = "held_out.json", "labels.npy", "columns.npz"


class HeldOut(NamedTuple):
    """Test examples, labels, names of classes, the task, columns (n,) by name, and a digest of examples and labels."""

    inputs: InputSet
    labels: Labels
    classes: tuple[str, ...]
    task: Task
    columns: dict[str, npt.NDArray[Any]]
    digest: str

    @property
    def spec(self) -> DataSpec:
        """What a model must take and give for these data."""
        return DataSpec(self.inputs.specs, len(self.classes), self.task)


def write_held_out(data: Split, folder: Path) -> None:
    """Leave the test part of the data in an empty folder.

    Raises:
        StorageError: the folder cannot be written; names it.
    """
    try:
        data.x_test.write(folder)
        np.save(folder / _LABELS, data.y_test)
        np.savez(folder / _COLUMNS, allow_pickle=False, **data.columns)
        about = {"classes": data.classes, "task": data.task, "digest": data.test_digest}
        (folder / _ABOUT).write_text(json.dumps(about), "utf-8")
    except OSError as error:
        text = f"temporary files: {folder}: cannot be written: {error.strerror or error}; set TMPDIR to another folder"
        raise StorageError(text) from error


def read_held_out(folder: Path) -> HeldOut:
    """Return what ``write_held_out`` left in a folder; the files must stay while the examples are in use.

    Raises:
        OSError: they are gone.
    """
    about = json.loads((folder / _ABOUT).read_text("utf-8"))
    with np.load(folder / _COLUMNS) as archive:
        columns = dict(archive)
    inputs = read_inputs(folder)
    return HeldOut(inputs, np.load(folder / _LABELS), tuple(about["classes"]), about["task"], columns, about["digest"])
