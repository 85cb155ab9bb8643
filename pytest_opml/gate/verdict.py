"""The verdict on a result: pure functions over records, so a stored run can be judged again under other budgets.

A budget is a limit on a figure, and a figure has an interval. The interval wholly on the right side of the limit is a
pass, wholly on the wrong side a fail; one that contains the limit is inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import NamedTuple

from ..analysis import figures
from ..analysis.comparability import OTHER_DATA, differing_in, needs_same_machine, worked_out_otherwise
from ..analysis.slices import examples_in, of_slice, of_slice_difference, why_no_slice
from ..records.result import Result, SideBySide
from ..records.run import Baseline, Check, Verdict
from ..stats.evidence import UNBOUNDED, Evidence, Exact
from .budgets import RELATIVE, Budget, GateTerms, sliced
from .disturbance import could_explain, disturbance

_ROUNDING = 1e-12
_POWER = 0.8  # of the minimum detectable effect
_NORMAL = NormalDist()


class BaselineSearch(NamedTuple):
    """How the baseline of a case was looked for.

    Attributes:
        wanted: what was asked for, in words; None where nobody named one.
        error: why it could not be read; empty where it could.
        choice: where nobody named one, which run it is, and which were passed over.
    """

    wanted: str | None = None
    error: str = ""
    choice: str = ""


class JudgedResult(NamedTuple):
    """A result and what it may be compared with.

    Attributes:
        reference: what ``max_drop`` and ``max_increase`` compare with, and by whose times those of the result are known
            that were taken in turn with it.
        baseline: what ``max_regression`` compares with.
        standings: of each case on the same kind of hardware, the figures that are a place among all; None before the
            end of the run.
        search: how the baseline was looked for.
    """

    result: Result
    reference: Result | None = None
    baseline: Baseline | None = None
    standings: Mapping[str, Mapping[str, float]] | None = None
    search: BaselineSearch = BaselineSearch()

    @property
    def standing(self) -> Mapping[str, float] | None:
        """The standing of the result itself."""
        return None if self.standings is None else self.standings.get(self.result.case.id, {})


_USUAL = GateTerms()


def judge(budgets: Sequence[Budget], subject: JudgedResult, terms: GateTerms = _USUAL) -> tuple[Check, ...]:
    """Judge a result by its budgets.

    ``max_drop`` and ``max_increase`` do not apply to a reference itself; what needs all cases waits for the end of the
    run.

    Args:
        budgets: those that apply to the case.
        subject: the result; a relative budget without what it compares with, or a metric without a value, is
            ``not_judged`` and never passes.
        terms: confidence, and what becomes of what is inconclusive.
    """
    is_reference = subject.result.case == subject.result.case.reference
    return tuple(
        _check(budget, subject, terms)
        for budget in sliced(budgets, subject.result)
        if not (is_reference and budget.rule in ("max_drop", "max_increase"))
        and not (budget.metric.run_level and subject.standing is None)
    )


class _NotJudged(Exception):  # noqa: N818 - an outcome, not an error
    """Why a budget cannot be judged."""


class _First(_NotJudged):
    """No run that may be compared with has the case yet."""


class _Reference(NamedTuple):
    """What a relative budget compares with, its figure, and the times of both where they were taken in turn."""

    name: str
    result: Result
    value: float
    times: SideBySide | None


def _check(budget: Budget, subject: JudgedResult, terms: GateTerms) -> Check:
    fields: dict[str, object] = {"value": None}
    try:
        value = _figure(budget, subject.result, subject.standing)
        fields["value"] = value
        _require_examples(budget, subject.result)
        reference = _reference(budget, subject) if budget.rule in RELATIVE else None
        if reference and budget.percent:
            _require_a_whole(budget, reference)
        figure = _evidence(budget, subject, value, reference)
        limit = budget.limit
        if reference:
            limit = bound(budget, reference.value)
            # the reference's figure and the difference to it, which is paired wherever it can be
            fields |= {"value": figure.value, "reference": reference.name, "reference_value": reference.value}
        fields |= {"limit": limit} | _verdict(figure, limit, budget.below, terms)
        if fields["verdict"] == "fail" and could_explain(budget, value):
            fields |= _excuse(disturbance(budget.metric, subject.result, subject.reference))
    except _NotJudged as error:
        fields |= {
            "limit": budget.limit,
            "verdict": "not_judged",
            "blocking": not budget.optional,
            "reason": str(error),
        }
        if isinstance(error, _First):
            # who names a baseline wants it to be there
            blocks_run = terms.first_run == "not_judged" or subject.search.wanted is not None
            fields |= {"is_first": True, "blocking": blocks_run and not budget.optional}
    about = {
        "case_id": subject.result.case.id,
        "profile": subject.result.device.profile,
        "metric": budget.metric.name,
        "slice": str(budget.slice) if budget.slice else "",
        "rule": budget.rule,
        "budget": budget.text,
        "source": budget.source,
    }
    return Check.model_validate(about | fields)


def _figure(budget: Budget, result: Result, standing: Mapping[str, float] | None, of: str = "") -> float:
    """Return the value that a budget is on; ``of``: whose it is, for the message."""
    metric = budget.metric
    if budget.slice:
        if why := why_no_slice(metric, result, budget.slice):
            raise _NotJudged(f"{of.strip()}: {why}" if of else why)
        return of_slice(metric, result, budget.slice).value
    value = (standing or {}).get(metric.name) if metric.run_level else metric.read(result)
    if value is None or not math.isfinite(value):
        raise _NotJudged(f"{metric.name} {of}{metric.missing}")
    return float(value)


def _require_examples(budget: Budget, result: Result) -> None:
    if few := figures.too_few_examples(budget.metric, result, examples_in(result, budget.slice)):
        raise _NotJudged(few)


def _require_a_whole(budget: Budget, reference: _Reference) -> None:
    if reference.value == 0:
        raise _NotJudged(
            f"{budget.metric.name} of {reference.name} is 0, and a percentage of 0 means nothing; "
            "give an absolute difference"
        )


def _reference(budget: Budget, subject: JudgedResult) -> _Reference:
    metric = budget.metric
    if budget.rule != "max_regression":
        reference = subject.reference
        if reference is None:
            raise _NotJudged("the reference case has no result to compare with")
        standing = (subject.standings or {}).get(reference.case.id)
        value = _figure(budget, reference, standing, "of the reference ")
        return _Reference(reference.case.id, reference, value, figures.times_beside(subject.result, reference))
    if metric.run_level:
        raise _NotJudged(f"{metric.name} is a place among the cases of one run, and is not compared with another run")
    baseline = subject.baseline
    search = subject.search
    if search.error:
        raise _NotJudged(f"the baseline could not be read: {search.error}")
    if baseline is None:
        lacking = "the run knows of no earlier result of this case on this kind of device"
        if search.wanted is None:
            raise _First("; ".join(filter(None, (lacking, search.choice))))
        # a stored run that is judged again was not asked for one if no budget needed it then
        raise _First(lacking + ("" if search.wanted == "last" else f" for the baseline {search.wanted}"))
    differing = differing_in(subject.result.device, baseline.device)
    if differing and needs_same_machine(metric, baseline):
        raise _NotJudged(f"the baseline was measured on another machine: {differing}")
    if metric.data_dependent and subject.result.data_digest != baseline.result.data_digest:
        raise _NotJudged(OTHER_DATA)
    if otherwise := worked_out_otherwise(metric, subject.result, baseline.result):
        raise _NotJudged(f"{metric.name} of the baseline is {otherwise}")
    value = _figure(budget, baseline.result, None, "of the baseline ")
    times = subject.result.vs_baseline if baseline.remeasured else None
    return _Reference(baseline.described, baseline.result, value, times)


def _evidence(budget: Budget, subject: JudgedResult, value: float, reference: _Reference | None) -> Evidence:
    metric = budget.metric
    if budget.slice:
        if reference is None:
            return of_slice(metric, subject.result, budget.slice)
        return of_slice_difference(metric, subject.result, reference.result, budget.slice)
    if metric.run_level:
        return Exact(value)
    if reference is None:
        return figures.of_value(metric, subject.result, value, subject.reference)
    return figures.of_difference(metric, subject.result, value, reference.result, reference.value, reference.times)


def bound(budget: Budget, reference: float) -> float:
    """Turn a relative budget into an absolute limit, given the reference value."""
    allowed = abs(reference) * budget.limit / 100 if budget.percent else budget.limit
    return reference - allowed if budget.below else reference + allowed


def _verdict(figure: Evidence, limit: float, below: bool, terms: GateTerms) -> dict[str, object]:
    """Return what the evidence says of a limit: the fields of a check that depend on it.

    Args:
        figure: the evidence of the value.
        limit: in its unit.
        below: whether too low a figure fails it.
        terms: of the gate.
    """
    # 0.51 - 0.04 is a little more than 0.47: what is equal but for rounding passes.
    at_limit = math.isclose(figure.value, limit, rel_tol=_ROUNDING)
    beyond = not at_limit and (figure.value < limit if below else figure.value > limit)
    if isinstance(figure, Exact):
        verdict: Verdict = "fail" if beyond else "pass"
        return {"verdict": verdict, "blocking": beyond}
    low, high = figure.interval(terms.error)
    unbounded = figure.value > 0 and high > UNBOUNDED * figure.value
    error = 1.0 if at_limit else figure.error_at(limit, below=below if beyond else not below)
    fields: dict[str, object] = {
        "low": low,
        "high": high,
        "confidence": 1 - error / 2,
        "min_detectable": None
        if unbounded
        else (high - low) / 2 * (1 + _NORMAL.inv_cdf(_POWER) / _NORMAL.inv_cdf(1 - terms.error / 2)),
    }
    reason = ""
    # The interval itself decides, so that what is printed agrees with the verdict.
    outside = high < limit if below else low > limit
    inside = low >= limit if below else high <= limit
    verdict = "fail" if outside and beyond else "pass" if inside else "inconclusive"
    if verdict == "inconclusive" and unbounded:
        reason = "too few samples to be so sure of anything"
    if verdict == "fail" and figure.repeat is not None:
        confirmed = figure.repeat < limit if below else figure.repeat > limit
        if not confirmed:
            verdict, reason = "inconclusive", "a repeat did not confirm it"
    return fields | {"verdict": verdict, "reason": reason, "blocking": blocks(verdict, terms)}


def _excuse(disturbances: str) -> dict[str, object]:
    """Return what becomes of a failure whose figure was taken while so much disturbed it: a quieter machine decides."""
    if not disturbances:
        return {}
    return {
        "verdict": "inconclusive",
        "blocking": True,
        "busy": True,
        "reason": f"the machine was busy: {disturbances}",
    }


def blocks(verdict: Verdict, terms: GateTerms) -> bool:
    """Return whether a verdict keeps the run from exiting with 0."""
    return verdict == "fail" or (verdict == "inconclusive" and terms.inconclusive == "fail")
