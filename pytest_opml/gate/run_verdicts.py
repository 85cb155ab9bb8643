"""All verdicts of a run, from its record alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from ..analysis.ranking import groups, ranked
from ..metrics import placeholder
from ..records.case_ids import matches
from ..records.result import Key, Result
from ..records.run import Check, RunRecord
from .budgets import Budget, Gate, GateTerms, parse_budgets
from .run_cost import judge_cost
from .verdict import BaselineSearch, JudgedResult, blocks, judge
from .waivers import waive


def judge_run(record: RunRecord, gate: Gate, today: date | None = None) -> tuple[Check, ...]:
    """Return all checks of a run, from its record alone: the same whether it has just ended or was stored long ago.

    A budget on a metric that is not registered here cannot be judged: its stored check stays as it is, and one that was
    not stored is not judged.

    Args:
        record: its own checks are looked at for such budgets only.
        gate: the budgets, those of the markers apart, which are in the record.
        today: the day that waivers go by; None for that of the machine's clock.

    Returns:
        The checks in the order of the results, one for each case that should have a result and has none, then those on
        metrics that are not registered here, and last the one of what the run cost.
    """
    results = {result.key: result for result in record.results}
    baselines = {baseline.result.key: baseline for baseline in record.baselines}
    standings = _standings(record)
    checks: list[Check] = []
    unregistered: list[Check] = []
    for result in results.values():
        name, profile = result.key
        if name in record.reference_only:
            continue
        subject = JudgedResult(
            result,
            results.get(Key(result.case.reference.id, profile)),
            baselines.get(result.key),
            standings[profile],
            BaselineSearch(record.baseline, record.baseline_errors.get(name, ""), record.baseline_choice),
        )
        budgets = gate.applicable(name, profile, marker_budgets(record, name))
        checks += judge([budget for budget in budgets if budget.metric.registered], subject, gate.terms)
        unregistered += _as_stored(
            [budget for budget in budgets if not budget.metric.registered], result, record.checks
        )
    checks += _missing(record, gate)
    judged = _as_family(checks, gate.terms) if gate.terms.multiple == "holm" else checks
    return (*waive((*judged, *unregistered), gate.waivers, today), *judge_cost(record, gate.max_cost))


def _as_stored(budgets: Sequence[Budget], result: Result, stored: Sequence[Check]) -> Iterator[Check]:
    """The stored checks of budgets whose metric is not registered here; one that says so where there is none."""
    is_reference = result.case == result.case.reference
    for budget in budgets:
        if is_reference and budget.rule in ("max_drop", "max_increase"):
            continue
        name = budget.metric.name
        asked = (name, budget.rule, budget.text)
        same = (check for check in stored if check.is_of(result) and (check.metric, check.rule, check.budget) == asked)
        if check := next(same, None):
            note = f"the metric {name} is not registered here, so it is shown as it was stored"
            reason = check.reason if note in check.reason else "; ".join(filter(None, (check.reason, note)))
            yield check.model_copy(update={"reason": reason})
        else:
            yield Check(
                case_id=result.case.id,
                profile=result.device.profile,
                metric=name,
                rule=budget.rule,
                limit=budget.limit,
                budget=budget.text,
                source=budget.source,
                value=None,
                verdict="not_judged",
                blocking=not budget.optional,
                reason=f"the metric {name} is not registered here, and no check of this budget was stored",
            )


def _measured(record: RunRecord) -> set[Key]:
    """Return the cases that were run, with whatever outcome, and on which kind of hardware."""
    return {member.key for member in (*record.results, *record.failures)}


def drop_unreached_cases(record: RunRecord) -> RunRecord:
    """The record of a run that was stopped: what it did not come to is not missing, it was left out."""
    measured = _measured(record)
    reached = [key for key in record.collected_keys if key in measured]
    names = {key.case_id for key in reached}
    rest = [key.case_id for key in record.collected_keys if key not in measured]
    return record.model_copy(
        update={
            "collected": {name: test for name, test in record.collected.items() if name in names},
            "collected_on": {
                name: tuple(key.profile for key in reached if key.case_id == name)
                for name in record.collected_on
                if name in names
            },
            "deselected": tuple(dict.fromkeys((*record.deselected, *rest))),
        }
    )


def marker_budgets(record: RunRecord, case_id: str) -> tuple[Budget, ...]:
    """Return the budgets on the marker of a case's test."""
    tables = record.marker_budgets.get(case_id, {})
    return tuple(budget for where, table in tables.items() for budget in parse_budgets(table, where, find=placeholder))


def _standings(record: RunRecord) -> Mapping[str, dict[str, dict[str, float]]]:
    """By kind of hardware and case, the figures of each result that are a place among those on the same test set."""
    standings: defaultdict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for group in groups(record.results):
        for row in ranked(group).rows if len(group) > 1 else ():
            normalised = {} if row.normalised is None else {"normalised_score": row.normalised}
            standings[group[0].device.profile][row.entry.name] = {"rank": float(row.rank)} | normalised
    return standings


def _missing(record: RunRecord, gate: Gate) -> list[Check]:
    """Cases that were collected and have neither result nor failure, and those that a budget names in vain."""
    measured, is_on_many = _measured(record), bool(record.collected_on)
    checks = []
    for name, profile in record.collected_keys:
        budgets = gate.applicable(name, profile, marker_budgets(record, name))
        if (name, profile) not in measured and budgets and not all(budget.optional for budget in budgets):
            where = f" on {profile}" if is_on_many else ""
            reason = f"was collected, but has no result{where}"
            checks.append(_absent(name, budgets[0].source, reason, profile if is_on_many else None))
    seen = {*(key.case_id for key in measured), *record.collected, *record.deselected}
    nowhere = "no case of this run has such an id: renamed, or no longer collected?"
    return checks + [
        _absent(entry.pattern, entry.source, nowhere)
        for entry in gate.by_case
        if not (entry.optional or record.partial_selection or any(matches(name, entry.pattern) for name in seen))
    ]


def _absent(name: str, source: str, reason: str, profile: str | None = None) -> Check:
    return Check(
        case_id=name,
        profile=profile,
        metric="case",
        rule="case",
        limit=0.0,
        budget="a case with a result",
        source=source,
        value=None,
        verdict="not_judged",
        blocking=True,
        reason=reason,
    )


def _as_family(checks: Sequence[Check], terms: GateTerms) -> list[Check]:
    """Apply Holm's step-down to all that chance decides (Scandinavian Journal of Statistics 6, 1979).

    The chance that any budget of the run is wrongly called failed stays below half of ``terms.error``.
    """
    chancy = [check for check in checks if check.confidence is not None]
    by_error = sorted(
        (check for check in chancy if check.verdict == "fail" or check.busy),
        key=lambda check: -(check.confidence or 0.0),
    )
    rejected: set[int] = set()
    for number, check in enumerate(by_error):
        if 2 * (1 - (check.confidence or 0.0)) > terms.error / (len(chancy) - number):
            break
        rejected.add(id(check))
    return [
        check
        if not (check.verdict == "fail" or check.busy) or check.confidence is None or id(check) in rejected
        else check.model_copy(
            update={
                "verdict": "inconclusive",
                "blocking": blocks("inconclusive", terms),
                "busy": False,
                "reason": f"among {len(chancy)} checks, one like it may be chance (Holm)",
            }
        )
        for check in checks
    ]


def expected_false_alarms(checks: Sequence[Check], terms: GateTerms) -> float:
    """Return how many checks of a run chance alone would make fail at most, were every figure just at its limit."""
    chancy = sum(check.confidence is not None for check in checks)
    return terms.error / 2 * (min(chancy, 1) if terms.multiple == "holm" else chancy)
