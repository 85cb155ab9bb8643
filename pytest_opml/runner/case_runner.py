"""One case once: alone on its device, built, and measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..case import Case
from ..errors import DeviceBusy
from ..integrations.mlflow_models import FetchedModel
from ..printable import printable
from ..progress import Progress
from ..records.device import Device
from ..records.result import Result
from ..records.run import Failure
from ..storage.cache import remove_abandoned_builds
from ..storage.device_lock import exclusive_device
from .case_files import check_files
from .launchers.base import Launcher, ProcessLimits, Value, WorkerFailed, temporary_folder
from .model_addresses import ModelAddresses, named
from .node_meter import NodeTime, Stopwatch
from .options import RunOptions
from .quiet_repeat import QuietRepeat
from .shared_results import MeasuredCase, SharedResults
from .tasks import (
    artifact_file,
    make_artifact,
    measure_artifact,
    measure_fetched,
    measure_release,
    measure_when_quiet,
    train_model,
)

if TYPE_CHECKING:
    from ..datasets.splits import Split
    from ..gate.budgets import Budget
    from ..records.run import Baseline
    from ..runtimes.base import Runtime
    from .plan import TestOverrides


class ComparedWith(Protocol):
    """What the runner asks of ``Baselines``, which look up earlier results where the history is."""

    addresses: ModelAddresses

    def compare_with(
        self, case_id: str, profile: str, budgets: Iterable[Budget], measure: Callable[[Result | FetchedModel], Result]
    ) -> Baseline | None:
        """Return what a case that is about to be measured is compared with; see ``Baselines.compare_with``."""


class CaseRunner:
    """Runs cases one at a time on the device of a run, which no other run measures on meanwhile.

    Args:
        launcher: that the tasks of a case are given to.
        options: of the run.
        baselines: what cases are compared with; they know the models of MLflow's that cases name, too.
        shared: where processes of one run find what another of them has measured.
        on_progress: is told how far a case has come.
    """

    def __init__(
        self,
        launcher: Launcher,
        options: RunOptions,
        baselines: ComparedWith,
        shared: SharedResults,
        on_progress: Callable[[Case, Progress], None],
    ) -> None:
        self._launcher, self._options, self._baselines = launcher, options, baselines
        self._shared, self._on_progress = shared, on_progress
        self._wait_s = options.settings.wait_s
        self._addresses, self._work = baselines.addresses, Stopwatch()

    @property
    def node_time(self) -> NodeTime:
        """The time in which this process worked on cases, so far; it waits for others of the run outside of it."""
        return NodeTime(1, self._work.seconds)

    def localised(self, case: Case) -> Case:
        """Return a case as it is built here, after looking for what it names.

        Raises:
            UsageError: a file, a module or a model of MLflow's is not there.
        """
        check_files(case, self._options.settings.cache_dir)
        return self._addresses.localised(case)

    def run_case(
        self, case: Case, overrides: TestOverrides, *, is_judged: bool = True, reference: Result | None = None
    ) -> MeasuredCase:
        """Return what came of a case; it is measured unless another process of this run has done so.

        Args:
            case: the case.
            overrides: what its test says of budgets and time.
            is_judged: whether it is held to budgets; not where only others are compared with it.
            reference: the result that it is compared with; None where its reference has none, or is itself.

        Raises:
            StorageError: the device cannot be locked, or the folder of the run cannot be written.
            UsageError: a file, a module or a model of MLflow's that the case names is not there.
        """
        local = self.localised(case)
        limits = self._options.limits(overrides)
        budgets = self._options.budgets(case.id, overrides) if is_judged else None
        with self._shared.alone(), self._work.running():
            outcome = self._shared.get(case.id)
            if outcome is None:
                outcome = self._measure(case, local, limits, budgets, reference)
                if outcome.failure is None or outcome.failure.kind != "device_busy":  # another may be luckier
                    self._shared.put(case.id, outcome)
            return outcome

    @contextmanager
    def _device(self, case: Case) -> Iterator[None]:
        """Hold the device of the run; where that was waited for in vain once, no other case waits as long again.

        Raises:
            DeviceBusy: nobody gave it back in time.
            StorageError: it cannot be locked.
        """
        longest_s = self._wait_s

        def tell(text: str) -> None:
            self._on_progress(case, Progress(text, is_waiting=True))

        self._wait_s = 0.0
        with exclusive_device(self._options.device, tell, longest_s):
            self._wait_s = self._options.settings.wait_s
            yield

    def _measure(
        self,
        case: Case,
        local: Case,
        limits: ProcessLimits,
        budgets: Sequence[Budget] | None,
        reference: Result | None,
    ) -> MeasuredCase:
        """Build a case, then measure the release that it is compared with, then the case itself.

        What the tasks are given is the case with the files of this machine.

        The device is held for measuring only: training may take hours, and other runs can measure meanwhile.
        The data are loaded by the first of these tasks only, which leaves the test part for the others.
        """
        options, trusted = self._options, self._options.trusts(case)
        launch = partial(self._launcher.run, on_progress=partial(self._on_progress, case))
        on_build = partial(self._tell_build, case)
        try:
            with temporary_folder() as folder:
                paths = replace(options.paths, case_dir=Path(folder))

                def measure_again(earlier: Result | FetchedModel) -> Result:
                    alone = replace(options.measurement_alone, trusted=trusted)
                    if isinstance(earlier, FetchedModel):
                        result = launch(measure_fetched, (local, str(earlier.path), alone, paths), limits)
                    else:
                        result = launch(measure_release, (local, earlier, alone, paths), limits)
                    return named(result, case)

                started = time.monotonic()
                build = (local, replace(options.build, trusted=trusted), paths)
                on_its_devices = limits._replace(devices=case.devices)
                built = launch(make_artifact, build, on_its_devices, on_progress=on_build)
                spent, baseline = time.monotonic() - started, None
                with self._device(case):
                    began = time.monotonic()  # what was waited for the device is not the case's own
                    if budgets is not None:
                        baseline = self._baselines.compare_with(case.id, options.device.profile, budgets, measure_again)
                    plan = replace(options.measurement(budgets or (), reference, baseline, case.id), trusted=trusted)
                    result = launch(measure_artifact, (local, built, plan, paths), limits._replace(spent=spent))

                    def measure_when_it_is_quiet() -> Result | None:
                        arguments = (local, built, plan, paths, options.terms.max_seconds)
                        within = limits._replace(spent=spent + time.monotonic() - began)
                        return launch(measure_when_quiet, arguments, within)

                    asked = (*(budgets or ()), *options.budgets_by_times_of(case.id))
                    result = QuietRepeat(asked, reference, options.terms).repeated(result, measure_when_it_is_quiet)
                return MeasuredCase(result=self._addresses.with_source(named(result, case)), baseline=baseline)
        except (WorkerFailed, DeviceBusy) as error:
            text = str(error).replace(local.model, case.model)
            return MeasuredCase(failure=_failure(case, self._options.device, error, text))
        finally:
            remove_abandoned_builds(options.settings.cache_dir)  # what a worker was building when it was ended

    def _tell_build(self, case: Case, progress: Progress) -> None:
        self._on_progress(case, progress._replace(is_building=not (progress.is_waiting or progress.is_note)))

    def data(self, case: Case) -> Split:
        """Return the data of a case, loaded in this process.

        Raises:
            UsageError: what ``load_data`` raises.
        """
        from .case_data import load_data

        options = self._options
        return load_data(self.localised(case), options.paths.data_dir, trusted=options.trusts(case))

    def model(self, case: Case, overrides: TestOverrides) -> Any:
        """Return the Keras model of a case, trained in a worker and opened here.

        Raises:
            CaseFailed: it could not be made.
        """
        from ..runtimes.keras_configuration import configured
        from ..runtimes.keras_graph import load_keras

        file = self.make(train_model, case, overrides)
        with configured():
            return load_keras(file)

    def artifact(self, case: Case, overrides: TestOverrides) -> Runtime:
        """Return the artifact of a case, made in a worker and opened here.

        Raises:
            CaseFailed: it could not be made.
        """
        from ..runtimes.execution import Execution
        from ..runtimes.loader import open_artifact

        options = self._options
        path = artifact_file(self.make(make_artifact, case, overrides), options.paths)
        trusted, execution = options.trusts(case), Execution(case.provider, case.precision)
        return open_artifact(
            path, threads=options.device.threads, output=case.output, trusted=trusted, execution=execution
        )

    def make(self, task: Callable[..., Value], case: Case, overrides: TestOverrides) -> Value:
        """Return what ``train_model`` or ``make_artifact`` returns for a case.

        Raises:
            WorkerFailed: with the kind of failure.
        """
        options, on_progress = self._options, partial(self._tell_build, case)
        local = self.localised(case)
        with self._shared.alone(), self._work.running():
            arguments = (local, replace(options.build, trusted=options.trusts(case)), options.paths)
            limits = options.limits(overrides)._replace(devices=case.devices)
            return self._launcher.run(task, arguments, limits, on_progress)


def local_runner(
    options: RunOptions, baselines: ComparedWith, shared: Path | None, on_progress: Callable[[Case, Progress], None]
) -> CaseRunner:
    """Return what runs the cases of a run on this machine; ``shared`` is the folder of a run of several processes."""
    from .launchers.process import launcher_on

    device = options.device
    results = SharedResults(shared, device.profile)
    return CaseRunner(launcher_on(device), options, baselines, results, on_progress)


def _failure(case: Case, device: Device, error: WorkerFailed | DeviceBusy, text: str) -> Failure:
    log_tail = error.log_tail if isinstance(error, WorkerFailed) else ""
    texts = {"message": printable(text), "log_tail": printable(log_tail, lines=True)}
    return Failure.model_validate({"case": case, "device": device, "kind": error.kind, **texts})
