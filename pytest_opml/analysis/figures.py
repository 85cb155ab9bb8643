"""What a result says of a metric, as evidence: its value, and its difference to another result."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..metrics import Metric
from ..records.result import Result, SideBySide
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

_MACRO = ("recall", "precision", "f1")


def of_value(metric: Metric, result: Result, value: float) -> Evidence:
    """What is known of one figure of a result."""
    name = metric.name
    if name == "accuracy":
        return Proportion(round(value * result.test_samples), result.test_samples)
    if name in _MACRO and result.predictions and predictions.unpack(result.predictions):
        return Normal(value, predictions.standard_error(name, result.predictions))
    if name == "auc" and result.auc_error:
        return Normal(value, result.auc_error)
    estimate = metric.interval(result) if metric.interval else None
    if estimate is None:
        return Exact(value)
    second, share = _looks(name, result)
    return ScaledInterval(estimate, second, share)


class _Look(NamedTuple):
    second: float | None
    share: float


def _looks(name: str, result: Result) -> _Look:
    """The figure from times that were taken anew, and the share of the error at the look that ended the first ones."""
    looks = result.sampling
    if name.startswith("latency_ms."):
        return _Look(looks.second_ms.get(name.removeprefix("latency_ms.")), looks.single_share)  # type: ignore[call-overload]
    if name == "inference_s":
        return _Look(looks.second_inference_s, looks.passes_share)
    if name == "throughput":
        second = looks.second_inference_s
        return _Look(second and result.reference_samples / second, looks.passes_share)
    return _Look(None, 1.0)


def of_difference(
    metric: Metric, result: Result, value: float, reference: Result, other: float, beside: SideBySide | None
) -> Evidence:
    """What is known of a figure of a result, seen from its reference's figure, which the interval takes as given.

    Paired wherever the two were: times that were taken in turn, answers to the same test images.

    Args:
        metric: whose figure.
        result: the candidate.
        value: its figure.
        reference: what it is compared with: its reference case, or a baseline.
        other: the reference's figure.
        beside: the times of the two that were taken in turn; None where they were not.
    """
    name = metric.name
    if metric.beside and beside:
        return PairedTime(ratio := metric.beside(beside), value / ratio.value)
    same_data = result.data_digest == reference.data_digest
    pair = predictions.both_of(result.predictions, reference.predictions) if same_data else None
    if name == "op_score":
        return _score_difference(result, reference, pair, beside)
    if pair and name == "accuracy":
        return SumOf(PairedProportion(predictions.discordant(*pair)), constant=other)
    if pair and name in _MACRO:
        return Normal(value, predictions.standard_error(name, str(result.predictions), reference.predictions))
    own, others = of_value(metric, result, value), of_value(metric, reference, other)
    if isinstance(own, Exact) and isinstance(others, Exact):
        return own
    return SumOf(own, Negative(others), constant=other)


def _score_difference(
    result: Result,
    reference: Result,
    pair: tuple[predictions.Predictions, predictions.Predictions] | None,
    beside: SideBySide | None,
) -> Evidence:
    """By the delta method, from a paired difference of errors and a paired ratio of times where there are such."""
    one, other = result.op_score, reference.op_score
    if not pair or beside is None or not (times_inference(result) and times_inference(reference)):
        return SumOf(ScaledInterval(one), Negative(ScaledInterval(other)), constant=other.value)
    worse, better, images = predictions.discordant(*pair)
    wrong, reference_wrong = (max(images * (1 - found.accuracy.value), 0.5) for found in (result, reference))
    # of the logarithm of a ratio of two shares of the same samples
    error = math.sqrt((worse + better) / (wrong * reference_wrong)) / math.log(10)
    time = LogTime(PairedTime(beside.offline))
    size = one.log_megabytes - other.log_megabytes
    return SumOf(Normal(one.log_error - other.log_error, error), time, constant=other.value + size)


def times_inference(result: Result) -> bool:
    """Whether the time in the score is that of inference alone."""
    return math.isclose(10**result.op_score.log_seconds, result.inference_s.value, rel_tol=1e-6)
