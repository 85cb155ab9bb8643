"""The metrics that a budget may name: each with its unit, its format and where a result holds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from . import registry
from .errors import CaseDefinitionError, SettingsError, UnknownNameError
from .records.result import Estimate, Ratio, Result, Score, SideBySide


class Metric(NamedTuple):
    """One metric.

    Attributes:
        read: the value in a result; None where it was not measured.
        unit: as printed behind a value; empty for shares and scores.
        pattern: the format of a value.
        percent: whether a relative budget may be a percentage of the reference; only where zero means none.
        missing: what to say of a result that has no value.
        better: which way is an improvement; ``max_regression`` asks it.
        machine: whether the value depends on the machine, so that it is compared with an earlier run on the same only.
        making: whether the value is of how the artifact was made, which measuring its file again does not tell.
        exact: whether the same model always has the same value.
        interval: the value with its 95 % interval; None for a metric that was measured once.
        beside: the ratio of the value to the reference's where both were timed side by side.
        of_run: whether the value is a place among all cases of the run, which only its end knows.
        data: whether the value depends on the test data, so that it is compared with an earlier run on the same only.
        registered: False where only the name is known, as of a metric that was registered in a file which is not read
            here; see ``placeholder``.
    """

    name: str
    read: Callable[[Result], float | None]
    unit: str = ""
    pattern: str = ".3g"
    percent: bool = True
    missing: str = "was not measured"
    better: Literal["lower", "higher"] = "lower"
    machine: bool = False
    making: bool = False
    exact: bool = False
    interval: Callable[[Result], Estimate | Score | None] | None = None
    beside: Callable[[SideBySide], Ratio] | None = None
    of_run: bool = False
    data: bool = True
    registered: bool = True

    def format(self, value: float | None) -> str:
        """The value with its unit."""
        return "n/a" if value is None else f"{_plain(value, self.pattern)} {self.unit}".rstrip()


def _plain(value: float, pattern: str) -> str:
    """The value without an exponent, which ``g`` writes from its number of digits on."""
    text = f"{value:{pattern}}"
    return f"{value:.0f}" if "e+" in text and abs(value) < 1e15 else text


_SHARE, _SCORE = ".4f", ".3f"
_FEW = "has not enough samples"
_ALONE = "needs another case on the same test set"


def _offline(found: SideBySide) -> Ratio:
    return found.offline


def _single(found: SideBySide) -> Ratio:
    return found.single


def _latency(part: Literal["p50", "p90", "p99"], beside: Callable[[SideBySide], Ratio] | None = None) -> Metric:
    def read(result: Result) -> float | None:
        return getattr(result.latency_ms, part)  # type: ignore[no-any-return]

    def interval(result: Result) -> Estimate | None:
        value, ends = read(result), result.latency_ms.intervals.get(part)
        return None if value is None or ends is None else Estimate(value=value, low=ends[0], high=ends[1])

    return Metric(
        f"latency_ms.{part}", read, "ms", missing=_FEW, machine=True, interval=interval, beside=beside, data=False
    )


def _throughput(result: Result) -> Estimate:
    time, images = result.inference_s, result.reference_samples
    return Estimate(value=images / time.value, low=images / time.high, high=images / time.low)


def _share(name: str) -> Metric:
    return Metric(name, lambda result: getattr(result, name), pattern=_SHARE, better="higher")


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _share("accuracy")._replace(read=lambda r: r.accuracy.value, interval=lambda r: r.accuracy),
        *map(_share, ("recall", "precision", "f1", "auc")),
        Metric(
            "inference_s",
            lambda r: r.inference_s.value,
            "s",
            machine=True,
            interval=lambda r: r.inference_s,
            beside=_offline,
            data=False,
        ),
        Metric(
            "throughput",
            lambda r: r.throughput,
            "images/s",
            ".4g",
            better="higher",
            machine=True,
            interval=_throughput,
            beside=lambda found: found.offline.inverse,
            data=False,
        ),
        _latency("p50", _single),
        _latency("p90"),
        _latency("p99"),
        Metric(
            "cold_start_s", lambda r: r.cold_start.load_s + r.cold_start.first_call_s, "s", machine=True, data=False
        ),
        Metric("training_s", lambda r: r.training_s, "s", machine=True, making=True, data=False),
        Metric("preparation_s", lambda r: r.preparation_s, "s", machine=True, making=True, data=False),
        Metric("size_mb", lambda r: r.size_mb, "MB", exact=True, data=False),
        Metric("deflated_mb", lambda r: r.deflated_mb, "MB", exact=True, data=False),
        Metric("peak_memory_mb", lambda r: r.peak_memory_mb, "MB", ".4g", machine=True, data=False),
        Metric("energy_j", lambda r: r.energy_j, "J", missing="is not told by this device", machine=True, data=False),
        # A score can be zero or negative, where a percentage of it means nothing or the opposite.
        Metric(
            "op_score",
            lambda r: r.op_score.value,
            pattern=_SCORE,
            percent=False,
            machine=True,
            interval=lambda r: r.op_score,
        ),
        Metric("normalised_score", lambda _: None, pattern=_SCORE, percent=False, missing=_ALONE, of_run=True),
        Metric("rank", lambda _: None, percent=False, missing=_ALONE, of_run=True),
    )
}


def known() -> list[str]:
    """The names of all metrics, a user's own included."""
    return [*METRICS, *registry.names("metric")]


def _registered(name: str) -> Metric:
    if name in METRICS:
        return METRICS[name]
    metric = registry.get("metric", name)()
    if not isinstance(metric, Metric):
        raise SettingsError(f"metric {name!r}: its function must return a Metric, not {metric!r}")
    return metric._replace(name=name)


def get(name: str) -> Metric | None:
    """Return the metric of a name; None where there is none here, as for a stored check whose package is gone."""
    try:
        return _registered(name)
    except CaseDefinitionError:
        return None


def find(name: str, where: str) -> Metric:
    """Return the metric of a name.

    Raises:
        SettingsError: there is none; ``where`` says who asked.
        CaseDefinitionError: what the name refers to cannot be imported.
    """
    try:
        return _registered(name)
    except UnknownNameError:
        raise SettingsError(f"{where}: unknown metric {name!r}; known: {', '.join(known())}") from None


def placeholder(name: str, where: str = "") -> Metric:  # noqa: ARG001 - it stands in for find
    """Return the metric of a name, or one that knows nothing but its name where it is not registered here.

    A run that is over may have budgets on a metric of a file that only pytest reads, or of a package that is gone.
    """
    return get(name) or Metric(name, lambda _: None, missing="is not registered here", registered=False)
