"""One case once: alone on its device, built, and measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..case import Case
from ..progress import Progress
from ..records.result import Result
from ..records.run import Baseline, Failure
from ..storage.locks import exclusive_device
from .baselines import Baselines
from .launchers.base import Launcher, ProcessLimits, Value, WorkerFailed, printable, temporary_folder
from .options import RunOptions
from .shared_results import CaseOutcome, SharedResults
from .tasks import make_artifact, measure_artifact, measure_release

if TYPE_CHECKING:
    from ..gate.budgets import Budget
    from .plan import TestOverrides


class CaseRunner:
    """Runs cases one at a time on the device of a run, which no other run measures on meanwhile.

    Args:
        launcher: that the tasks of a case are given to.
        options: of the run.
        baselines: what cases are compared with.
        shared: where processes of one run find what another of them has measured.
        on_progress: is told how far a case has come.
    """

    def __init__(
        self,
        launcher: Launcher,
        options: RunOptions,
        baselines: Baselines,
        shared: SharedResults,
        on_progress: Callable[[Case, Progress], None],
    ) -> None:
        self._launcher, self._options, self._baselines = launcher, options, baselines
        self._shared, self._on_progress = shared, on_progress

    def run(
        self, case: Case, overrides: TestOverrides, *, is_judged: bool = True, reference: Result | None = None
    ) -> CaseOutcome:
        """Return what came of a case; it is measured unless another process of this run has done so.

        Args:
            case: the case.
            overrides: what its test says of budgets and time.
            is_judged: whether it is held to budgets; not where only others are compared with it.
            reference: the result that it is compared with; None where its reference has none, or is itself.

        Raises:
            StorageError: the device cannot be locked.
        """
        budgets = self._options.budgets(case.id, overrides) if is_judged else ()
        with self._alone(case):
            baseline, shared = None, self._shared.get(case.id)
            if is_judged and self._baselines.is_needed(budgets):
                baseline = shared.baseline if shared else None
                baseline = baseline or self._baselines.look_up(case.id, self._options.device.profile)
            if shared:
                return shared.model_copy(update={"baseline": baseline})
            outcome = self._measure(case, self._options.limits(overrides), budgets, reference, baseline)
            self._shared.put(case.id, outcome)
            return outcome

    def make(self, task: Callable[..., Value], case: Case, overrides: TestOverrides) -> Value:
        """Return what ``train_model`` or ``make_artifact`` returns for a case.

        Raises:
            WorkerFailed: with the kind of failure.
            StorageError: the device cannot be locked.
        """
        options = self._options
        with self._alone(case):
            return self._launch(task, (case, options.build, options.paths), options.limits(overrides))

    def _alone(self, case: Case) -> AbstractContextManager[None]:
        waiting = Progress("waiting for another run on this device")
        return exclusive_device(self._options.device, lambda: self._on_progress(case, waiting))

    def _launch(self, task: Callable[..., Value], arguments: tuple[Any, ...], limits: ProcessLimits) -> Value:
        """Run a task of the case that is the first of its arguments."""
        return self._launcher.run(task, arguments, limits, lambda progress: self._on_progress(arguments[0], progress))

    def _measure(
        self,
        case: Case,
        limits: ProcessLimits,
        budgets: Sequence[Budget],
        reference: Result | None,
        baseline: Baseline | None,
    ) -> CaseOutcome:
        """Build a case, then measure the release that it is compared with, then the case itself.

        The data are loaded by the first of these tasks only, which leaves the test part for the others.
        """
        options = self._options
        try:
            with temporary_folder() as folder:
                paths = replace(options.paths, case_dir=Path(folder))
                started = time.monotonic()
                built = self._launch(make_artifact, (case, options.build, paths), limits)
                spent = time.monotonic() - started
                plan = options.measurement(budgets, reference, None)
                if baseline:
                    baseline = self._baselines.measure_again(
                        baseline, lambda stored: self._launch(measure_release, (case, stored, plan, paths), limits)
                    )
                    if baseline.remeasured:
                        plan = options.measurement(budgets, reference, baseline.result)
                result = self._launch(measure_artifact, (case, built, plan, paths), limits._replace(spent=spent))
                return CaseOutcome(result=result, baseline=baseline)
        except WorkerFailed as error:
            texts = {"message": printable(str(error)), "log_tail": printable(error.log_tail)}
            failure = Failure.model_validate({"case": case, "device": self._device, "kind": error.kind, **texts})
            return CaseOutcome(failure=failure, baseline=baseline)
