"""A candidate's times by those of its reference: what their sampling is told, and what the result says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from ..analysis import figures
from ..metrics import INFERENCE
from ..records.result import Estimate, Latency, Ratio, Result, Sampling, SideBySide
from ..stats.derived_time import derive_estimate, derive_sampling
from ..stats.evidence import Evidence
from ..stats.sequential import SamplingPlan

_MEDIAN = figures.PAIRED_TIMES["single"].name


class TimeFigures(NamedTuple):
    """The times of a result that may follow from its reference's.

    Attributes:
        inference_s: over the reference's examples.
        latency_ms: of one example, of which only the median can follow.
        sampling: how each time was sampled, by metric.
    """

    inference_s: Estimate
    latency_ms: Latency
    sampling: Mapping[str, Sampling]


def reference_times(reference: Result | None) -> dict[str, dict[str, Evidence]]:
    """Return what is known of a reference's times, by scenario and metric; nothing of those that it does not have."""
    if reference is None:
        return {}
    values = {scenario: (metric, metric.read(reference)) for scenario, metric in figures.PAIRED_TIMES.items()}
    return {
        scenario: {metric.name: figures.of_value(metric, reference, value)}
        for scenario, (metric, value) in values.items()
        if value
    }


def limits_alone(plan: SamplingPlan, reference: Result) -> SamplingPlan:
    """Return a plan without the limits on times that are known by the reference's: those the side-by-side decides."""
    paired = {name for times in reference_times(reference).values() for name in times}
    return replace(plan, limits={name: limits for name, limits in plan.limits.items() if name not in paired})


def derive(own: TimeFigures, reference: Result | None, times: SideBySide | None) -> TimeFigures:
    """Return the times of a candidate: its reference's times the ratio to it, and its own where there is no ratio.

    Args:
        own: what the candidate took by itself, at another time than its reference.
        reference: the result of its reference.
        times: those of the two that were taken in turn.
    """
    if reference is None or times is None:
        return own
    latency, sampling = own.latency_ms, dict(own.sampling)
    sampling[INFERENCE] = _sampling(INFERENCE, reference.inference_s, reference, times.offline)
    value, ends = reference.latency_ms.p50, reference.latency_ms.intervals.get("p50")
    if value and ends:
        median = Estimate(value=value, low=ends[0], high=ends[1])
        derived = derive_estimate(median, times.single)
        percentiles = latency.percentiles | {"p50": derived.value}
        intervals = latency.intervals | {"p50": (derived.low, derived.high)}
        ladders = {name: steps for name, steps in latency.ladders.items() if name != "p50"}  # of its own samples
        latency = latency.model_copy(update={"percentiles": percentiles, "intervals": intervals, "ladders": ladders})
        sampling[_MEDIAN] = _sampling(_MEDIAN, median, reference, times.single)
    sampled = {name: how for name, how in sampling.items() if how != Sampling()}
    return TimeFigures(derive_estimate(reference.inference_s, times.offline), latency, sampled)


def _sampling(metric: str, time: Estimate, reference: Result, ratio: Ratio) -> Sampling:
    """Say how a time was sampled that follows from the reference's."""
    return derive_sampling(time.value, reference.sampling.get(metric, Sampling()), ratio)
