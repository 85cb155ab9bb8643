"""What was collected, and what the markers of its tests say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import registry
from ..errors import CaseDefinitionError

if TYPE_CHECKING:
    from pathlib import Path

    from ..case import Case
    from ..gate.budgets import Budget
    from ..models.missing_weights import MissingWeights
    from ..records.case_record import CaseRecord, Provider


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
        addresses: of MLflow's, that cases name as their models.
        providers: ONNX Runtime's execution providers that cases ask for by name.
        needs_tensorflow: whether a case that is known, or may still be asked for, needs TensorFlow.
        missing_weights: ImageNet weights of cases that are not on this machine, and have to be fetched.
        gpus: all devices that the run is on; empty for one.
        devices: the most that one of the cases is trained on.
        collected_cases: the cases themselves.
    """

    cases: Mapping[str, str] = {}
    limits: Mapping[str, TestOverrides] = {}
    deselected: tuple[str, ...] = ()
    partial_selection: bool = False
    addresses: tuple[str, ...] = ()
    providers: tuple[Provider, ...] = ()
    needs_tensorflow: bool = True
    missing_weights: tuple[MissingWeights, ...] = ()
    gpus: tuple[str, ...] = ()
    devices: int = 1
    collected_cases: tuple[Case, ...] = ()


class CollectedTest(NamedTuple):
    """What asks for cases.

    Attributes:
        name: what runs it again: the id of a test of pytest's, or a command.
        case: that it asks for; None where it says so only when it runs.
        overrides: what it sets for its cases.
    """

    name: str
    case: Case | None
    overrides: TestOverrides = TestOverrides()


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

    def discard(self, case_id: str) -> None:
        """Take a case out, if it is there; its id stays its own."""
        self._ids.discard(case_id)

    def __contains__(self, case_id: str) -> bool:
        return case_id in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)


def plan_run(
    tests: Iterable[CollectedTest],
    cache_dir: Path,
    *,
    deselected: Iterable[str] = (),
    partial_selection: bool = False,
    gpus: Sequence[str] = (),
) -> CollectedRun:
    """Return the plan of a run of these tests, after looking for what their cases name.

    Args:
        tests: all that were collected.
        cache_dir: of the run's cache.
        deselected: see ``CollectedRun``.
        partial_selection: likewise.
        gpus: likewise.

    Raises:
        CaseDefinitionError: two different cases have one id.
        UsageError: a file or a module that a case names is not there.
    """
    from ..models.missing_weights import missing_weights
    from .case_files import check_files

    tests = tuple(tests)
    asked, cases = AskedCases(), [test.case for test in tests if test.case is not None]
    for case in cases:
        check_files(case, cache_dir)
        asked.add(case)
    return CollectedRun(
        cases={test.case.id: test.name for test in tests if test.case is not None},
        limits={test.case.id: test.overrides for test in tests if test.case is not None},
        deselected=tuple(deselected),
        partial_selection=partial_selection,
        addresses=tuple(sorted({case.model for case in cases if registry.is_address(case.model)})),
        providers=tuple(sorted({name for case in cases for name in case.providers})),
        needs_tensorflow=len(cases) < len(tests) or any(case.needs_tensorflow for case in cases),
        missing_weights=tuple(missing_weights(cases, cache_dir)),
        gpus=tuple(gpus) if len(gpus) > 1 else (),
        devices=max((case.devices for case in cases if case.unfreeze != 0), default=1),
        collected_cases=tuple(dict.fromkeys(cases)),
    )


NO_OVERRIDES, NOTHING_COLLECTED = TestOverrides(), CollectedRun()
