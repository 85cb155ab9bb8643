"""The difference between mean precision and mean recall of one model, with its interval by the bootstrap."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..records.result import Estimate
from .intervals import CONFIDENCE
from .predictions import Predictions

_DRAWS, _SEED = 500, 0


def precision_gap(predictions: Predictions, classes: int) -> Estimate:
    """Return mean precision minus mean recall over the classes, with the 95 % interval of the percentile bootstrap.

    The test examples are drawn anew 500 times, always the same way (B. Efron, The Annals of Statistics 7, 1979). A
    class that is never the answer has a precision of 0, and one without examples a recall of 0.

    Args:
        predictions: of a classification, at least one.
        classes: of the data; both averages are over all of them.
    """
    labels, answers = (np.minimum(one.astype(np.int64), classes) for one in predictions)
    # an answer that is no class of the data is one more, which no average is over
    cells, counts = np.unique(labels * (classes + 1) + answers, return_counts=True)
    examples = int(counts.sum())
    draws = np.random.default_rng(_SEED).multinomial(examples, counts / examples, size=_DRAWS)
    gaps = _gaps(np.vstack([counts, draws]), cells, classes)
    low, high = np.quantile(gaps[1:], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    value = float(gaps[0])
    return Estimate(value=value, low=min(float(low), value), high=max(float(high), value))


def _gaps(counts: npt.NDArray[Any], cells: npt.NDArray[Any], classes: int) -> npt.NDArray[np.float64]:
    """Return the gap of each set of counts (sets, cells), given label and answer of each cell as one number."""
    labels, answers = np.divmod(cells, classes + 1)
    of_label, of_answer = np.eye(classes + 1)[labels], np.eye(classes + 1)[answers]
    right = counts * (labels == answers)
    recall = _shares(right @ of_label, counts @ of_label)
    precision = _shares(right @ of_answer, counts @ of_answer)
    return np.asarray((precision - recall)[:, :classes].mean(axis=1))


def _shares(right: npt.NDArray[Any], all_: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = np.divide(right, all_, out=np.zeros(right.shape), where=all_ > 0)
    return shares
