"""The predictions of a model for the test images, packed small enough to stand in the record.

Two models that predict the same images are compared image by image, which finds a difference that two shares by
themselves would not show.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Classes = npt.NDArray[np.uint16]


class Predictions(NamedTuple):
    """Label and predicted class of each test image (n,), in their order."""

    labels: Classes
    predicted: Classes


class Discordant(NamedTuple):
    """How many of ``images`` only the candidate, and only the reference, got wrong."""

    only_candidate_wrong: int
    only_reference_wrong: int
    images: int


def pack(labels: npt.ArrayLike, predicted: npt.ArrayLike) -> str:
    """Pack both as text: 16-bit little-endian labels, then predictions, through zlib and base64."""
    both = np.concatenate([np.asarray(labels), np.asarray(predicted)]).astype("<u2")
    return base64.b64encode(zlib.compress(both.tobytes(), 9)).decode()


@lru_cache(maxsize=256)
def unpack(text: str) -> Predictions | None:
    """Return what ``pack`` was given; None for a text that it did not make."""
    try:
        both = np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), "<u2")
    except (ValueError, binascii.Error, zlib.error):
        return None
    return Predictions(*both.reshape(2, -1)) if both.size and both.size % 2 == 0 else None


def both_of(candidate: str | None, reference: str | None) -> tuple[Predictions, Predictions] | None:
    """Return the predictions of two models for the same test images; None where these differ or one has none."""
    own, references = candidate and unpack(candidate), reference and unpack(reference)
    if not own or not references or not np.array_equal(own.labels, references.labels):
        return None
    return own, references


def discordant(candidate: Predictions, reference: Predictions) -> Discordant:
    """Count the images on which two models differ in being right."""
    right, reference_right = candidate.predicted == candidate.labels, reference.predicted == reference.labels
    return Discordant(int((reference_right & ~right).sum()), int((right & ~reference_right).sum()), len(right))
