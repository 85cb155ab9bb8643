"""What would decide a check that is inconclusive, were its figure to stay what it is."""

from __future__ import annotations

import math
from statistics import NormalDist

from ..metrics import Metric, get
from ..records.result import Result
from ..records.run import Check
from .budgets import RELATIVE, GateTerms

_NORMAL = NormalDist()
_SENSIBLE_IMAGES = 10_000_000
_SENSIBLE_SAMPLING = 10  # times max_seconds
_SENSIBLE_GROWTH = 100.0
_SURE = 1 - 1e-9


def needed_evidence(check: Check, result: Result, terms: GateTerms, *, family: int = 1) -> str:
    """Say what would decide a check, as the subject of a sentence: ``about 2,400 test examples``.

    The width of an interval falls with the square root of the samples, so its distance to the limit says how many more
    it takes.

    Args:
        check: that the interval of the figure leaves inconclusive.
        result: of its case.
        terms: that it was judged by.
        family: how many checks share the error, under Holm's method.

    Returns:
        The text; empty for a check that is decided, and where nothing can be said.
    """
    metric = get(check.metric)
    if check.verdict != "inconclusive":
        return ""
    if check.busy:
        return "a quieter machine"
    if metric is None or check.confidence is None:
        return ""
    needed, reached = (_NORMAL.inv_cdf(min(share, _SURE)) for share in (1 - terms.error / 2 / family, check.confidence))
    if reached >= needed:
        return "another run"  # a repeat did not confirm it
    growth = (needed / reached) ** 2 if reached > 0 else math.inf
    if metric.evidence in ("proportion", "macro", "area", "quality") or metric.standard_error is not None:
        samples = next((one.samples for one in result.slices if one.name == check.slice), result.test_samples)
        return _images(samples * growth, check.slice)
    if metric.scenario is not None:
        return _sampling(check, metric, result, growth, terms.max_seconds)
    parts = "the test examples and the sampling" if metric.evidence == "score" else "as many samples"
    return f"about {_rounded(growth):g} times {parts}" if growth <= _SENSIBLE_GROWTH else "no number of samples"


def _images(number: float, of: str) -> str:
    if number > _SENSIBLE_IMAGES:
        return "no test set of a sensible size"
    return f"about {_rounded(number):,.0f} test examples{f' of {of}' if of else ''}"


def _sampling(check: Check, metric: Metric, result: Result, growth: float, max_seconds: float) -> str:
    """Say how long it takes to sample a time, where that is what its interval depends on."""
    times = result.vs_baseline if check.rule == "max_regression" else result.vs_reference
    if metric.paired_ratio is not None and times is not None:
        seconds = metric.paired_ratio(times).seconds
    elif check.rule in RELATIVE and metric.paired_ratio is not None:
        option = "baseline=release" if check.rule == "max_regression" else "compare-seconds"
        return f"timing the two side by side (--opml-{option})"
    elif check.rule == "max_regression":
        return "longer sampling in both runs"
    elif metric.scenario == "offline":
        seconds = sum(result.passes_s)
    else:
        seconds = result.latency_ms.samples * (result.latency_ms.p50 or 0.0) / 1000
    if not 0 < seconds * growth <= _SENSIBLE_SAMPLING * max_seconds:
        return "no sampling of a sensible length"
    needed = _rounded(seconds * growth)
    return f"about {needed:g} s of sampling{f' (max_seconds = {max_seconds:g})' if needed > max_seconds else ''}"


def _rounded(number: float) -> float:
    """Round up to two digits: more would claim to know what it takes."""
    unit = 10.0 ** (math.floor(math.log10(number)) - 1)
    return math.ceil(number / unit - 1e-9) * unit
