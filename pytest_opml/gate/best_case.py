"""The best case of a run within its budgets, and what each budget costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..analysis.ranking import groups, ranked
from ..records.result import Result
from ..records.run import Check, RunRecord


class WithoutBudget(NamedTuple):
    """The best case if one budget were lifted.

    Attributes:
        budget: metric and rule, such as ``size_mb max``.
        best: None where no case would pass the others.
    """

    budget: str
    best: Result | None


class Selection(NamedTuple):
    """The cases on one test set and machine, from the best.

    Attributes:
        results: those that were collected, by OpScore.
        allowed: those of them that pass all their budgets.
        pareto: ids of those that no other surpasses on every axis.
        without: each budget that keeps a case out, with what lifting it alone would bring.
    """

    results: tuple[Result, ...]
    allowed: tuple[Result, ...]
    pareto: tuple[str, ...]
    without: tuple[WithoutBudget, ...]

    @property
    def best(self) -> Result | None:
        """The lowest OpScore within the budgets."""
        return self.allowed[0] if self.allowed else None

    def as_plain(self) -> dict[str, object]:
        """Return plain data: ids, scores and what each budget costs."""

        def named(result: Result | None) -> dict[str, object] | None:
            return None if result is None else {"case": result.case.id, "op_score": result.op_score.value}

        return {
            "best": named(self.best),
            "within_budgets": [result.case.id for result in self.allowed],
            "pareto_front": list(self.pareto),
            "without": {budget: named(best) for budget, best in self.without},
        }


def select_best(record: RunRecord, checks: Sequence[Check]) -> list[Selection]:
    """Return the best case on each test set, of each machine.

    Args:
        record: of the run; references that were not collected cannot be chosen.
        checks: its verdicts; what fails or could not be judged keeps a case out, as does what is inconclusive where
            the gate counts that as a failure.
    """
    blocking: dict[str, list[Check]] = {}
    for check in checks:
        if check.blocking:
            blocking.setdefault(check.case_id, []).append(check)
    return [_choice(group, blocking) for group in groups(_collected(record))]


def _collected(record: RunRecord) -> list[Result]:
    return [result for result in record.results if result.case.id not in record.reference_only]


def _choice(group: tuple[Result, ...], blocking: Mapping[str, Sequence[Check]]) -> Selection:
    rows = ranked(group).rows
    against = {
        result.case.id: {
            f"{check.figure_name} {check.rule}" for check in blocking.get(result.case.id, ()) if check.is_of(result)
        }
        for result in group
    }
    by_id = {result.case.id: result for result in group}
    ordered = tuple(by_id[row.entry.name] for row in rows)

    def allowed(without: str | None = None) -> tuple[Result, ...]:
        return tuple(result for result in ordered if not against[result.case.id] - {without})

    budgets = sorted({budget for result in ordered for budget in against[result.case.id]})
    return Selection(
        ordered,
        allowed(),
        tuple(row.entry.name for row in rows if row.pareto),
        tuple(WithoutBudget(budget, next(iter(allowed(budget)), None)) for budget in budgets),
    )
