"""A figure in [0, 1] for each test example, packed small enough to stand in the record, and the mean of them.

A figure that is 0 or 1 is a right or wrong answer, and its mean is a share with the exact interval of one. Figures in
between vary less, so that their mean is worth more examples than there are: the effective number, as for averages over
the classes. What was not seen may still be all right or all wrong, so examples of both kinds are added before the
variance is taken, and a set of equal figures is never certain.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .evidence import Evidence, Interval, PairedProportion
from .intervals import binomial_ends
from .predictions import packed, unpacked
from .quality_evidence import LEAST_ADDED, added_examples
from .rare_events import rare_events

Floats = npt.NDArray[np.float64]


def pack_rows(rows: npt.ArrayLike) -> str:
    """Pack figures (rows, n) as text: the number of rows in one byte, then 32-bit floats, through zlib and base64."""
    numbers = np.atleast_2d(np.asarray(rows, dtype="<f4"))
    # the four bytes of the floats apart, since those of the exponents are alike
    content = bytes([len(numbers)]) + numbers.reshape(-1).view(np.uint8).reshape(-1, 4).T.tobytes()
    return packed(content)


@lru_cache(maxsize=256)
def unpack_rows(text: str) -> Floats | None:
    """Return what ``pack_rows`` was given, as 32-bit floats hold it; None for a text that it did not make."""
    content = unpacked(text)
    if content is None or len(content) < 5 or not content[0] or (len(content) - 1) % (4 * content[0]):
        return None
    numbers = np.frombuffer(content[1:], np.uint8).reshape(4, -1).T.copy().view("<f4")
    return numbers.reshape(content[0], -1).astype(np.float64) if np.isfinite(numbers).all() else None


class MeanFigure(Evidence):
    """A mean of figures in [0, 1], one for each independent example.

    The interval is Clopper and Pearson's of the effective number of examples, which for right and wrong answers is the
    number of examples itself. Where others are between, it is at least that of rare events of one size with the same
    variance and skewness: of figures that are mostly high and rarely low, the rare ones decide how low the mean may be.

    Args:
        figures: (n,), at least one.
    """

    def __init__(self, figures: Floats) -> None:
        self._sum, self._squares, self._examples = float(figures.sum()), float(figures @ figures), len(figures)
        self.value = self._sum / self._examples
        # right and wrong answers have their own exact interval
        self._rare = rare_events(figures if ((figures > 0) & (figures < 1)).any() else np.zeros(1))

    def interval(self, error: float) -> Interval:
        """Return the interval, within 0 to 1."""
        # of both, so that less error never makes the interval narrower
        trials = min(self._trials(added) for added in (LEAST_ADDED, added_examples(error)))
        low, high = binomial_ends(self.value * trials, trials, error)
        below, above = (moved / self._examples for moved in self._rare.ends(error))
        return Interval(max(min(low, self.value + below), 0.0), min(max(high, self.value + above), 1.0))

    def _trials(self, added: float) -> float:
        """Return the effective number of examples, given how many of each kind are added."""
        whole = self._examples + 2 * added
        smoothed = (self._sum + added) / whole
        variance = (self._squares + added) / whole - smoothed**2
        return max(self._examples * smoothed * (1 - smoothed) / variance, self._examples)


class PairedFigures(Evidence):
    """The difference between two models in a mean of figures of the same examples, candidate minus reference.

    It is judged as discordant answers are, in effective numbers: the weight of one is that of the differences.

    Args:
        candidate: its figures (n,), each in [0, 1].
        reference: those of the reference.
    """

    def __init__(self, candidate: Floats, reference: Floats) -> None:
        moved = candidate - reference
        self._sum, self._whole = float(moved.sum()), float(np.abs(moved).sum())
        self._squares, self._examples = float(moved @ moved), len(moved)
        self.value = self._sum / self._examples

    def interval(self, error: float) -> Interval:
        """Return the interval of the discordant answers."""
        added = added_examples(error)
        weight = (self._squares + added) / (self._whole + added)
        net = self._sum / weight
        discordant = max(self._squares / weight**2, abs(net))
        examples = max(self._examples / weight, discordant)
        return PairedProportion(((discordant - net) / 2, (discordant + net) / 2, examples)).interval(error)
