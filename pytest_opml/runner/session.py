"""One run: what was asked for, what came of it, and how it is judged. Knows nothing of pytest."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CaseFailed
from .plan import NO_OVERRIDES, NOTHING_COLLECTED, AskedCases, CollectedRun, TestOverrides

if TYPE_CHECKING:
    from ..case import Case
    from ..datasets.splits import Split
    from ..gate.budgets import Budget
    from ..progress import Progress
    from ..records.result import Result
    from ..records.run import Baseline, Check, RunRecord
    from ..runtimes.base import Runtime
    from ..settings import Settings
    from .case_runner import CaseRunner
    from .fleet.fleet_run import FleetRun
    from .fleet.orders import OrderedCase
    from .journal import RunPart
    from .shared_results import MeasuredCase


class Session:
    """Runs cases once each, and holds their budgets against them.

    Args:
        settings: of the run.
        root: the user's project.
        on_progress: is told how far a case has come.
        part: of the run, that this process does; None for the whole.
        plan: what was collected.
        fleet: whose nodes run the cases; None for this machine.

    Attributes:
        device: that the run measures on.
        notes: a line for each earlier run that was taken into the history now.
        journal: of the results so far, which whoever ends the run removes when its record is safe.

    Raises:
        UsageError: on construction, see ``preflight.check_run``; so a run is refused before it has cost anything.
    """

    def __init__(
        self,
        settings: Settings,
        root: Path,
        on_progress: Callable[[Case, Progress], None],
        *,
        part: RunPart | None = None,
        plan: CollectedRun = NOTHING_COLLECTED,
        fleet: FleetRun | None = None,
    ) -> None:
        from .journal import RunPart, open_journal
        from .node_meter import NodeMeter
        from .options import RunOptions
        from .preflight import check_run

        self._preflight = check_run(settings, root, plan, fleet.devices.of(settings.gpu) if fleet else None)
        self.device, self.notes = self._preflight.device, self._preflight.notes
        part = part or RunPart.alone()
        self._head, self._clock = self._preflight.head(part.run_id, plan), time.monotonic()
        self._plan, self._asked = plan, AskedCases()
        self._marked = {name: dict(overrides.tables) for name, overrides in plan.limits.items() if overrides.tables}
        self._outcomes: dict[str, MeasuredCase] = {}
        self._options = RunOptions(settings=settings, device=self.device, plan=plan)
        baselines = self._preflight.baselines
        if fleet:
            from .fleet.fleet_runner import FleetRunner

            self._runner: CaseRunner | FleetRunner = FleetRunner(
                fleet, self._options, baselines, on_progress, self._arrived
            )
        else:
            from .case_runner import local_runner

            self._runner = local_runner(self._options, baselines, part.shared, on_progress)
        self._meter = NodeMeter(self._options, self._runner, None if fleet or part.is_of_several else self._clock)
        self.journal = open_journal(settings, root, part, self._head, self._meter.read)

    # --- what tests ask for
    def run(self, case: Case, overrides: TestOverrides = NO_OVERRIDES, *, is_asked: bool = True) -> Result:
        """Return the result of a case, measured once, after its reference; one not asked for is held to no budget.

        Raises:
            CaseFailed: the case has no result; the failure is in the record.
            CaseDefinitionError: another case of this run has its id.
        """
        if is_asked:
            self._asked.add(case)
        if case.reference != case:
            # One that fails stands in the record, and the budgets that need it are not judged.
            with contextlib.suppress(CaseFailed):
                self._result(case.reference, self._plan.limits.get(case.reference.id, overrides))
        return self._result(case, overrides)

    def withdraw(self, case: Case) -> None:
        """Ask for a case no more: what was measured of it stands in the record for others, and is not judged."""
        self._asked.discard(case.id)

    def _result(self, case: Case, overrides: TestOverrides) -> Result:
        if case.id not in self._outcomes:
            # be it asked for later, and not only by others that compare with it
            is_judged = case.id in self._asked or case.id in self._plan.cases
            reference = self._measured(case.reference)
            outcome = self._runner.run_case(case, overrides, is_judged=is_judged, reference=reference)
            if case.id not in self._outcomes:
                self._store_outcome(case.id, outcome, overrides, is_judged=is_judged)
        return self._outcomes[case.id].require()

    def _arrived(self, ordered: OrderedCase, outcome: MeasuredCase) -> None:
        """Keep what a fleet has measured, perhaps before the test of its case began."""
        if ordered.is_judged:
            self._asked.add(ordered.case)
        self._store_outcome(ordered.case.id, outcome, ordered.overrides, is_judged=ordered.is_judged)

    def _store_outcome(self, case_id: str, outcome: MeasuredCase, overrides: TestOverrides, *, is_judged: bool) -> None:
        self._outcomes[case_id] = outcome
        error = self._preflight.baselines.errors.get(case_id, "")
        self.journal.add(outcome, is_asked=is_judged, marker_budgets=overrides.tables, baseline_error=error)

    def _measured(self, case: Case) -> Result | None:
        return self._outcomes[case.id].result if case.id in self._outcomes else None

    def dataset(self, case: Case) -> Split:
        """Return the images of a case, at the size that its model takes."""
        return self._runner.data(case)

    def model(self, case: Case, overrides: TestOverrides = NO_OVERRIDES) -> Any:
        """Return the Keras model of a case, as ``CaseRunner.model`` does."""
        return self._runner.model(case, overrides)

    def artifact(self, case: Case, overrides: TestOverrides = NO_OVERRIDES) -> Runtime:
        """Return the artifact of a case, as ``CaseRunner.artifact`` does."""
        return self._runner.artifact(case, overrides)

    # --- what it means

    def judge(self, case: Case, overrides: TestOverrides = NO_OVERRIDES) -> tuple[Check, ...]:
        """Hold the budgets of a case against its result, if it has one; what needs all cases waits for the end."""
        from ..gate.verdict import JudgedResult, judge
        from ..gate.waivers import waive

        result = self._measured(case)
        if result is None:
            return ()
        if overrides.tables:
            self._marked[case.id] = dict(overrides.tables)
        budgets = self._options.budgets(case.id, overrides)
        baselines, reference = self._preflight.baselines, self._measured(case.reference)
        subject = JudgedResult(result, reference, self._baseline(case.id, budgets), search=baselines.search(case.id))
        return waive(judge(budgets, subject, self._options.terms), self._options.settings.gate.waivers)

    def _baseline(self, case_id: str, budgets: Sequence[Budget]) -> Baseline | None:
        """What a case is compared with; looked up now where it was measured for others only."""
        outcome, baselines = self._outcomes[case_id], self._preflight.baselines
        if outcome.baseline is None and baselines.is_needed(budgets):
            stored = baselines.look_up(case_id, self.device.profile)
            outcome = self._outcomes[case_id] = outcome.model_copy(update={"baseline": stored})
        return outcome.baseline

    def record(self) -> RunRecord:
        """Return the run so far, its checks apart, which follow from it."""
        from .journal import with_outcomes

        return with_outcomes(
            self._head,
            self._outcomes.values(),
            seconds=time.monotonic() - self._clock,
            reference_only=tuple(sorted(set(self._outcomes).difference(self._asked))),
            marker_budgets=self._marked,
            baseline_errors=self._preflight.baselines.errors,
            node_use=(self._meter.read(),),
        )
