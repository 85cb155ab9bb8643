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
from pytest_opml.datasets.splits import Split
from pytest_opml.runner.case_data import load_data
from pytest_opml.tensors import DataSpec, TensorSpec


def image_set(images: npt.NDArray[Any] | Sequence[Path], size: int, indices: npt.ArrayLike | None = None) -> InputSet:
    """Colour images at a size, as an image builder takes them."""
    source: Source = FileSource(images) if isinstance(images, Sequence) else ArraySource(images)
    return InputSet({"": ImageSource(source, ImageForm(size, size))}, indices)


def prepared(case: Case, data_dir: Path | None = None) -> Split:
    """The data of a case as its model takes them."""
    return load_data(case, data_dir)


def image_spec(size: int, outputs: int = 10) -> DataSpec:
    """What square colour images of so many classes have and need."""
    return DataSpec((TensorSpec("", (size, size, 3), "uint8"),), outputs)
