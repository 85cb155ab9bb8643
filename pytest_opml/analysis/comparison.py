"""A result compared with an earlier one of the same case: what changed, by how much, and whether by chance."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from ..metrics import METRICS, Metric
from ..records.result import Key, Result
from ..records.run import Baseline
from ..stats.evidence import Evidence
from . import figures
from .comparability import OTHER_DATA, differing_in, needs_same_machine, worked_out_otherwise
from .op_score import Difference

ERROR = 0.05

Word = Literal["better", "worse", "same", "unclear"]


class Change(NamedTuple):
    """How a figure changed, with the 95 % interval of the change.

    Attributes:
        value: a difference for shares and scores; for times and sizes the ratio, later over earlier.
        word: unclear where the interval contains no change; same where nothing changed at all.
    """

    value: float
    low: float
    high: float
    word: Word


class Comparison(NamedTuple):
    """All that is compared; None for what was measured on another machine or other data, or worked out otherwise.

    Attributes:
        quality_name: what the quality of both is; of the later one where they differ.
        elsewhere: in what the two machines differ; empty where times are compared all the same.
        other_data: that the test data differ, in words; empty where they are the same.
        otherwise: in what the settings differ that a figure was worked out by; empty where they do not.
        axes: what the change of the OpScore is the sum of; None without it.
    """

    key: Key
    baseline: Baseline
    quality_name: str
    quality: Change | None
    time: Change | None
    size: Change | None
    op_score: Change | None
    axes: Difference | None
    elsewhere: str
    other_data: str
    otherwise: str

    @property
    def case_id(self) -> str:
        """Id of the case."""
        return self.key.case_id

    def as_plain(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        changes = {name: getattr(self, name) for name in ("quality", "time", "size", "op_score")}
        return {
            "case": self.case_id,
            "profile": self.key.profile,
            "baseline": {
                "name": self.baseline.name,
                "run": self.baseline.run_id,
                "commit": self.baseline.commit and self.baseline.commit.commit,
                "remeasured": self.baseline.remeasured,
                "remeasure_error": self.baseline.remeasure_error,
            },
            "quality_name": self.quality_name,
            **{name: change and change._asdict() for name, change in changes.items()},
            "axes": self.axes and self.axes._asdict(),
            "other_machine": self.elsewhere,
            "other_data": self.other_data,
            "other_settings": self.otherwise,
        }


def compare(result: Result, baseline: Baseline) -> Comparison:
    """Compare a result with an earlier one of the same case.

    Args:
        result: the later one.
        baseline: the earlier one; where it was measured again, both times are of one session.
    """
    earlier = baseline.result
    times = result.vs_baseline if baseline.remeasured else None
    elsewhere = differing_in(result.device, baseline.device)
    other_data = OTHER_DATA if result.data_digest != earlier.data_digest else ""

    metrics = [METRICS[name] for name in ("quality", "inference_s", "size_mb", "op_score")]

    def evidence_of(metric: Metric) -> Evidence | None:
        """Return the evidence of a figure, given the baseline's; None where the two say nothing of each other."""
        now, then = metric.read(result), metric.read(earlier)
        if now is None or then is None or (elsewhere and needs_same_machine(metric, baseline)):
            return None
        if (other_data and metric.data_dependent) or worked_out_otherwise(metric, result, earlier):
            return None
        return figures.of_difference(metric, result, now, earlier, then, times)

    quality, time, size, score = map(evidence_of, metrics)
    axes = None if score is None else figures.score_axes(result, earlier, times)
    return Comparison(
        key=result.key,
        baseline=baseline,
        quality_name=result.quality.name,
        quality=None if quality is None else _difference(quality, earlier.quality.value, higher_is_better=True),
        time=None if time is None else _ratio(time, earlier.inference_s.value),
        size=None if size is None else _ratio(size, earlier.size_mb),
        op_score=None if score is None or axes is None else _score_change(score, earlier.op_score.value, axes),
        axes=axes,
        elsewhere=elsewhere if any(needs_same_machine(metric, baseline) for metric in metrics) else "",
        other_data=other_data,
        otherwise=next(filter(None, (worked_out_otherwise(metric, result, earlier) for metric in metrics)), ""),
    )


def _difference(figure: Evidence, earlier: float, *, higher_is_better: bool = False) -> Change:
    low, high = figure.interval(ERROR)
    ends = figure.value - earlier, low - earlier, high - earlier
    return Change(*ends, _word(*ends, 0.0, higher_is_better))


def _score_change(figure: Evidence, earlier: float, axes: Difference) -> Change:
    """Return the change of the score, which is what its axes add up to."""
    return _difference(figure, earlier)._replace(value=axes.total)


def _ratio(figure: Evidence, earlier: float) -> Change:
    low, high = figure.interval(ERROR)
    ends = figure.value / earlier, low / earlier, high / earlier
    return Change(*ends, _word(*ends, 1.0, False))


def _word(value: float, low: float, high: float, none: float, higher_is_better: bool) -> Word:
    """Return what an interval says, where ``none`` stands for no change."""
    if low == high == value == none:
        return "same"
    if low <= none <= high:
        return "unclear"
    return "better" if (value > none) == higher_is_better else "worse"
