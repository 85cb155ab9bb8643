"""Sets of examples from plain arrays and files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from pytest_opml.datasets.images import FileSource, ImageForm, ImageSource
from pytest_opml.datasets.input_set import InputSet
from pytest_opml.datasets.sources import ArraySource, Source


def image_set(images: npt.NDArray[Any] | Sequence[Path], size: int, indices: npt.ArrayLike | None = None) -> InputSet:
    """Colour images at a size, as an image builder takes them."""
    source: Source = FileSource(images) if isinstance(images, Sequence) else ArraySource(images)
    return InputSet({"": ImageSource(source, ImageForm(size, size))}, indices)
