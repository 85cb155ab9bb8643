"""Whether two results can be compared: in what they differ besides the model."""

from __future__ import annotations

from ..metrics import Metric
from ..records.device import Device
from ..records.result import Result
from ..records.run import Baseline
from . import figures

OTHER_DATA = "the test data differ from the baseline's"


def needs_same_machine(metric: Metric, baseline: Baseline) -> bool:
    """Whether a figure may be compared only with one of the same machine: not, where this machine measured both."""
    if not metric.machine_dependent or not baseline.remeasured:
        return metric.machine_dependent
    return metric.build_only or (metric.evidence == "score" and not figures.times_inference(baseline.result))


def worked_out_otherwise(metric: Metric, now: Result, then: Result) -> str:
    """Say how the settings made another figure of what was measured then; empty where they are the same as now."""
    if metric.scaled and now.reference_samples != then.reference_samples:
        return f"for {then.reference_samples:,} examples, not {now.reference_samples:,}"
    if metric.evidence in ("quality", "score") and now.quality.name != then.quality.name:
        return f"of another quality: {then.quality.name}, not {now.quality.name}"
    if metric.evidence == "score" and figures.times_inference(now) != figures.times_inference(then):
        return "of another time: inference alone, or training too"
    return ""


def differing_in(now: Device, then: Device) -> str:
    """Name the first thing in which two machines differ that changes what they measure; empty for the same machine."""
    pairs = (
        (now.gpu.name if now.gpu else "no GPU", then.gpu.name if then.gpu else "no GPU"),
        (now.cpu, then.cpu),
        (f"{now.cores} cores", f"{then.cores} cores"),
        (f"{now.threads} threads", f"{then.threads} threads"),
    )
    return next((f"{old}, not {new}" for new, old in pairs if new != old), "")
