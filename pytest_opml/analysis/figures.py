"""What a result says of a metric, as evidence: its value, and its difference to another result."""

from __future__ import annotations

import math
from functools import lru_cache

from ..metrics import INFERENCE, METRICS, Metric
from ..records.result import Ladder, QualityKind, Result, Sampling, SideBySide
from ..stats.derived_time import DerivedTime, RecordedTime
from ..stats.evidence import (
    Evidence,
    Exact,
    Interval,
    LogTime,
    Negative,
    Normal,
    PairedTime,
    Proportion,
    ScaledInterval,
    SumOf,
)
from ..stats.macro_averages import FEWEST_EXAMPLES, smallest_class
from ..stats.order_statistics import Inverse, OrderStatistics, ladder
from ..stats.quality_evidence import Area
from . import op_score
from .examples import Examples, answer_sheet, kind_of, of_examples, same_examples
from .op_score import Difference

# By scenario, the time that a candidate has by its ratio to the reference, where the two were timed in turn.
PAIRED_TIMES = {
    metric.scenario: metric
    for metric in METRICS.values()
    if metric.scenario and metric.paired_ratio and not metric.inverse
}
_ONCE = Sampling()


def of_value(metric: Metric, result: Result, value: float, reference: Result | None = None) -> Evidence:
    """Return the evidence of one figure of a result, as the metric's ``evidence`` says.

    Args:
        metric: whose figure.
        result: of the case.
        value: its figure.
        reference: the result of its reference, by whose evidence and the ratio to it a time is known that was taken in
            turn with the reference's; without it that is known by its recorded interval.
    """
    if metric.paired_ratio and result.vs_reference:
        return _derived(metric, result, value, reference)
    if kind := kind_of(metric, result):
        return of_examples(kind, result) or _without_answers(kind, result, value)
    if metric.evidence == "score":
        return _of_score(result, reference)
    if metric.standard_error and (error := metric.standard_error(result)):
        return Normal(value, error)
    estimate = metric.interval(result) if metric.interval else None
    if estimate is None:
        return Exact(value)
    time = _sampled_time(metric, result, result.inference_s.value if metric.inverse else value)
    if time is None:
        return ScaledInterval(estimate)
    return Inverse(time, value * time.value) if metric.inverse else time


def _sampled_time(metric: Metric, result: Result, value: float) -> Evidence | None:
    """Return the evidence of the time that a figure is, or is worked out from; None where it is no sampled time.

    Args:
        metric: of the figure.
        result: whose passes or single examples were timed.
        value: of the time.
    """
    if metric.percentile is None:
        steps = ladder_of_passes(result.passes_s) if metric.scenario == "offline" else None
    else:
        steps = result.latency_ms.ladders.get(f"p{metric.percentile}")
    if steps is None:
        return None
    return OrderStatistics(steps, result.sampling.get(metric.sampled_time or "", _ONCE), value / steps.value)


@lru_cache(maxsize=256)
def ladder_of_passes(seconds: tuple[float, ...]) -> Ladder:
    """Return the intervals of the median of passes; cached, since a verdict asks for them many times."""
    return ladder(seconds, 0.5)


def _of_score(result: Result, reference: Result | None = None) -> Evidence:
    """Return the evidence of a score: that of the quality and that of the time, by MOVER on the logarithms.

    Of a score with other times than inference it is the recorded interval, rescaled: the time of training was taken
    once.

    Args:
        result: that has it.
        reference: as ``of_value`` has it.
    """
    if not times_inference(result):
        return ScaledInterval(result.op_score)
    inference = of_value(METRICS[INFERENCE], result, result.inference_s.value, reference)
    return SumOf(_log_error(result), LogTime(inference), constant=result.op_score.log_megabytes)


def _without_answers(kind: QualityKind, result: Result, value: float) -> Evidence:
    """Return the evidence of a figure of a record that holds no answers; the classes are taken to be of equal size."""
    if kind == "auc":
        return Area.of_equal_classes(value, result.auc_error, result.test_samples, result.classes)
    if kind in ("figures", "errors"):
        return ScaledInterval(result.quality)
    right = value * result.test_samples
    return Proportion(round(right) if kind == "right" else right, result.test_samples)


def too_few_examples(metric: Metric, result: Result, examples: Examples | None = None) -> str:
    """Return which class has too few test examples for an average over the classes to be judged; empty where none has.

    Args:
        metric: whose average.
        result: of the case.
        examples: those of a slice (n,); None for all.
    """
    kind, labels = kind_of(metric, result), answer_sheet(result).labels
    if kind not in ("recall", "precision", "f1", "auc") or labels is None:
        return ""
    labels = labels if examples is None else labels[examples]
    if not len(labels) or not labels.size:
        return ""
    label, count = smallest_class(labels)
    if count >= FEWEST_EXAMPLES:
        return ""
    name = result.class_names[label] if label < len(result.class_names) else label
    return (
        f"too few examples of class {name}: the test set has {count}, {metric.name} needs {FEWEST_EXAMPLES} of each "
        "class"
    )


def of_difference(
    metric: Metric,
    result: Result,
    value: float,
    reference: Result,
    reference_value: float,
    times: SideBySide | None,
) -> Evidence:
    """Return the evidence of a figure of a result, given its reference's figure, which the interval takes as exact.

    Paired wherever the two were: times that were taken in turn, answers to the same test examples.

    Args:
        metric: whose figure.
        result: the candidate.
        value: its figure.
        reference: what it is compared with: its reference case, or a baseline.
        reference_value: the reference's figure.
        times: those of the two that were taken in turn; None where they were not.
    """
    if metric.paired_ratio and times:
        return PairedTime(metric.paired_ratio(times), reference_value)
    if metric.evidence == "score":
        return _score_difference(result, reference, times)
    if paired := _beside(metric, result, reference, reference_value):
        return paired
    candidate, subtracted = of_value(metric, result, value), of_value(metric, reference, reference_value)
    if isinstance(candidate, Exact) and isinstance(subtracted, Exact):
        return candidate
    return SumOf(candidate, Negative(subtracted), constant=reference_value)


def _beside(metric: Metric, result: Result, reference: Result, value: float) -> Evidence | None:
    """Return a figure that is paired on the test examples, given the reference's; None where it cannot be."""
    kind = kind_of(metric, result)
    if kind is None or kind != kind_of(metric, reference) or not same_examples(result, reference):
        return None
    return answer_sheet(result).beside(kind, answer_sheet(reference), value)


def _score_difference(result: Result, reference: Result, times: SideBySide | None) -> Evidence:
    """Return the evidence of a score, given the reference's, by paired errors and times where there are such."""
    if times is None or not (times_inference(result) and times_inference(reference)):
        return SumOf(_of_score(result), Negative(_of_score(reference)), constant=reference.op_score.value)
    kind, ratio = result.quality.kind, None
    if reference.quality.name == result.quality.name and same_examples(result, reference):
        ratio = answer_sheet(result).error_ratio(kind, answer_sheet(reference))
    # without test examples in common both errors count
    errors = [ratio] if ratio else [_log_error(result), Negative(_log_error(reference))]
    size = score_axes(result, reference, times).size
    return SumOf(*errors, LogTime(PairedTime(times.offline)), constant=reference.op_score.value + size)


def _log_error(result: Result) -> Evidence:
    quality = of_value(METRICS["quality"], result, result.quality.value)
    return _LogError(quality, result.op_score.log_error, result.test_samples)


class _LogError(Evidence):
    """The base-10 logarithm of an error, from the evidence of the quality.

    Args:
        quality: its evidence.
        value: the logarithm, as the score has it.
        samples: test samples; the error is floored at half of one, as in the score.
    """

    def __init__(self, quality: Evidence, value: float, samples: int) -> None:
        self._quality, self.value, self._floor = quality, value, 1 / (2 * samples)

    def interval(self, error: float) -> Interval:
        """Return the base-10 logarithms of the ends."""
        low, high = self._quality.interval(error)
        ends = (math.log10(max(1 - end, self._floor)) for end in (high, low))
        return Interval(min(next(ends), self.value), max(next(ends), self.value))


def score_axes(result: Result, reference: Result, times: SideBySide | None) -> Difference:
    """Return which axis the difference between the scores of two results comes from; its parts add up to it.

    Args:
        result: the candidate.
        reference: what it is compared with: its reference case, or a baseline.
        times: those of the two that were taken in turn, whose ratio is then the axis of time; None where they were not.
    """
    axes = op_score.difference(result.op_score, reference.op_score)
    if times and times_inference(result) and times_inference(reference):
        return axes._replace(time=math.log10(times.offline.value))
    return axes


def times_inference(result: Result) -> bool:
    """Return whether the time in the score is that of inference alone."""
    return math.isclose(10**result.op_score.log_seconds, result.inference_s.value, rel_tol=1e-6)


# --- times that follow from the reference's


def times_beside(result: Result, reference: Result) -> SideBySide | None:
    """Return the times of a result that were taken in turn with its reference's; None where none were."""
    times = result.vs_reference
    return times if times and times.reference == reference.case.id else None


def _derived(metric: Metric, result: Result, value: float, reference: Result | None) -> Evidence:
    """Return the evidence of a time that is its reference's times the ratio to it, or of a rate by such a time."""
    times = times_beside(result, reference) if reference else None
    if reference and metric.paired_ratio and times and (reference_value := metric.read(reference)):
        time = DerivedTime(of_value(metric, reference, reference_value), PairedTime(metric.paired_ratio(times)))
        # of a run that was put together from several, the reference may be another measurement than the one beside it
        if math.isclose(time.value, value, rel_tol=1e-9):
            return time
    estimate = metric.interval(result) if metric.interval else None
    if estimate is None:
        return Exact(value)
    sampling = result.sampling.get(metric.sampled_time or "", Sampling())
    if metric.inverse and sampling.repeat:
        sampling = sampling.model_copy(update={"repeat": result.reference_samples / sampling.repeat})
    return RecordedTime(estimate, sampling)
