"""The cases of one kind of device, measured by the nodes of a fleet; each test waits for its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NoReturn

from ...errors import UsageError
from ...records.result import Key
from ..plan import NO_OVERRIDES
from .makings import check_budgets_apart
from .node_notes import short_id
from .orders import OrderedCase, UnitOrder

if TYPE_CHECKING:
    from ...case import Case
    from ...datasets.splits import Split
    from ...progress import Progress
    from ...records.result import Result
    from ..baselines import Baselines
    from ..node_meter import NodeTime
    from ..options import RunOptions
    from ..plan import TestOverrides
    from ..shared_results import MeasuredCase
    from .base import Told
    from .fleet_run import FleetRun, Listener


class FleetRunner:
    """Has cases measured on nodes; beside ``CaseRunner``, which measures them on this machine.

    Args:
        run: what is submitted to the fleet.
        options: of the run on this kind of node.
        baselines: what cases are compared with.
        on_progress: is told how far a case has come.
        on_outcome: is given what came of each case as soon as it is there, perhaps before its test has begun.
    """

    def __init__(
        self,
        run: FleetRun,
        options: RunOptions,
        baselines: Baselines,
        on_progress: Callable[[Case, Progress], None],
        on_outcome: Listener,
    ) -> None:
        self._run, self._options, self._baselines, self._on_progress = run, options, baselines, on_progress
        self._kind, plan = options.settings.gpu, options.plan
        units = [
            UnitOrder(key=f"{self._kind} {members[0].id}", cases=tuple(map(self._ordered, members)))
            for members in units_of(plan.collected_cases)
        ]
        run.prepare(options.settings, plan, units, on_outcome)

    @property
    def node_time(self) -> NodeTime:
        """The time in which nodes of the kind worked on cases, so far."""
        return self._run.node_seconds.of(self._kind)

    def _ordered(
        self, case: Case, overrides: TestOverrides | None = None, is_judged: bool | None = None
    ) -> OrderedCase:
        plan = self._options.plan
        overrides = plan.limits.get(case.id, NO_OVERRIDES) if overrides is None else overrides
        is_judged = case.id in plan.cases if is_judged is None else is_judged
        budgets = self._options.budgets(case.id, overrides) if is_judged else ()
        check_budgets_apart(self._options.settings, case, budgets)
        baseline = self._baselines.as_stored(case.id, self._options.device.profile, budgets)
        return OrderedCase(case=case, overrides=overrides, is_judged=is_judged, baseline=baseline)

    def run_case(
        self, case: Case, overrides: TestOverrides, *, is_judged: bool = True, reference: Result | None = None
    ) -> MeasuredCase:
        """Return what came of a case; waits until a node has measured it.

        Args:
            case: one that was submitted, or another, which is submitted now.
            overrides: what its test says of budgets and time; of one that was submitted, what its marker says.
            is_judged: whether it is held to budgets; likewise.
            reference: the result that it is compared with; None where it has none, or is itself.
        """
        key = Key(case.id, self._kind)
        if not self._run.is_submitted(key):
            ordered = self._ordered(case, overrides, is_judged)
            unit = UnitOrder(key=f"{self._kind} {case.id}", cases=(ordered,), reference=reference)
            self._run.submit({self._kind: [unit]})

        def tell(told: Told) -> None:
            if told.node is None or told.progress.is_note:
                self._on_progress(case, told.progress)
                return
            at = "" if told.case_id == case.id else f"{told.case_id}: "
            stage = f"{at}{told.progress.stage} on node {short_id(told.node)}"
            self._on_progress(case, told.progress._replace(stage=stage))

        return self._run.wait(key, tell)

    def data(self, case: Case) -> Split:
        """Return the data of a case, loaded in this process.

        Raises:
            UsageError: what ``load_data`` raises.
        """
        from ..case_data import load_data

        options = self._options
        return load_data(case, options.paths.data_dir, trusted=options.trusts(case))

    def model(self, case: Case, overrides: TestOverrides) -> NoReturn:  # noqa: ARG002 - as of ``CaseRunner``
        """Refuse: what a node has made is not here.

        Raises:
            UsageError: always.
        """
        self._refuse("opml_model", case)

    def artifact(self, case: Case, overrides: TestOverrides) -> NoReturn:  # noqa: ARG002
        """Refuse, as ``model`` does.

        Raises:
            UsageError: always.
        """
        self._refuse("opml_artifact", case)

    def _refuse(self, fixture: str, case: Case) -> NoReturn:
        raise UsageError(
            f"{case.id}: {fixture} opens what was made on this machine, and the run is on a fleet (--opml-fleet); run "
            "the tests that use it in a run of their own"
        )


def units_of(cases: Iterable[Case]) -> list[list[Case]]:
    """Return cases by what must be measured on one node: a reference first, then those that are compared with it."""
    together: dict[str, list[Case]] = {}
    for case in cases:
        members = together.setdefault(case.reference.id, [case.reference])
        members += [case] if case != case.reference else []
    return list(together.values())
