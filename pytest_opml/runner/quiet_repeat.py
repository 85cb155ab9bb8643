"""Measuring a case again that fails a limit only on a busy machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..gate.budgets import Budget, GateTerms
from ..gate.disturbance import is_excusable
from ..gate.verdict import JudgedResult, judge
from ..records.result import Result
from ..records.run import Check
from .launchers.base import WorkerFailed, printable

ATTEMPTS = 3
# What measuring an artifact's file tells of times; the rest is the same each time, or was taken in turn with others.
_TIMES = ("inference_s", "passes_s", "latency_ms", "cold_start", "conditions", "op_score", "sampling", "notes")


class QuietRepeat:
    """Measures a case again while it fails a limit by figures that were taken on a busy machine.

    Args:
        budgets: that the case is held to.
        reference: the result of its reference; None where it has none.
        terms: of the gate.
    """

    def __init__(self, budgets: Sequence[Budget], reference: Result | None, terms: GateTerms) -> None:
        # what was taken while the artifact was built cannot be taken again without building it anew
        self._budgets = [budget for budget in budgets if is_excusable(budget) and not budget.metric.build_only]
        self._reference, self._terms = reference, terms

    def busy(self, result: Result) -> list[Check]:
        """Return the checks that a result fails, but that measuring it again could decide."""
        checks = judge(self._budgets, JudgedResult(result, self._reference), self._terms)
        return [check for check in checks if check.busy]

    def repeated(self, result: Result, measure: Callable[[], Result | None]) -> Result:
        """Return the result, with the times of the measurement that leaves the fewest of its limits open.

        Args:
            result: as it was measured first.
            measure: measures it again as soon as the machine is quiet; None where it does not become so; may raise
                ``WorkerFailed``.
        """
        best, open_checks = result, self.busy(result)
        for _ in range(ATTEMPTS):
            if not open_checks:
                break
            try:
                again = measure()
            except WorkerFailed as error:
                text = printable(f"the times could not be measured again on a quieter machine: {error}")
                return best.model_copy(update={"notes": (*best.notes, text)})
            if again is None:
                break
            candidate, why = _with_times(result, again), open_checks[0].reason
            if len(checks := self.busy(candidate)) < len(open_checks):
                note = f"the times were measured again, since at first {why}"
                best = candidate.model_copy(update={"notes": (*candidate.notes, note)})
                open_checks = checks
        return best


def _with_times(result: Result, again: Result) -> Result:
    """Return a result with the times of another measurement of the same file."""
    return result.model_copy(update={name: getattr(again, name) for name in _TIMES})
