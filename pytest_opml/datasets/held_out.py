"""The test part of a case's data, on its way from the process that loaded the data to the one that measures.

Images of an array are written to one file as they were loaded, before any resizing, and opened memory-mapped. Image
files stay where they are, and only their paths travel.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import StorageError
from .imageset import ImageSet
from .sources import Labels, read_images
from .splits import Split

_ABOUT, _LABELS = "held_out.json", "labels.npy"


class HeldOut(NamedTuple):
    """Test images, labels (n,) from 0 to classes - 1, the names of the classes, and a digest of images and labels."""

    images: ImageSet
    labels: Labels
    classes: tuple[str, ...]
    digest: str


def write_held_out(data: Split, folder: Path) -> None:
    """Leave the test part of the data in an empty folder.

    Raises:
        StorageError: the folder cannot be written; names it.
    """
    try:
        data.x_test.write(folder)
        np.save(folder / _LABELS, data.y_test)
        about = {"size": data.x_test.size, "classes": data.classes, "digest": data.test_digest}
        (folder / _ABOUT).write_text(json.dumps(about), "utf-8")
    except OSError as error:
        text = f"temporary files: {folder}: cannot be written: {error.strerror or error}; set TMPDIR to another folder"
        raise StorageError(text) from error


def read_held_out(folder: Path) -> HeldOut:
    """Return what ``write_held_out`` left in a folder; the files must stay while the images are in use.

    Raises:
        OSError: they are gone.
    """
    about = json.loads((folder / _ABOUT).read_text("utf-8"))
    images = ImageSet(read_images(folder), about["size"])
    return HeldOut(images, np.load(folder / _LABELS), tuple(about["classes"]), about["digest"])
