"""The operational score: log10(error x seconds x megabytes), lower is better.

Source: I. Ari, M. B. Camli, "Tradeoff Assessment of Deep Learning Models based on Accuracy, Time and Size", 2022,
equation 1. A difference of 0.301 is a factor of two on any one axis.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..errors import UsageError
from ..records.result import Estimate, Score

REFERENCE_SAMPLES = 10_000


class Difference(NamedTuple):
    """Which axis a difference between two scores comes from; the parts add up to ``total``."""

    error: float
    time: float
    size: float

    @property
    def total(self) -> float:
        """The whole difference."""
        return self.error + self.time + self.size


def _middle(value: float | Estimate) -> float:
    return value.value if isinstance(value, Estimate) else value


def _ends(value: float | Estimate) -> tuple[float, float]:
    return (value.low, value.high) if isinstance(value, Estimate) else (value, value)


def op_score(
    accuracy: float | Estimate, seconds: float | Estimate, megabytes: float, *, samples: int | None = None
) -> Score:
    """Return the OpScore of one model.

    Args:
        accuracy: 0 to 1, or another quality in these bounds that is declared instead.
        seconds: inference over the test set, scaled to 10,000 images; or another time, the same for all compared.
        megabytes: 10^6 bytes of the file that ships.
        samples: test samples. The error is floored at 1 / (2 samples), since an accuracy of 1.0 would score minus
            infinity; without it an accuracy of 1.0 is refused.

    Returns:
        The score. Its interval combines those of accuracy and time by the square-root-of-sum-of-squares of the
        distances on each side (MOVER: Zou and Donner, Statistics in Medicine 27, 2008), the two being independent.

    Raises:
        UsageError: a value is out of its range or not finite.
    """
    share, time = _middle(accuracy), _middle(seconds)
    if not 0 <= share <= 1:
        raise UsageError(f"accuracy must be 0 to 1, not {share!r}")
    if not (math.isfinite(time) and min(time, *_ends(seconds)) > 0):
        raise UsageError(f"seconds must be positive, not {seconds!r}")
    if not (math.isfinite(megabytes) and megabytes > 0):
        raise UsageError(f"megabytes must be positive, not {megabytes!r}")
    if samples is not None and samples < 1:
        raise UsageError(f"samples must be at least 1, not {samples!r}")
    if samples is None and share == 1:
        raise UsageError("an accuracy of 1.0 has no finite score; give the number of test samples")

    floor = 1 / (2 * samples) if samples else 1e-12

    def log_error(value: float) -> float:
        return math.log10(max(1 - value, floor))

    error, error_high, error_low = log_error(share), *map(log_error, _ends(accuracy))
    log_time = math.log10(time)
    time_low, time_high = map(math.log10, _ends(seconds))
    size = math.log10(megabytes)
    value = error + log_time + size
    return Score(
        value=value,
        low=value - math.hypot(error - error_low, log_time - time_low),
        high=value + math.hypot(error_high - error, time_high - log_time),
        log_error=error,
        log_seconds=log_time,
        log_megabytes=size,
        error_floored=1 - share < floor,
    )


def sampled_score(accuracy: float, seconds: float, megabytes: float, samples: int) -> Score:
    """Return the OpScore with the interval that the number of test samples alone gives it.

    Args:
        accuracy: 0 to 1, of ``samples`` test samples; its interval is the exact one.
        seconds: taken as exact.
        megabytes: 10^6 bytes.
        samples: at least 1.

    Raises:
        UsageError: a value is out of its range or not finite.
    """
    from ..stats.intervals import proportion

    op_score(accuracy, seconds, megabytes, samples=samples)  # refuses what no interval can be had of
    interval = proportion(round(accuracy * samples), samples)
    low, high = min(interval.low, accuracy), max(interval.high, accuracy)
    return op_score(Estimate(value=accuracy, low=low, high=high), seconds, megabytes, samples=samples)


def difference(candidate: Score, reference: Score) -> Difference:
    """Return candidate minus reference, by axis; negative parts are gains."""
    return Difference(
        error=candidate.log_error - reference.log_error,
        time=candidate.log_seconds - reference.log_seconds,
        size=candidate.log_megabytes - reference.log_megabytes,
    )
