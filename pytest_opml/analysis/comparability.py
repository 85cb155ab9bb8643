"""Whether two results can be compared: in what they differ besides the model."""

from __future__ import annotations

from ..metrics import Metric
from ..records.device import Device
from ..records.result import Result
from ..records.run import Baseline
from . import figures

OTHER_DATA = "the test data differ from the baseline's"


_SCALED = ("inference_s", "energy_j", "op_score")  # to ``reference_samples`` images


def needs_same_machine(metric: Metric, baseline: Baseline) -> bool:
    """Whether a figure may be compared only with one of the same machine: not, where this machine measured both."""
    if not metric.machine or not baseline.remeasured:
        return metric.machine
    return metric.making or (metric.name == "op_score" and not figures.times_inference(baseline.result))


def worked_out_otherwise(metric: Metric, now: Result, then: Result) -> str:
    """How the settings made another figure of what was measured then; empty where they are the same as now."""
    if metric.name in _SCALED and now.reference_samples != then.reference_samples:
        return f"for {then.reference_samples:,} images, not {now.reference_samples:,}"
    if metric.name == "op_score" and figures.times_inference(now) != figures.times_inference(then):
        return "of another time: inference alone, or training too"
    return ""


def differing_in(now: Device, then: Device) -> str:
    """The first thing in which two machines differ that changes what they measure; empty for the same machine."""
    pairs = (
        (now.gpu.name if now.gpu else "no GPU", then.gpu.name if then.gpu else "no GPU"),
        (now.cpu, then.cpu),
        (f"{now.cores} cores", f"{then.cores} cores"),
        (f"{now.threads} threads", f"{then.threads} threads"),
    )
    return next((f"{old}, not {new}" for new, old in pairs if new != old), "")
