"""The scales of a chart in the terminal: which stretch they show, and the round values on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


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
    """Return values for a logarithmic scale from ``low`` to ``high``, both above 0: powers of ten, if need be thinned.

    Where there is room, their doubles and fivefolds stand between them. Over less than a power of ten there may be
    none.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        values = [float(f"{factor}e{power}") for power in powers for factor in factors]
        values = [value for value in values if low <= value <= high]
        if len(values) <= most:
            return values
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
