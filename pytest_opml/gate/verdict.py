"""The verdict on a result: pure functions over records, so a stored run can be judged again under other budgets.

A budget is a limit on a figure, and a figure has an interval. The interval wholly on the right side of the limit is a
pass, wholly on the wrong side a fail; one that holds the limit is inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import NamedTuple

from ..analysis import figures
from ..analysis.comparability import OTHER_DATA, differing_in, needs_same_machine, worked_out_otherwise
from ..metrics import Metric
from ..records.result import Result, SideBySide
from ..records.run import Baseline, Check, Verdict
from ..stats.evidence import Evidence, Exact, PairedTime
from .budgets import RELATIVE, Budget, GateTerms

_ROUNDING = 1e-12
_POWER = 0.8  # of the smallest excess that is called detectable
_NORMAL = NormalDist()


class JudgedResult(NamedTuple):
    """A result and what it may be compared with.

    Attributes:
        reference: what ``max_drop`` and ``max_increase`` compare with.
        baseline: what ``max_regression`` compares with.
        standings: of each case on the same kind of hardware, the figures that are a place among all; None before the
            end of the run.
        wanted: what was asked for as baseline, in words; None for the last run.
        baseline_errors: why the baseline could not be read; empty where it could.
    """

    result: Result
    reference: Result | None = None
    baseline: Baseline | None = None
    standings: Mapping[str, Mapping[str, float]] | None = None
    wanted: str | None = None
    baseline_errors: str = ""

    @property
    def standing(self) -> Mapping[str, float] | None:
        """Of the result itself."""
        return None if self.standings is None else self.standings.get(self.result.case.id, {})


_USUAL = GateTerms()


def judge(budgets: Sequence[Budget], subject: JudgedResult, terms: GateTerms = _USUAL) -> tuple[Check, ...]:
    """Hold a result against its budgets.

    ``max_drop`` and ``max_increase`` do not apply to a reference itself; what needs all cases waits for the end of the
    run.

    Args:
        budgets: those that apply to the case.
        subject: the result; a relative budget without what it compares with, or a metric without a value, is
            ``not_judged`` and never passes.
        terms: confidence, and what becomes of what stays undecided.
    """
    is_reference = subject.result.case == subject.result.case.reference
    return tuple(
        _check(budget, subject, terms)
        for budget in budgets
        if not (is_reference and budget.rule in ("max_drop", "max_increase"))
        and not (budget.metric.of_run and subject.standing is None)
    )


class _Unjudged(Exception):  # noqa: N818 - an outcome, not an error
    """Why a budget cannot be judged."""


class _Other(NamedTuple):
    """What a relative budget compares with, and its figure."""

    name: str
    result: Result
    value: float
    beside: SideBySide | None


def _check(budget: Budget, subject: JudgedResult, terms: GateTerms) -> Check:
    fields: dict[str, object] = {"value": None}
    try:
        value = _figure(budget.metric, subject.result, subject.standing)
        fields["value"] = value
        other = _other(budget, subject) if budget.rule in RELATIVE else None
        known = _evidence(budget.metric, subject.result, value, other)
        limit = budget.limit
        if other:
            beside = known.beside if isinstance(known, PairedTime) else other.value
            limit = bound(budget, beside)
            fields |= {"reference": other.name, "reference_value": beside}
        fields |= {"limit": limit} | _verdict(known, limit, budget.below, terms)
    except _Unjudged as error:
        fields |= {
            "limit": budget.limit,
            "verdict": "not_judged",
            "blocking": not budget.optional,
            "reason": str(error),
        }
    about = {
        "case_id": subject.result.case.id,
        "profile": subject.result.device.profile,
        "metric": budget.metric.name,
        "rule": budget.rule,
        "budget": budget.text,
        "source": budget.source,
    }
    return Check.model_validate(about | fields)


def _figure(metric: Metric, result: Result, standing: Mapping[str, float] | None, of: str = "") -> float:
    """The value of a metric; ``of``: whose it is, for the message."""
    value = (standing or {}).get(metric.name) if metric.of_run else metric.read(result)
    if value is None or not math.isfinite(value):
        raise _Unjudged(f"{metric.name} {of}{metric.missing}")
    return float(value)


def _other(budget: Budget, subject: JudgedResult) -> _Other:
    metric = budget.metric
    if budget.rule != "max_regression":
        found = subject.reference
        if found is None:
            raise _Unjudged("the reference case has no result to compare with")
        standing = (subject.standings or {}).get(found.case.id)
        beside = subject.result.vs_reference
        paired = beside if beside and beside.reference == found.case.id else None
        return _Other(found.case.id, found, _figure(metric, found, standing, "of the reference "), paired)
    if metric.of_run:
        raise _Unjudged(f"{metric.name} is a place among the cases of one run, and is not compared with another run")
    baseline = subject.baseline
    if subject.baseline_errors:
        raise _Unjudged(f"the baseline could not be read: {subject.baseline_errors}")
    if baseline is None:
        asked = "" if subject.wanted in (None, "last") else f" for the baseline {subject.wanted}"
        # a stored run that is judged again was not asked for one if no budget needed it then
        raise _Unjudged(f"the run knows of no earlier result of this case on this kind of device{asked}")
    differing = differing_in(subject.result.device, baseline.device)
    if differing and needs_same_machine(metric, baseline):
        raise _Unjudged(f"the baseline was measured on another machine: {differing}")
    if metric.data and subject.result.data_digest != baseline.result.data_digest:
        raise _Unjudged(OTHER_DATA)
    if otherwise := worked_out_otherwise(metric, subject.result, baseline.result):
        raise _Unjudged(f"{metric.name} of the baseline is {otherwise}")
    value = _figure(metric, baseline.result, None, "of the baseline ")
    beside = subject.result.vs_baseline if baseline.remeasured else None
    return _Other(baseline.described, baseline.result, value, beside)


def _evidence(metric: Metric, result: Result, value: float, other: _Other | None) -> Evidence:
    if metric.of_run:
        return Exact(value)
    if other is None:
        return figures.of_value(metric, result, value)
    return figures.of_difference(metric, result, value, other.result, other.value, other.beside)


def bound(budget: Budget, reference: float) -> float:
    """The limit of a relative budget on the value itself."""
    allowed = abs(reference) * budget.limit / 100 if budget.percent else budget.limit
    return reference - allowed if budget.below else reference + allowed


def _verdict(known: Evidence, limit: float, below: bool, terms: GateTerms) -> dict[str, object]:
    """What the evidence says of a limit: the fields of a check that depend on it.

    Args:
        known: of the figure.
        limit: in its unit.
        below: whether too low a figure breaks it.
        terms: of the gate.
    """
    # 0.51 - 0.04 is a little more than 0.47: what is equal but for rounding holds.
    at_limit = math.isclose(known.value, limit, rel_tol=_ROUNDING)
    broken = not at_limit and (known.value < limit if below else known.value > limit)
    if isinstance(known, Exact):
        verdict: Verdict = "fail" if broken else "pass"
        return {"verdict": verdict, "blocking": broken}
    low, high = known.interval(terms.error)
    error = 1.0 if at_limit else known.error_at(limit, below=below if broken else not below)
    fields: dict[str, object] = {
        "low": low,
        "high": high,
        "confidence": 1 - error / 2,
        "min_detectable": (high - low) / 2 * (1 + _NORMAL.inv_cdf(_POWER) / _NORMAL.inv_cdf(1 - terms.error / 2)),
    }
    reason = ""
    # The interval itself decides, so that what is printed agrees with the verdict.
    outside = high < limit if below else low > limit
    inside = low >= limit if below else high <= limit
    verdict = "fail" if outside and broken else "pass" if inside else "inconclusive"
    if verdict == "fail" and known.second is not None:
        confirmed = known.second < limit if below else known.second > limit
        if not confirmed:
            verdict, reason = "inconclusive", "a second look did not confirm it"
    return fields | {"verdict": verdict, "reason": reason, "blocking": blocks(verdict, terms)}


def blocks(verdict: Verdict, terms: GateTerms) -> bool:
    """Whether a verdict keeps the run from exiting with 0."""
    return verdict == "fail" or (verdict == "inconclusive" and terms.undecided == "fail")
