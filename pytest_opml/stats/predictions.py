"""The predictions of a model for the test examples, packed small enough to stand in the record.

Two models that predict the same examples are compared example by example, which finds a difference that two shares by
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
    """Label and predicted class of each test example (n,), in their order."""

    labels: Classes
    predicted: Classes

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether each example was answered right (n,)."""
        return np.asarray(self.labels == self.predicted)

    def chosen(self, examples: npt.NDArray[np.bool_]) -> Predictions:
        """Return those of some examples, by a mask (n,)."""
        return Predictions(self.labels[examples], self.predicted[examples])


class Discordant(NamedTuple):
    """How many of ``examples`` only the candidate, and only the reference, got wrong."""

    only_candidate_wrong: int
    only_reference_wrong: int
    examples: int


def packed(content: bytes) -> str:
    """Return bytes as text, through zlib and base64."""
    return base64.b64encode(zlib.compress(content, 9)).decode()


def unpacked(text: str) -> bytes | None:
    """Return what ``packed`` was given; None for a text that it did not make."""
    try:
        return zlib.decompress(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error, zlib.error):
        return None


def pack(labels: npt.ArrayLike, predicted: npt.ArrayLike) -> str:
    """Pack both as text: 16-bit little-endian labels, then predictions, through zlib and base64."""
    both = np.concatenate([np.asarray(labels), np.asarray(predicted)]).astype("<u2")
    return packed(both.tobytes())


@lru_cache(maxsize=256)
def unpack(text: str) -> Predictions | None:
    """Return what ``pack`` was given; None for a text that it did not make."""
    content = unpacked(text)
    if not content or len(content) % 4:
        return None
    return Predictions(*np.frombuffer(content, "<u2").reshape(2, -1))


def discordant(right: npt.NDArray[np.bool_], reference_right: npt.NDArray[np.bool_]) -> Discordant:
    """Count the examples on which two models differ in being right, given where each is (n,)."""
    return Discordant(int((reference_right & ~right).sum()), int((right & ~reference_right).sum()), len(right))


def pack_codes(codes: npt.ArrayLike) -> str:
    """Pack small numbers (n,), each below 256, as text: a byte each, through zlib and base64."""
    return packed(np.asarray(codes).astype(np.uint8).tobytes())


@lru_cache(maxsize=256)
def unpack_codes(text: str) -> npt.NDArray[np.uint8] | None:
    """Return what ``pack_codes`` was given; None for a text that it did not make."""
    content = unpacked(text)
    return None if content is None else np.frombuffer(content, np.uint8)
