"""Lasting steps in the history of a metric, told from noise and from single odd values.

A history is split where its parts differ most, each part again, until a permutation test finds no more: the divisive
way of D. S. Matteson and N. A. James (J. Am. Stat. Assoc. 109, 2014), which Hunter and Apache Otava follow with a t
test. The test is that of ``permutation_test``. Only the first one meets a history without a step, so that the whole
errs as rarely as one test. Each step must hold once more between its neighbours; then it is placed where a Student
likelihood is largest.

Where steps are found, all is done again with the test told how correlated neighbours are beside them. Where the noise
is wider in one part than in another, some step must also be found when each value counts by the width around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .permutation_test import LEAST, NORMAL_MAD, Array, Split, find_split, residual_autocorrelation

_LEAST_EXACT = 2
_WIDTH_ERROR = 0.05  # of calling noise wider somewhere that is not
_FREEDOM = 4  # degrees of freedom of the noise that a step is placed by: heavy tails
_FARTHEST = 1e6  # standard deviations from a level; beyond them squares would only overflow


class Step(NamedTuple):
    """One lasting change of level.

    Attributes:
        at: index of the first value after it.
        before: median of the values from the step before this one to it.
        after: median of the values from it to the next one.
        low: the earliest index that ``at`` may truly be, with about 95 % confidence.
        high: the latest such index.
        error: the chance that a history without a step shows one as clear; zero where there is no noise.
    """

    at: int
    before: float
    after: float
    low: int
    high: int
    error: float

    @property
    def difference(self) -> float:
        """How far the level rose, in the values' own unit."""
        return self.after - self.before

    @property
    def change(self) -> float | None:
        """The same as a share of the level before; None where that is not above zero, as a score's may be."""
        return self.after / self.before - 1 if self.before > 0 else None


def find_steps(values: Sequence[float], *, false_alarms: float = 0.01, exact: bool = False) -> tuple[Step, ...]:
    """Find the lasting steps of a history, in its order.

    The work grows with the square of the length: 1,000 values take about 0.1 s. Give the newest of a longer history.

    Args:
        values: of one case and metric, in the order of the commits.
        false_alarms: the share of histories without a step in which any may be found, in one search. Who searches many
            histories, or one again and again, divides it among the searches.
        exact: whether the metric has no noise, as the size of a file: then a new value that is there twice in a row is
            a step. This is for the caller to know: of six tosses of a coin, four heads and two tails come sorted in two
            of fifteen orders. Where most values differ from the one before, it is tested like any other metric.

    Raises:
        ValueError: a value is not finite, or ``false_alarms`` does not lie between 0 and 1.
    """
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or not np.isfinite(series).all():
        raise ValueError("a history must be one series of finite numbers")
    if not 0 < false_alarms < 1:
        raise ValueError(f"false_alarms must lie between 0 and 1, not {false_alarms!r}")
    if exact and 2 * np.count_nonzero(np.diff(series)) <= len(series) - 1:
        return _exact_steps(series)
    splits = _splits(series, false_alarms, 0.0)
    if splits:
        places = sorted(splits)
        autocorrelation, evened = residual_autocorrelation(series, places), _evened(series, places)
        splits = _splits(series, false_alarms, autocorrelation)
        if evened is not series and not _splits(evened, false_alarms, autocorrelation):
            return ()
    return _placed(series, splits)


def _exact_steps(series: Array) -> tuple[Step, ...]:
    """Return the steps from each value that is there twice in a row to the next such value that differs."""
    edges = [0, *(np.flatnonzero(np.diff(series)) + 1).tolist(), len(series)]
    held = [(start, end) for start, end in pairwise(edges) if end - start >= _LEAST_EXACT]
    return tuple(
        Step(start, float(series[end - 1]), float(series[start]), end, start, 0.0)
        for (_, end), (start, _) in pairwise(held)
        if series[end - 1] != series[start]
    )


# --- finding


def _evened(series: Array, places: list[int]) -> Array:
    """Return the series with its deviations from the median divided by the width of the noise, where that changes."""
    residuals = np.concatenate([level - np.median(level) for level in np.split(series, places)])
    changes = sorted(_splits(np.abs(residuals), _WIDTH_ERROR, 0.0))
    widths = [float(np.median(part)) for part in np.split(np.abs(residuals), changes)]
    if not changes or min(widths) <= 0:
        return series
    lengths = np.diff([0, *changes, len(series)])
    centre = np.median(series)
    evened: Array = centre + (series - centre) / np.repeat(np.array(widths) / min(widths), lengths)
    return evened


def _splits(series: Array, error: float, autocorrelation: float) -> dict[int, float]:
    """Return the steps by their index, each with its error."""
    splits: dict[int, float] = {}
    _add_splits(series, 0, len(series), error, autocorrelation, splits)
    return _confirmed(series, splits, error, autocorrelation)


def _add_splits(
    series: Array, start: int, end: int, error: float, autocorrelation: float, splits: dict[int, float]
) -> None:
    """Add the steps of one part of the series, by their index, with their errors."""
    split = find_split(series[start:end], error, autocorrelation=autocorrelation)
    if split is None:
        return
    edges = _moved(series, [start, *(start + edge for edge in split.edges), end])
    splits.update(dict.fromkeys(edges[1:-1], split.error))
    for left, right in pairwise(edges):
        _add_splits(series, left, right, error, autocorrelation, splits)


class _Between(NamedTuple):
    """What a step comes to between its neighbours."""

    split: Split | None
    size: float


def _confirmed(series: Array, splits: dict[int, float], error: float, autocorrelation: float) -> dict[int, float]:
    """Return the steps that are still found between their neighbours; the smallest that is not is taken away first."""
    held = dict(splits)
    while held:
        edges = [0, *sorted(held), len(series)]
        between = {
            at: _Between(
                find_split(series[left:right], error, autocorrelation=autocorrelation, windows=False),
                abs(_level(series[at:right]) - _level(series[left:at])),
            )
            for left, at, right in zip(edges, edges[1:], edges[2:], strict=False)
        }
        # where most values are equal, others may become more frequent and leave the median as it is
        falls = {at: it.size for at, it in between.items() if it.split is None or it.size == 0}
        if not falls:
            return {at: max(held[at], it.split.error) for at, it in between.items() if it.split is not None}
        del held[min(falls, key=falls.__getitem__)]
    return held


# --- placing


def _level(part: Array) -> float:
    return float(np.median(part))


def _moved(series: Array, edges: list[int]) -> list[int]:
    """Move each inner edge to where it is likeliest between its neighbours; all as they are where two would meet."""
    moved = [
        _place(series[left:right], at - left)[0] + left if min(at - left, right - at) >= LEAST else at
        for left, at, right in zip(edges, edges[1:], edges[2:], strict=False)
    ]
    moved = [edges[0], *moved, edges[-1]]
    return moved if all(right - left >= LEAST for left, right in pairwise(moved)) else edges


def _place(part: Array, at: int) -> tuple[int, int, int]:
    """Return the likeliest index of a step near ``at``, and the ends of its 95 % interval.

    Every index is as likely before the values are seen, and the levels and the noise are taken as known (A. F. M.
    Smith, Biometrika 62, 1975).
    """
    for _ in range(3):
        before, after = _level(part[:at]), _level(part[at:])
        residuals = np.abs(np.concatenate([part[:at] - before, part[at:] - after]))
        # without noise, a twentieth of the step keeps the likelihood finite
        deviation = max(NORMAL_MAD * float(np.median(residuals)), abs(after - before) / 20, np.finfo(float).tiny)
        with np.errstate(over="ignore"):
            far = [np.minimum(np.abs(part - level) / deviation, _FARTHEST) for level in (before, after)]
        surprise = [np.log1p(distance**2 / _FREEDOM) for distance in far]
        losses = (_FREEDOM + 1) / 2 * np.concatenate([[0.0], (surprise[0] - surprise[1]).cumsum()])
        losses = losses[LEAST : len(part) - LEAST + 1]
        likeliest = int(losses.argmin()) + LEAST
        if likeliest == at:
            break
        at = likeliest
    shares = np.exp(losses.min() - losses)
    below = shares.cumsum() / shares.sum()
    low, high = (int(np.searchsorted(below, share)) + LEAST for share in (0.025, 0.975))
    return likeliest, min(low, likeliest), max(min(high, len(part) - LEAST), likeliest)


def _join_equal_levels(series: Array, edges: list[int], errors: list[float]) -> None:
    """Take out the edges on both sides of which the level is the same: only the spread differs there, which is no step.

    Args:
        series: the history.
        edges: its beginning, the steps and its end; shortened in place.
        errors: that of each step; shortened likewise.
    """
    index = 1
    while index < len(edges) - 1:
        left, at, right = edges[index - 1 : index + 2]
        if _level(series[left:at]) == _level(series[at:right]):
            del edges[index], errors[index - 1]
            index = max(1, index - 1)  # the joined part has another level
        else:
            index += 1


def _placed(series: Array, held: dict[int, float]) -> tuple[Step, ...]:
    """Return the steps with their levels and intervals."""
    errors = [held[at] for at in sorted(held)]
    edges = _moved(series, [0, *sorted(held), len(series)])
    _join_equal_levels(series, edges, errors)
    steps = []
    for left, at, right, error in zip(edges, edges[1:], edges[2:], errors, strict=False):
        _, low, high = _place(series[left:right], at - left)
        before, after = _level(series[left:at]), _level(series[at:right])
        steps.append(Step(at, before, after, min(left + low, at), max(left + high, at), error))
    return tuple(steps)
