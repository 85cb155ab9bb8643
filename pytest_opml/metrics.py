"""The table of metrics: what each is, in one row, from which budgets, sampling, history and reports derive the rest.

A row says the unit and the format, which way is better, where a result holds the value and how sure it is, from which
samples a time is taken, what it is scaled to, how two values are compared, and whether the history has a column for it.
A new percentile of the latency is one more row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal

from . import registry
from .errors import CaseDefinitionError, SettingsError, UnknownNameError
from .records.result import Estimate, Ratio, Result, Score, Section, SideBySide

INFERENCE, LATENCY = "inference_s", "latency_ms"


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: as budgets name it; what is registered has the name that it is registered by.
        read: the value in a result; None where it was not measured.
        unit: as printed behind a value; empty for shares and scores.
        format_spec: the format of a value.
        percent: whether a relative budget may be a percentage of the reference; only where zero means none.
        missing: what to say of a result that has no value.
        better: which way is an improvement; ``max_regression`` asks it.
        machine_dependent: whether the value depends on the machine, so that it is compared with an earlier run on the
            same only.
        build_only: whether the value is of how the artifact was made, which measuring its file again does not tell.
        run_level: whether the value is a place among all cases of the run, which only its end knows.
        exact: whether the same model always has the same value.
        scaled: whether the value is scaled to the ``reference_samples`` of the result.
        column: whether the history keeps the value in a column of its own; only for rows of this table.
        evidence: what verdicts rest on. ``interval``: what ``interval`` or ``standard_error`` gives, else the value as
            it is; a difference adds both as if independent. ``proportion``: the share of right predictions, by its
            exact interval; a difference is paired on the test samples. ``macro``: an average over the classes of what
            was predicted; a difference is paired too. ``area``: that of the areas under the ROC curve. ``score``: the
            sum of the axes, each paired where it can be.
        interval: the value with its 95 % interval; None for a metric that was measured once.
        standard_error: of the value; 0 where it is not known.
        paired_ratio: the ratio of the value to the reference's where both were timed side by side, by which a
            difference is then judged.
        scenario: whose samples the value is worked out from, and are taken until budgets on it are decided:
            ``offline``, that is ``inference_s`` or a rate by it, or ``single``; None for all that is not sampled so.
        section: the part of measuring or making a case in which the value was taken, whatever disturbed that; None for
            the scenario's, and for all that takes no time.
        inverse: whether the value falls as the time rises: examples divided by seconds.
        percentile: which percentile of the latency it is, 1 to 99; None for all that is none.
        data_dependent: whether the value depends on the test data, so that it is compared with an earlier run on the
            same only.
        registered: False where only the name is known, as of a metric that was registered in a file which is not read
            here; see ``placeholder``.
    """

    name: str
    read: Callable[[Result], float | None]
    unit: str = ""
    format_spec: str = ".3g"
    _: KW_ONLY
    percent: bool = True
    missing: str = "was not measured"
    better: Literal["lower", "higher"] = "lower"
    machine_dependent: bool = False
    build_only: bool = False
    run_level: bool = False
    exact: bool = False
    scaled: bool = False
    column: bool = True
    evidence: Literal["interval", "proportion", "macro", "area", "quality", "score"] = "interval"
    interval: Callable[[Result], Estimate | Score | None] | None = None
    standard_error: Callable[[Result], float] | None = None
    paired_ratio: Callable[[SideBySide], Ratio] | None = None
    scenario: Literal["offline", "single"] | None = None
    section: Section | None = None
    inverse: bool = False
    percentile: int | None = None
    data_dependent: bool = True
    registered: bool = True

    def format(self, value: float | None) -> str:
        """Write a value with its unit, without the exponent that ``g`` writes from its number of digits on."""
        if value is None:
            return "n/a"
        text = f"{value:{self.format_spec}}"
        return f"{f'{value:.0f}' if 'e+' in text and abs(value) < 1e15 else text} {self.unit}".rstrip()

    @property
    def timed_in(self) -> Section | None:
        """The part of measuring in which the value was taken; None where no other work can change it."""
        return self.section or self.scenario

    @property
    def sampled_time(self) -> str | None:
        """The name by which sampling knows the time that the value is worked out from; None for all but such times."""
        if self.scenario == "offline":
            return INFERENCE
        return self.name if self.percentile is not None else None


def _share(name: str, **facts: Any) -> Metric:
    given: dict[str, Any] = {
        "read": lambda result: getattr(result, name),
        "format_spec": ".4f",
        "better": "higher",
        "missing": "means nothing for the task of these data",
    }
    return Metric(name, **given | facts)


def percentile(percent: int, **facts: Any) -> Metric:
    """Return the row of a percentile of the latency.

    Args:
        percent: 1 to 99.
        facts: what else is in its row.
    """
    part = f"p{percent}"

    def interval(result: Result) -> Estimate | None:
        value, ends = getattr(result.latency_ms, part), result.latency_ms.intervals.get(part)
        return None if value is None or ends is None else Estimate(value=value, low=ends[0], high=ends[1])

    return Metric(
        f"{LATENCY}.{part}",
        lambda result: getattr(result.latency_ms, part),
        "ms",
        missing="has not enough samples",
        machine_dependent=True,
        interval=interval,
        scenario="single",
        percentile=percent,
        data_dependent=False,
        **facts,
    )


def _throughput(result: Result) -> Estimate:
    time, examples = result.inference_s, result.reference_samples
    return Estimate(value=examples / time.value, low=examples / time.high, high=examples / time.low)


def _once(name: str, unit: str, read: Callable[[Result], float | None] | None = None, **facts: Any) -> Metric:
    """Return the row of a figure of the machine that is measured once."""
    return Metric(name, read or (lambda result: getattr(result, name)), unit, machine_dependent=True, **facts)


def _place(name: str, **facts: Any) -> Metric:
    """Return the row of a place among the cases on one test set."""
    missing = "needs another case on the same test set"
    return Metric(name, lambda _: None, percent=False, missing=missing, run_level=True, column=False, **facts)


_TABLE = (
    _share("quality", read=lambda r: r.quality.value, interval=lambda r: r.quality, evidence="quality"),
    _share(
        "accuracy",
        read=lambda r: r.accuracy and r.accuracy.value,
        interval=lambda r: r.accuracy,
        evidence="proportion",
    ),
    _share("recall", evidence="macro"),
    _share("precision", evidence="macro"),
    _share("f1", evidence="macro"),
    _share("auc", evidence="area"),
    Metric(
        INFERENCE,
        lambda r: r.inference_s.value,
        "s",
        machine_dependent=True,
        scaled=True,
        data_dependent=False,
        interval=lambda r: r.inference_s,
        paired_ratio=lambda times: times.offline,
        scenario="offline",
    ),
    Metric(
        "throughput",
        lambda r: r.throughput,
        "examples/s",
        ".4g",
        better="higher",
        machine_dependent=True,
        data_dependent=False,
        interval=_throughput,
        paired_ratio=lambda times: times.offline.inverse,
        scenario="offline",
        inverse=True,
    ),
    percentile(50, paired_ratio=lambda times: times.single),
    percentile(90),
    percentile(95),
    percentile(99),
    _once("cold_start_s", "s", lambda r: r.cold_start.load_s + r.cold_start.first_call_s, section="cold_start"),
    _once("training_s", "s", build_only=True, section="training"),
    _once("preparation_s", "s", build_only=True, section="preparation"),
    Metric("size_mb", lambda r: r.size_mb, "MB", exact=True, data_dependent=False),
    Metric("deflated_mb", lambda r: r.deflated_mb, "MB", exact=True, data_dependent=False),
    _once("peak_memory_mb", "MB", format_spec=".4g"),
    _once("energy_j", "J", missing="is not told by this device", scaled=True, section="offline"),
    # A score can be zero or negative, where a percentage of it means nothing or the opposite.
    Metric(
        "op_score",
        lambda r: r.op_score.value,
        format_spec=".3f",
        percent=False,
        machine_dependent=True,
        scaled=True,
        evidence="score",
        interval=lambda r: r.op_score,
        section="offline",
    ),
    _place("normalised_score", format_spec=".3f"),
    _place("rank"),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _TABLE}


def percentiles() -> dict[str, int]:
    """Return the percentiles of the latency that the table asks for, by the name of the record's field: ``p99``."""
    asked = [metric.percentile for metric in METRICS.values() if metric.percentile is not None]
    return {f"p{percent}": percent for percent in sorted(asked)}


def names() -> list[str]:
    """Return the names of all metrics, a user's own included."""
    return [*METRICS, *registry.names("metric")]


def _registered(name: str) -> Metric:
    if name in METRICS:
        return METRICS[name]
    metric = registry.get("metric", name)()
    if not isinstance(metric, Metric):
        raise SettingsError(f"metric {name!r}: its function must return a Metric, not {metric!r}")
    return replace(metric, name=name)


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
        raise SettingsError(f"{where}: unknown metric {name!r}; known: {', '.join(names())}") from None


def placeholder(name: str, where: str = "") -> Metric:  # noqa: ARG001 - it stands in for find
    """Return the metric of a name, or one that knows nothing but its name where it is not registered here.

    A run that is over may have budgets on a metric of a file that only pytest reads, or of a package that is gone.
    """
    return get(name) or Metric(name, lambda _: None, missing="is not registered here", registered=False)
