"""Sets of examples from plain arrays and files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from pytest_opml.case import Case
from pytest_opml.datasets.images import FileSource, ImageForm, ImageSource
from pytest_opml.datasets.input_set import InputSet
from pytest_opml.datasets.sources import ArraySource, Source
from pytest_opml.datasets.splits import Split, prepare
from pytest_opml.models.classifier import model_signature


def image_set(images: npt.NDArray[Any] | Sequence[Path], size: int, indices: npt.ArrayLike | None = None) -> InputSet:
    """Colour images at a size, as an image builder takes them."""
    source: Source = FileSource(images) if isinstance(images, Sequence) else ArraySource(images)
    return InputSet({"": ImageSource(source, ImageForm(size, size))}, indices)


def prepared(case: Case, data_dir: Path | None = None) -> Split:
    """The data of a case as its model takes them, and nothing checked beyond that."""
    return prepare(case, data_dir, signature=model_signature(case))
