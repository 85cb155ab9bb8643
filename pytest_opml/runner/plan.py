"""What was collected, and what the markers of its tests say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import CaseDefinitionError

if TYPE_CHECKING:
    from ..gate.budgets import Budget
    from ..records.case_record import CaseRecord


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
        needs_tensorflow: whether a case may need TensorFlow, which takes seconds to import; False where all are known
            and are files that other runtimes open.
        addresses: of MLflow's, that cases name as their models.
    """

    cases: Mapping[str, str] = {}
    limits: Mapping[str, TestOverrides] = {}
    deselected: tuple[str, ...] = ()
    partial_selection: bool = False
    needs_tensorflow: bool = True
    addresses: tuple[str, ...] = ()


class AskedCases:
    """The ids of the cases that tests ask for, each of one case."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._cases: dict[str, CaseRecord] = {}

    def add(self, case: CaseRecord) -> None:
        """Add a case.

        Raises:
            CaseDefinitionError: another case has its id, or that of its reference.
        """
        for one in (case.reference, case):
            first = self._cases.setdefault(one.id, one)
            if first != one:
                fields = [name for name in type(one).model_fields if getattr(first, name) != getattr(one, name)]
                texts = (f"{name} = {getattr(first, name)!r} and {getattr(one, name)!r}" for name in fields)
                raise CaseDefinitionError(
                    f"two cases of this run have the id {one.id}, with {'; '.join(texts)}: give one another name"
                )
        self._ids.add(case.id)

    def __contains__(self, case_id: str) -> bool:
        return case_id in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)


NO_OVERRIDES, NOTHING_COLLECTED = TestOverrides(), CollectedRun()
