"""The answers of a model that gives an example any number of labels, and averages over the labels.

A label that an example has or is given is one item, as if it were an example of that label alone: what it has and is
not given is taken for a class of none, and what it is given and has not is of that class. The averages over the other
classes are those over the labels. Items of one example are not independent, so their variance is taken by example.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .macro_averages import EffectiveShare, Floats, MacroAverage
from .predictions import Predictions, packed, unpacked
from .rare_events import rare_events

Flags = npt.NDArray[np.bool_]


class LabelSets(NamedTuple):
    """Which labels each test example has, and which it was given (n, labels)."""

    labels: Flags
    predicted: Flags

    @property
    def right(self) -> Flags:
        """Whether each example was given just the labels that it has (n,)."""
        return np.asarray((self.labels == self.predicted).all(axis=1))

    def chosen(self, examples: Flags) -> LabelSets:
        """Return those of some examples, by a mask (n,)."""
        return LabelSets(self.labels[examples], self.predicted[examples])


def pack_sets(labels: npt.ArrayLike, predicted: npt.ArrayLike) -> str:
    """Pack both (n, labels) as text: the number of labels in 32 bits, then a bit for each, through zlib and base64."""
    both = np.stack([np.asarray(labels, dtype=bool), np.asarray(predicted, dtype=bool)])
    sizes = np.array(both.shape[1:], dtype="<u4").tobytes()
    return packed(sizes + np.packbits(both).tobytes())


@lru_cache(maxsize=256)
def unpack_sets(text: str) -> LabelSets | None:
    """Return what ``pack_sets`` was given; None for a text that it did not make."""
    content = unpacked(text)
    if content is None or len(content) < 9:
        return None
    examples, labels = (int(size) for size in np.frombuffer(content[:8], "<u4"))
    bits = np.frombuffer(content[8:], np.uint8)
    if not examples or not labels or len(bits) != -(-2 * examples * labels // 8):
        return None
    both = np.unpackbits(bits, count=2 * examples * labels).astype(bool)
    return LabelSets(*both.reshape(2, examples, labels))


class LabelAverage(MacroAverage):
    """A macro average over the labels that some test example has.

    Args:
        metric: ``recall``, ``precision`` or ``f1``.
        sets: what a model answered.
        seen: which items there are (n, labels); by default those that an example has or was given.
    """

    def __init__(self, metric: str, sets: LabelSets, seen: Flags | None = None) -> None:
        seen = (sets.labels | sets.predicted) if seen is None else seen
        examples, labels = np.nonzero(seen)
        self._examples, self._whole, none = examples, len(sets.labels), sets.labels.shape[1]
        has, given = sets.labels[seen], sets.predicted[seen]
        items = Predictions(*(np.where(flags, labels, none).astype(np.uint16) for flags in (has, given)))
        super().__init__(metric, items, none + 1, left_out=none)

    def by_example(self, amounts: Floats) -> Floats:
        """Add up the items of each example (n,)."""
        return np.asarray(np.bincount(self._examples, weights=amounts, minlength=self._whole), dtype=np.float64)

    def of_one_example(self, of_classes: Floats) -> Floats:
        """Return what one example does that has all labels (1,), given what an item of each does (labels,)."""
        return np.asarray(of_classes.sum(keepdims=True))

    def rare_ends(self, error: float, reference: MacroAverage | None = None) -> tuple[float, float]:
        """Return how far examples with many wrong labels may move the average down and up.

        Args:
            error: both sides together.
            reference: of the same items, to which the difference is; None for the average itself.
        """
        moved = self._moved()
        if isinstance(reference, LabelAverage):
            moved = moved - reference._moved()
        below, above = rare_events(moved * self._whole).ends(error)
        return below / self._whole, above / self._whole

    def _moved(self) -> Floats:
        """What each example does to the average (n,)."""
        return self.by_example(self.influence(0.0).of_examples(self.model))

    def effective(self, added: float) -> EffectiveShare:
        """Return the average as a share of an effective number of items, at most as many as there are.

        Args:
            added: as ``influence`` takes it.
        """
        influence = self.influence(added)
        # an example may have all of its labels wrong at once, so what is added has all labels too
        right, wrong = influence.of_right, influence.of_label + influence.of_prediction
        of_added = sum(self.of_one_example(part[self.present])[0] ** 2 for part in (right, wrong))
        moved = self.by_example(influence.of_examples(self.model))
        variance = float(moved @ moved) + added * float(of_added)
        trials = influence.smoothed * (1 - influence.smoothed) / variance
        return EffectiveShare(self.value, min(max(trials, 1.0), float(len(self.model.labels))))


def label_averages(metric: str, candidate: LabelSets, reference: LabelSets) -> tuple[LabelAverage, LabelAverage]:
    """Return the averages of two models over the same items of the same examples."""
    seen = candidate.labels | candidate.predicted | reference.predicted
    return LabelAverage(metric, candidate, seen), LabelAverage(metric, reference, seen)
