"""The scales of a picture: which stretch they show, and the round values on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return round values from ``low`` to ``high``, as many as 1, 2 and 5 times a power of ten give within ``most``."""
    if high <= low:
        return []
    least = (high - low) / most
    power = math.floor(math.log10(least))
    largest = 10.0 ** (power + 1)
    step = next((size for size in (factor * 10.0**power for factor in (1, 2, 5)) if size >= least), largest)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)][:most]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return round values for a logarithmic scale from ``low`` to ``high``, both above 0, at most so many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        candidates = [float(f"{factor}e{power}") for power, factor in product(powers, factors)]
        values = [value for value in candidates if low <= value <= high]
        if len(values) <= most:
            return values if len(values) > 1 else ticks(low, high, most)
    return values[:: math.ceil(len(values) / most)]


def widened(values: Sequence[float], least: float, margin: float) -> tuple[float, float]:
    """Return the ends of a scale of at least ``least`` that shows all values, ``margin`` of its length beyond them."""
    low, high = min(values), max(values)
    spare = max(0.0, least - (high - low)) / 2
    low, high = low - spare, high + spare
    more = (high - low) * margin / (1 - 2 * margin)
    return low - more, high + more


def scale(ends: tuple[float, float], first: float, last: float) -> Callable[[float], float]:
    """Return the function from a value to its place, where ``ends`` of the scale lie at ``first`` and ``last``."""
    low, high = ends
    return lambda value: first + (value - low) / (high - low) * (last - first)
