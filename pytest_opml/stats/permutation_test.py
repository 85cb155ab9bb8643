"""A permutation test for steps: where the parts of a series differ most, and whether chance makes them differ as much.

- Values count by how far they are from the median, two standard deviations at most (P. J. Huber, Ann. Math. Stat. 35,
  1964), so that an outlier weighs little more than any other value. The standard deviation is Q_n (P. J. Rousseeuw and
  C. Croux, J. Am. Stat. Assoc. 88, 1993), which a step in the middle hardly widens; where many values are equal it is
  zero, and ranks stand in, as in A. N. Pettitt's test (Appl. Stat. 28, 1979).
- The values before a cut are held against those after it, at every cut; and those of a window against the rest, so that
  a step up and one back down do not hide each other (circular binary segmentation: A. B. Olshen and others,
  Biostatistics 5, 2004; lengths in a geometric series: S. Kovács and others, Biometrika 110, 2023).
- The largest of these differences is compared with those of the same values in random order. For independent noise of
  any distribution, ties included, this test errs as rarely as asked, at any length.
- Correlated neighbours, as on real machines, look like steps. Where their correlation is given, the difference
  is lowered by as much as that widens a mean. Noise that is wider on one side does too, as random orders have it evenly
  spread: the difference is lowered by as much as B. L. Welch's (Biometrika 34, 1947) standard error exceeds the common
  one. It is never raised, so that the line above still holds.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAST = 3  # values on each side of a step; one or two in a row may be odd
NORMAL_MAD = 1.4826  # makes the median distance from the median the standard deviation of normal noise
_NORMAL_QN = 2.2191  # the same for Q_n
_CLIP = 2.0
# More windows than cuts are tried, and few histories have steps that only a window finds: a window must stand out more.
_WINDOW_HANDICAP = 0.5
_WINDOW_RATIO = 1.4
_MOST_CORRELATED = 0.8
_OWN_SPREAD = 12  # values of the common variance that count beside a part's own, so that a few do not decide alone
# So many random orders, of those whose statistic is at least the series' own, decide: the more, the less the outcome
# depends on which orders were drawn.
_DECIDING, _FEWEST_ORDERS = 6, 200
_FIRST_ORDERS, _CHUNK = 50, 50_000  # orders, and values: what fits a processor's cache


class Split(NamedTuple):
    """Where the parts of a series differ most.

    Attributes:
        edges: one or two indices, of the first value after each.
        error: the share of random orders in which they differ as much or more: the p-value.
    """

    edges: tuple[int, ...]
    error: float


def find_split(series: Array, error: float, *, autocorrelation: float = 0.0, windows: bool = True) -> Split | None:
    """Find where the parts of a series differ most; None where chance makes them differ as much too often.

    Args:
        series: finite values; fewer than twice ``LEAST`` are too few.
        error: the share of random orders that may differ as much, which is that of series of independent noise in which
            any split is found.
        autocorrelation: of neighbours, by which the difference is lowered.
        windows: whether a window may stand out, or only what lies before a cut.
    """
    count = len(series)
    if count < 2 * LEAST:
        return None
    scores = _scores(series)
    if not scores.any():
        return None
    largest, edges = _largest_statistic(np.concatenate([[0.0], scores.cumsum()]), windows)
    if not edges:
        return None
    length = edges[1] - edges[0] if len(edges) == 2 else edges[0]
    largest /= _inflation(autocorrelation, min(length, count - length)) * _widening(scores, edges)
    orders = max(math.ceil(_DECIDING / error), _FEWEST_ORDERS) - 1
    allowed = math.floor(error * (orders + 1) + 1e-9) - 1
    # The seed is the series' own: were it one for all, every series of a length would meet the same orders, and that
    # length's errors would be off by what these happen to be. Sorted first, a mirrored series meets them too.
    random = np.random.default_rng(_seed(scores))
    ordered, done, exceeded = np.sort(scores), 0, 0
    while done < orders:
        rows = min(orders - done, _FIRST_ORDERS if done == 0 else max(1, _CHUNK // count))
        sums = np.zeros((rows, count + 1))
        random.permuted(np.broadcast_to(ordered, (rows, count)), axis=1).cumsum(axis=1, out=sums[:, 1:])
        exceeded += int(np.count_nonzero(_statistics(sums, windows) >= largest - 1e-9))
        if exceeded > allowed:
            return None
        done += rows
    return Split(edges, (exceeded + 1) / (orders + 1))


def _seed(scores: Array) -> int:
    """Return a seed that is the same for a series, its mirror image, and either in another unit."""
    order = np.unique(scores.round(9), return_inverse=True)[1].astype(np.int32)
    return min(zlib.crc32(order.tobytes()), zlib.crc32(order[::-1].tobytes()))


def _scores(series: Array) -> Array:
    """Return what each value counts: around zero, of variance 1; all zero where no value differs."""
    deviation = _qn(series)
    if deviation > 0:
        with np.errstate(over="ignore"):  # what is infinite is clipped
            scores: Array = np.clip((series - np.median(series)) / deviation, -_CLIP, _CLIP)
    else:
        _, number, times = np.unique(series, return_inverse=True, return_counts=True)
        scores = (times.cumsum() - (times - 1) / 2)[number]
    scores = scores - scores.mean()
    spread = float(np.sqrt((scores**2).mean()))
    if spread > 0:
        scores /= spread
    return scores


def _qn(series: Array) -> float:
    """Return the first quartile of the distances of all pairs; the order of the values must have no part in it."""
    ordered, half = np.sort(series), len(series) // 2 + 1
    distances = np.concatenate([ordered[lag:] - ordered[:-lag] for lag in range(1, len(series))])
    rank = half * (half - 1) // 2 - 1
    return _NORMAL_QN * float(np.partition(distances, rank)[rank])


def _lengths(count: int) -> Iterable[int]:
    length = LEAST
    while length <= count // 2:
        yield length
        length = max(length + 1, round(length * _WINDOW_RATIO))


def _cut_weights(count: int) -> Array:
    cuts = np.arange(LEAST, count - LEAST + 1)
    weights: Array = 1 / np.sqrt(cuts * (count - cuts) / count)
    return weights


def _window_weight(length: int, count: int) -> float:
    return 1 / math.sqrt(length * (count - length) / count)


def _statistics(sums: Array, windows: bool) -> Array:
    """Return the largest standardised difference of each row of sums (rows x one more than values)."""
    count = sums.shape[1] - 1
    most: Array = (np.abs(sums[:, LEAST : count - LEAST + 1]) * _cut_weights(count)).max(axis=1)
    for length in _lengths(count) if windows else ():
        inside = sums[:, length:] - sums[:, :-length]
        largest = np.maximum(inside.max(axis=1), -inside.min(axis=1))
        np.maximum(most, largest * _window_weight(length, count) - _WINDOW_HANDICAP, out=most)
    return most


def _largest_statistic(sums: Array, windows: bool) -> tuple[float, tuple[int, ...]]:
    """Return the same of one series, with the cut or the window's ends that lie far enough from its own."""
    count = len(sums) - 1
    differences = np.abs(sums[LEAST : count - LEAST + 1]) * _cut_weights(count)
    most = float(differences.max())
    edges: tuple[int, ...] = (int(differences.argmax()) + LEAST,)
    for length in _lengths(count) if windows else ():
        inside = np.abs(sums[length:] - sums[:-length])
        largest = float(inside.max()) * _window_weight(length, count) - _WINDOW_HANDICAP
        if largest > most:
            start = int(inside.argmax())
            most, edges = largest, (start, start + length)
    return most, tuple(edge for edge in edges if LEAST <= edge <= count - LEAST)


# --- correlated neighbours


def residual_autocorrelation(series: Array, edges: Sequence[int]) -> float:
    """Return the correlation of neighbours without the levels between ``edges``; 0 where most values are equal.

    Each level that is taken off lowers it by about one over the count, which is given back.
    """
    residuals = np.concatenate([level - np.median(level) for level in np.split(series, edges)])
    deviation = NORMAL_MAD * float(np.median(np.abs(residuals)))
    if deviation == 0:
        return 0.0
    scores = np.clip(residuals / deviation, -_CLIP, _CLIP)
    correlation = float((scores[1:] * scores[:-1]).sum() / (scores**2).sum()) + (len(edges) + 1) / len(series)
    return min(max(correlation, 0.0), _MOST_CORRELATED)


def _inflation(autocorrelation: float, length: int) -> float:
    """How many times wider the mean of so many neighbours spreads than that of as many independent values: AR(1)."""
    rest = 1 - autocorrelation
    correction = 2 * autocorrelation * (1 - autocorrelation**length) / (length * rest**2)
    return math.sqrt((1 + autocorrelation) / rest - correction)


def _widening(scores: Array, edges: Sequence[int]) -> float:
    """How many times wider a difference of parts spreads, each with its own variance, than with the common one."""
    start, end = edges if len(edges) == 2 else (edges[0], len(scores))
    inside, outside = scores[start:end], np.concatenate([scores[:start], scores[end:]])
    squares = [float(((part - part.mean()) ** 2).sum()) for part in (inside, outside)]
    common = sum(squares) / len(scores)
    if common <= 0:
        return 1.0
    variances = [
        (square + _OWN_SPREAD * common) / (len(part) + _OWN_SPREAD)
        for square, part in zip(squares, (inside, outside), strict=True)
    ]
    own = variances[0] / len(inside) + variances[1] / len(outside)
    return max(1.0, math.sqrt(own / (common / len(inside) + common / len(outside))))
