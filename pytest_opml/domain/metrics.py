"""The metrics that a budget may name: each with its unit, its format and where a result holds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..errors import SettingsError
from .records import Ratio, Result, SideBySide


class Metric(NamedTuple):
    """One metric.

    Attributes:
        read: the value in a result; None where it was not measured.
        unit: as printed behind a value; empty for shares and scores.
        pattern: the format of a value.
        percent: whether a relative budget may be a percentage of the reference; only where zero means none.
        missing: what to say of a result that has no value.
        beside: the ratio of the value to the reference's where both were timed side by side.
    """

    name: str
    read: Callable[[Result], float | None]
    unit: str = ""
    pattern: str = ".3g"
    percent: bool = True
    missing: str = "was not measured"
    beside: Callable[[SideBySide], Ratio] | None = None

    def format(self, value: float | None) -> str:
        """The value with its unit."""
        return "n/a" if value is None else f"{value:{self.pattern}} {self.unit}".rstrip()


_SHARE, _SCORE = ".4f", ".3f"
_FEW = "has not enough samples"


def _offline(found: SideBySide) -> Ratio:
    return found.offline


def _single(found: SideBySide) -> Ratio:
    return found.single


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", lambda r: r.accuracy.value, pattern=_SHARE),
        Metric("recall", lambda r: r.recall, pattern=_SHARE),
        Metric("precision", lambda r: r.precision, pattern=_SHARE),
        Metric("f1", lambda r: r.f1, pattern=_SHARE),
        Metric("auc", lambda r: r.auc, pattern=_SHARE),
        Metric("inference_s", lambda r: r.inference_s.value, "s", beside=_offline),
        Metric("throughput", lambda r: r.throughput, "images/s", ".4g", beside=lambda found: found.offline.inverse),
        Metric("latency_ms.p50", lambda r: r.latency_ms.p50, "ms", beside=_single),
        Metric("latency_ms.p90", lambda r: r.latency_ms.p90, "ms", missing=_FEW),
        Metric("latency_ms.p99", lambda r: r.latency_ms.p99, "ms", missing=_FEW),
        Metric("cold_start_s", lambda r: r.cold_start.load_s + r.cold_start.first_call_s, "s"),
        Metric("training_s", lambda r: r.training_s, "s"),
        Metric("preparation_s", lambda r: r.preparation_s, "s"),
        Metric("size_mb", lambda r: r.size_mb, "MB"),
        Metric("deflated_mb", lambda r: r.deflated_mb, "MB"),
        Metric("peak_memory_mb", lambda r: r.peak_memory_mb, "MB", ".4g"),
        Metric("energy_j", lambda r: r.energy_j, "J", missing="is not told by this device"),
        # A score can be zero or negative, where a percentage of it means nothing or the opposite.
        Metric("op_score", lambda r: r.op_score.value, pattern=_SCORE, percent=False),
    )
}


def find(name: str, where: str) -> Metric:
    """The metric of a name.

    Raises:
        SettingsError: there is none; ``where`` says who asked.
    """
    if name not in METRICS:
        raise SettingsError(f"{where}: unknown metric {name!r}; known: {', '.join(METRICS)}")
    return METRICS[name]
