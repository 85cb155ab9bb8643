"""Budgets that a project may begin with: those that its model keeps today, each with its reason."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..analysis.figures import of_value
from ..metrics import METRICS
from ..records.result import Result

_ERROR = 0.05
_SIZE_ROOM, _TIME_ROOM = 1.1, 3.0
_TIMES = ("p99", "p95", "p50")


class FirstBudget(NamedTuple):
    """A budget as it is written, and why it is that.

    Attributes:
        metric: its name.
        rule: ``min`` or ``max``.
        limit: as text.
        reason: what was measured, and the room beside it.
    """

    metric: str
    rule: str
    limit: str
    reason: str


def first_budgets(result: Result) -> list[FirstBudget]:
    """Return a budget each on the quality, the latency and the size of a result.

    The quality may fall to the lower end of its interval: a worse model fails where its own interval lies below. The
    latency may triple, as machines differ and a shared one is busy; a size that grows by a tenth is no accident.

    Args:
        result: of the first measurement.
    """
    name = "accuracy" if result.quality.name == "accuracy" else "quality"
    value = result.quality.value
    interval = of_value(METRICS[name], result, value).interval(_ERROR)
    budgets = []
    if (floor := math.floor(interval.low * 1000) / 1000) > 0:
        reason = (
            f"{value:.4f} was measured ({interval.low:.4f} to {interval.high:.4f} with 95 % confidence, "
            f"{result.test_samples:,} test examples): the lower end of that"
        )
        budgets.append(FirstBudget(name, "min", f"{floor:g}", reason))
    for percentile in _TIMES:
        latency = result.latency_ms.percentiles.get(percentile)
        if latency is not None and percentile in result.latency_ms.intervals:
            low, high = result.latency_ms.intervals[percentile]
            limit = _rounded_up(_TIME_ROOM * high)
            reason = (
                f"{latency:.3g} was measured ({low:.3g} to {high:.3g}): "
                f"{_TIME_ROOM:g} times the upper end of that, for other machines"
            )
            budgets.append(FirstBudget(f"latency_ms.{percentile}", "max", limit, reason))
            break
    megabytes = METRICS["size_mb"].read(result)
    if megabytes is not None:
        reason = f"{megabytes:.3g} was measured: a tenth more"
        budgets.append(FirstBudget("size_mb", "max", _rounded_up(_SIZE_ROOM * megabytes), reason))
    return budgets


def _rounded_up(value: float) -> str:
    """A number of two digits that is not below a value."""
    digits = 1 - math.floor(math.log10(value))
    rounded = math.ceil(value * 10**digits - 1e-9) / 10**digits
    return f"{rounded:.{max(digits, 0)}f}"
