"""Rare events of one size, that have the variance and the skewness of a sum of independent amounts.

Where most amounts are small and few are large, the few decide how far the sum may be off, and they are counted: what is
left of a normal distribution there errs on one side. A Poisson number of events, with its exact interval (F. Garwood,
Biometrika 28, 1936), matches three moments of the sum. What was seen not once is no part of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_LEAST_SIZE, _MOST_EVENTS = 1e-3, 1e7  # beyond these there is no skewness to speak of


class RareEvents(NamedTuple):
    """How large an event is, negative where it takes from the sum, and how many were seen; 0 for a sum without skew."""

    size: float
    events: float

    def ends(self, error: float) -> tuple[float, float]:
        """Return how far the sum may lie below and above what was seen, at most 0 and at least 0.

        Args:
            error: both sides together.
        """
        from scipy.special import gammaincinv

        if not self.events:
            return 0.0, 0.0
        fewer = float(gammaincinv(self.events, error / 2)) - self.events
        more = float(gammaincinv(self.events + 1, 1 - error / 2)) - self.events
        low, high = sorted((self.size * min(fewer, 0.0), self.size * max(more, 0.0)))
        return low, high


def rare_events(amounts: npt.NDArray[np.float64]) -> RareEvents:
    """Return the events that have the variance and the skewness of a sum (n,) of amounts.

    Args:
        amounts: (n,), of the order of 1.
    """
    away = amounts - amounts.mean()
    square = float(away @ away)
    size = float(away @ (away * away)) / square if square > 0 else 0.0
    if abs(size) <= _LEAST_SIZE or square / size**2 >= _MOST_EVENTS:
        return RareEvents(0.0, 0.0)
    return RareEvents(size, square / size**2)
