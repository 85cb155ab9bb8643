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
_DRAWS = 1_000
_SEED = 20_221


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


@lru_cache(maxsize=256)
def standard_error(metric: str, candidate: str, reference: str | None = None) -> float:
    """Return the bootstrap standard error of recall, precision or f1, or of the difference between two models in it.

    The test images are drawn anew, with replacement, 1,000 times (B. Efron and R. Tibshirani, An Introduction to the
    Bootstrap, chapter 6); with a reference both predict the same draw. The seed is fixed: the same predictions
    always give the same error.

    Args:
        metric: ``recall``, ``precision`` or ``f1``, macro averages over the classes.
        candidate: packed predictions.
        reference: packed predictions of the same images.
    """
    models = [model for text in (candidate, reference) if text is not None and (model := unpack(text))]
    labels = models[0].labels
    classes = int(max(labels.max(), *(model.predicted.max() for model in models))) + 1
    present = np.unique(labels)
    draw = np.random.default_rng(_SEED)
    differences = np.empty(_DRAWS)
    for number in range(_DRAWS):
        chosen = draw.integers(0, len(labels), len(labels))
        values = [_macro(metric, labels[chosen], model.predicted[chosen], classes, present) for model in models]
        differences[number] = values[0] - (values[1] if reference else 0.0)
    return float(differences.std(ddof=1))


def _macro(metric: str, labels: Classes, predicted: Classes, classes: int, present: Classes) -> float:
    """Return a macro average over ``present``; a class that a draw left out counts as zero."""
    hits, labelled, predictions = (
        np.bincount(chosen, minlength=classes)[present] for chosen in (labels[labels == predicted], labels, predicted)
    )
    below = {"recall": labelled, "precision": predictions, "f1": (labelled + predictions) / 2}[metric]
    return float(np.divide(hits, below, out=np.zeros(len(hits)), where=below > 0).mean())
