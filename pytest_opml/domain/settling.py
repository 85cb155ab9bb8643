"""All verdicts of a run, from its record alone."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from .budgets import Budget, Gate, Terms, parse_budgets
from .gate import Subject, blocks, judge
from .ranking import groups, ranked
from .records import Check, RunRecord


def settle(record: RunRecord, gate: Gate) -> tuple[Check, ...]:
    """All checks of a run, from its record alone: the same whether it has just ended or was stored long ago.

    Args:
        record: its own checks are not looked at.
        gate: the budgets, those of the markers apart, which the record holds.

    Returns:
        The checks in the order of the results, then one for each case that should have a result and has none.
    """
    results = {result.case.id: result for result in record.results}
    baselines = {found.result.case.id: found for found in record.baselines}
    standings = _standings(record)
    checks: list[Check] = []
    for name, result in results.items():
        if name in record.uncollected:
            continue
        subject = Subject(
            result,
            results.get(result.case.reference.id),
            baselines.get(name),
            record.device,
            standings,
            record.baseline,
            record.unread.get(name, ""),
        )
        checks += judge(gate.applying(name, record.device.profile, marked(record, name)), subject, gate.terms)
    checks += _missing(record, gate)
    return tuple(_as_family(checks, gate.terms) if gate.terms.multiple == "holm" else checks)


def _measured(record: RunRecord) -> set[str]:
    """Ids of the cases that were run, with whatever outcome."""
    return {result.case.id for result in record.results} | {failure.case.id for failure in record.failures}


def without_the_rest(record: RunRecord) -> RunRecord:
    """The record of a run that was stopped: what it did not come to is not missing, it was left out."""
    measured = _measured(record)
    rest = [name for name in record.planned if name not in measured]
    planned = {name: test for name, test in record.planned.items() if name in measured}
    return record.model_copy(update={"planned": planned, "deselected": (*record.deselected, *rest)})


def marked(record: RunRecord, case_id: str) -> tuple[Budget, ...]:
    """The budgets on the marker of a case's test."""
    tables = record.marked.get(case_id, {})
    return tuple(budget for where, table in tables.items() for budget in parse_budgets(table, where))


def _standings(record: RunRecord) -> dict[str, dict[str, float]]:
    """The figures of each result that are a place among those on the same test set."""
    found: dict[str, dict[str, float]] = {}
    for group in groups(record.results):
        for row in ranked(group).rows if len(group) > 1 else ():
            normalised = {} if row.normalised is None else {"normalised_score": row.normalised}
            found[row.entry.name] = {"rank": float(row.rank)} | normalised
    return found


def _missing(record: RunRecord, gate: Gate) -> list[Check]:
    """Cases that were collected and have neither result nor failure, and those that a budget names in vain."""
    measured = _measured(record)
    checks = []
    for name in record.planned:
        budgets = gate.applying(name, record.device.profile, marked(record, name))
        if name not in measured and budgets and not all(budget.optional for budget in budgets):
            checks.append(_absent(name, budgets[0].source, "was collected, but has no result"))
    seen = {*measured, *record.planned, *record.deselected}
    nowhere = "no case of this run has such an id: renamed, or no longer collected?"
    return checks + [
        _absent(entry.pattern, entry.source, nowhere)
        for entry in gate.by_case
        if not (entry.optional or record.selection or any(fnmatchcase(name, entry.pattern) for name in seen))
    ]


def _absent(name: str, source: str, reason: str) -> Check:
    return Check(
        case_id=name,
        metric="case",
        rule="case",
        limit=0.0,
        budget="a case with a result",
        source=source,
        value=None,
        verdict="unjudged",
        blocking=True,
        reason=reason,
    )


def _as_family(checks: Sequence[Check], terms: Terms) -> list[Check]:
    """The checks with Holm's step-down over all that chance decides (Scandinavian Journal of Statistics 6, 1979).

    The chance that any budget of the run which holds is called broken stays below half of ``terms.error``.
    """
    chancy = [check for check in checks if check.sure is not None]
    by_error = sorted((check for check in chancy if check.verdict == "fail"), key=lambda check: -(check.sure or 0.0))
    kept: set[int] = set()
    for number, check in enumerate(by_error):
        if 2 * (1 - (check.sure or 0.0)) > terms.error / (len(chancy) - number):
            break
        kept.add(id(check))
    return [
        check
        if check.verdict != "fail" or check.sure is None or id(check) in kept
        else check.model_copy(
            update={
                "verdict": "inconclusive",
                "blocking": blocks("inconclusive", terms),
                "reason": f"among {len(chancy)} checks, one like it may be chance (Holm)",
            }
        )
        for check in checks
    ]


def expected_false_alarms(checks: Sequence[Check], terms: Terms) -> float:
    """How many checks of a run chance alone would call broken at most, were every figure just at its limit."""
    chancy = sum(check.sure is not None for check in checks)
    return terms.error / 2 * (min(chancy, 1) if terms.multiple == "holm" else chancy)
