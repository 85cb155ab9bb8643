"""What was collected, and what the markers of its tests say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..gate.budgets import Budget


class TestOverrides(NamedTuple):
    """What one test sets for its cases: budgets beside the file's, and seconds instead of the run's.

    Attributes:
        budgets: that the test's markers hold its cases to.
        timeout_s: seconds that each of them may take; None for those of the run.
        tables: the budgets as they were written, by where.
    """

    budgets: tuple[Budget, ...] = ()
    timeout_s: float | None = None
    tables: Mapping[str, Any] = {}


class CollectedRun(NamedTuple):
    """What was collected, so that what is missing at the end is seen.

    Attributes:
        cases: ids of the cases, and the tests that measure them.
        limits: what the markers of their tests say.
        deselected: ids of cases that the command line left out.
        partial_selection: whether the command line left out benchmarks that were then never collected.
    """

    cases: Mapping[str, str] = {}
    limits: Mapping[str, TestOverrides] = {}
    deselected: tuple[str, ...] = ()
    partial_selection: bool = False


NO_OVERRIDES, NOTHING_COLLECTED = TestOverrides(), CollectedRun()
