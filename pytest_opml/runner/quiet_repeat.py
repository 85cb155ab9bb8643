"""Measuring a case again that fails a limit only on a busy machine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from ..gate.budgets import Budget, GateTerms
from ..gate.disturbance import is_excusable, taken_with
from ..gate.verdict import JudgedResult, judge
from ..metrics import LATENCY, METRICS
from ..printable import printable
from ..records.result import Result
from ..records.run import Check
from .launchers.base import WorkerFailed

ATTEMPTS = 3
_Value = TypeVar("_Value")
# What measuring an artifact's file by itself tells of times; the rest is the same each time.
_TIMES = ("passes_s", "cold_start", "conditions", "notes")
_SCORED = ("inference_s", "op_score", "latency_ms", "sampling")


class QuietRepeat:
    """Measures a case again while it fails a limit by figures that were taken on a busy machine.

    Args:
        budgets: that the case is held to, and those of others that follow from its times.
        reference: the result of its reference; None where it has none.
        terms: of the gate.
    """

    def __init__(self, budgets: Sequence[Budget], reference: Result | None, terms: GateTerms) -> None:
        # what was taken while the artifact was built cannot be taken again without building it anew
        self._budgets = [budget for budget in budgets if is_excusable(budget) and not budget.metric.build_only]
        self._reference, self._terms = reference, terms

    def busy(self, result: Result) -> list[Check]:
        """Return the checks that a result fails, but that measuring it again could decide."""
        budgets = [budget for budget in self._budgets if taken_with(budget.metric, result, self._reference) is result]
        checks = judge(budgets, JudgedResult(result, self._reference), self._terms)
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
    """Return a result with the times of another measurement of the same file.

    Those that follow from its reference's stay: the two were timed in turn, and are not timed so again.
    """
    if result.vs_reference is None:
        return result.model_copy(update={name: getattr(again, name) for name in (*_TIMES, *_SCORED)})
    paired = {name for name, metric in METRICS.items() if metric.paired_ratio}
    sampling = _but(again.sampling, result.sampling, paired)
    parts = {name.removeprefix(f"{LATENCY}.") for name in paired}
    fields = dict(again.latency_ms)
    for name, value in fields.items():
        if isinstance(value, dict):
            fields[name] = _but(value, getattr(result.latency_ms, name), parts)
    latency = again.latency_ms.model_copy(update=fields)
    times = {name: getattr(again, name) for name in _TIMES}
    return result.model_copy(update=times | {"latency_ms": latency, "sampling": sampling})


def _but(taken: Mapping[str, _Value], stays: Mapping[str, _Value], names: Collection[str]) -> dict[str, _Value]:
    """Return one mapping with what the other has under some names."""
    rest = {name: value for name, value in taken.items() if name not in names}
    return {name: value for name, value in stays.items() if name in names} | rest
