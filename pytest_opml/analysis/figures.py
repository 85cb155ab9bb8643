"""What a result says of a metric, as evidence: its value, and its difference to another result."""

from __future__ import annotations

import math
from functools import lru_cache

from ..metrics import Metric
from ..records.result import Ladder, Result, Sampling, SideBySide
from ..stats import predictions
from ..stats.evidence import (
    Evidence,
    Exact,
    LogTime,
    Negative,
    Normal,
    PairedProportion,
    PairedTime,
    Proportion,
    ScaledInterval,
    SumOf,
)
from ..stats.order_statistics import Inverse, OrderStatistics, ladder

_ONCE = Sampling()


def of_value(metric: Metric, result: Result, value: float) -> Evidence:
    """Return the evidence of one figure of a result, as the metric's ``evidence`` says."""
    if metric.evidence == "proportion":
        return Proportion(round(value * result.test_samples), result.test_samples)
    if metric.evidence == "bootstrap" and result.predictions and predictions.unpack(result.predictions):
        return Normal(value, predictions.standard_error(metric.name, result.predictions))
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
        result: whose passes or single images were timed.
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


def of_difference(
    metric: Metric,
    result: Result,
    value: float,
    reference: Result,
    reference_value: float,
    times: SideBySide | None,
) -> Evidence:
    """Return the evidence of a figure of a result, given its reference's figure, which the interval takes as exact.

    Paired wherever the two were: times that were taken in turn, predictions of the same test images.

    Args:
        metric: whose figure.
        result: the candidate.
        value: its figure.
        reference: what it is compared with: its reference case, or a baseline.
        reference_value: the reference's figure.
        times: those of the two that were taken in turn; None where they were not.
    """
    if metric.paired_ratio and times:
        return PairedTime(ratio := metric.paired_ratio(times), value / ratio.value)
    same_data = result.data_digest == reference.data_digest
    pair = predictions.both_of(result.predictions, reference.predictions) if same_data else None
    if metric.evidence == "score":
        return _score_difference(result, reference, pair, times)
    if pair and metric.evidence == "proportion":
        return SumOf(PairedProportion(predictions.discordant(*pair)), constant=reference_value)
    if pair and metric.evidence == "bootstrap":
        return Normal(value, predictions.standard_error(metric.name, str(result.predictions), reference.predictions))
    candidate, subtracted = of_value(metric, result, value), of_value(metric, reference, reference_value)
    if isinstance(candidate, Exact) and isinstance(subtracted, Exact):
        return candidate
    return SumOf(candidate, Negative(subtracted), constant=reference_value)


def _score_difference(
    result: Result,
    reference: Result,
    pair: tuple[predictions.Predictions, predictions.Predictions] | None,
    times: SideBySide | None,
) -> Evidence:
    """Return the difference of two scores, from paired errors and times where there are such (delta method)."""
    score, reference_score = result.op_score, reference.op_score
    if not pair or times is None or not (times_inference(result) and times_inference(reference)):
        return SumOf(ScaledInterval(score), Negative(ScaledInterval(reference_score)), constant=reference_score.value)
    worse, better, images = predictions.discordant(*pair)
    wrong, reference_wrong = (max(images * (1 - one.accuracy.value), 0.5) for one in (result, reference))
    # of the logarithm of a ratio of two shares of the same samples
    error = math.sqrt((worse + better) / (wrong * reference_wrong)) / math.log(10)
    errors = Normal(score.log_error - reference_score.log_error, error)
    size = score.log_megabytes - reference_score.log_megabytes
    return SumOf(errors, LogTime(PairedTime(times.offline)), constant=reference_score.value + size)


def times_inference(result: Result) -> bool:
    """Return whether the time in the score is that of inference alone."""
    return math.isclose(10**result.op_score.log_seconds, result.inference_s.value, rel_tol=1e-6)
