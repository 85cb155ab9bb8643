"""One run: what was asked for, what came of it, and what it means for the exit code. Knows nothing of pytest."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CaseFailed, StorageError, UsageError
from .plan import _NO_LIMITS, _NO_PLAN, CollectedRun, TestOverrides

if TYPE_CHECKING:
    from ..case import Case
    from ..datasets.splits import Split
    from ..gate.budgets import Budget
    from ..progress import Progress
    from ..records.result import Result
    from ..records.run import Baseline, Check, Failure, Rule, RunRecord
    from ..runtimes.base import Runtime
    from ..settings import Settings
    from .launchers.base import ProcessLimits
    from .options import Options

_VERSIONS = ("pytest-opml", "python", "tensorflow", "keras", "ai-edge-litert", "numpy", "scikit-learn")


def _version(name: str) -> str:
    import platform

    if name == "python":
        return platform.python_version()
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _printable(text: str) -> str:
    """The text without the surrogates that stand for undecodable bytes in file names, which JSON cannot hold."""
    return text.encode("utf-8", "replace").decode()


class Session:
    """Runs cases once each, and holds their budgets against them.

    Args:
        settings: of the run.
        root: the user's project.
        on_progress: is told how far a case has come.
        shared: a folder in which processes of one run find what another of them has measured.
        plan: what was collected.

    Raises:
        UsageError: on construction, when the device, the cache, the store, MLflow or the record's path cannot be used;
            so a run is refused before it has cost anything.
    """

    def __init__(
        self,
        settings: Settings,
        root: Path,
        on_progress: Callable[[Case, Progress], None],
        *,
        shared: Path | None = None,
        plan: CollectedRun = _NO_PLAN,
    ) -> None:
        from .launchers.process import start_server

        start_server()  # its imports take seconds, and the rest of this can go on beside them
        from ..history.git import read_commit
        from ..history.record_files import check_writable
        from ..integrations.mlflow import check_tracking
        from ..measure.device import detect
        from ..measure.tensorflow_info import confirm
        from ..storage.cache import Cache
        from .baselines import Baselines
        from .launchers.process import probe
        from .shared_results import SharedResults

        self.settings = settings
        self._on_progress, self._exchange, self._plan = on_progress, SharedResults(shared), plan
        self._commit = read_commit(root)  # now, for the checkout may change while the run goes on
        self.device = detect(settings.gpu, settings.threads)
        Cache(settings.cache_dir)
        if settings.json_path:
            check_writable(settings.json_path)
        self._earlier = Baselines(settings, root)
        if settings.mlflow:
            check_tracking(settings.mlflow, settings.mlflow_experiment)
        # last, since it waits for the server: what is wrong elsewhere is told at once
        self.device = confirm(settings.gpu, self.device, probe(self.device))
        self._started, self._clock = datetime.now(timezone.utc), time.monotonic()
        self._results: dict[str, Result] = {}
        self._failures: dict[str, Failure] = {}
        self._baselines: dict[str, Baseline | None] = {}
        self._unread: dict[str, str] = {}
        self._kept: dict[str, Path] = {}
        self._marked = {name: dict(found.tables) for name, found in plan.limits.items() if found.tables}
        self._asked: set[str] = set()
        checks = sum(len(self._budgets(name, plan.limits.get(name, _NO_LIMITS).budgets)) for name in plan.cases)
        self._terms = settings.gate.terms_per_check(checks)

    # --- what tests ask for

    def run(self, case: Case, limits: TestOverrides = _NO_LIMITS) -> Result:
        """The result of a case, measured on the first call; its reference is measured before it, to be timed beside it.

        Raises:
            CaseFailed: the case has no result; the failure is in the record.
        """
        self._asked.add(case.id)
        if case.reference != case:
            # One that fails stands in the record, and the budgets that need it are not judged.
            with contextlib.suppress(CaseFailed):
                self._measured(case.reference, self._plan.limits.get(case.reference.id, limits))
        return self._measured(case, limits)

    def dataset(self, case: Case) -> Split:
        """The images of a case, at the size that its model takes."""
        from .builder import load_data

        return load_data(case, self._options())

    def model(self, case: Case, limits: TestOverrides = _NO_LIMITS) -> Any:
        """The Keras model of a case, trained in a worker and opened here.

        Raises:
            CaseFailed: it could not be made.
        """
        from ..runtimes.keras_graph import load_keras
        from .tasks import train_model

        return load_keras(self._made(train_model, case, limits))

    def artifact(self, case: Case, limits: TestOverrides = _NO_LIMITS) -> Runtime:
        """The artifact of a case, made in a worker and opened here.

        Raises:
            CaseFailed: it could not be made.
        """
        from ..runtimes.loader import open_artifact
        from .tasks import make_artifact

        return open_artifact(self._made(make_artifact, case, limits), threads=self.device.threads)

    def _made(self, function: Callable[[Case, Options], Path], case: Case, limits: TestOverrides) -> Path:
        from .launchers.process import run_step

        with self._alone(case):
            return run_step(
                function,
                case,
                self._options(),
                self._limits(limits),
                on_progress=lambda found: self._on_progress(case, found),
            )

    def judge(self, case: Case, limits: TestOverrides = _NO_LIMITS) -> tuple[Check, ...]:
        """Hold the budgets of a case against its result, if it has one; what needs all cases waits for the end."""
        from ..gate.verdict import JudgedResult, judge

        if case.id not in self._results:
            return ()
        budgets = self._budgets(case.id, limits.budgets)
        if limits.tables:
            self._marked[case.id] = dict(limits.tables)
        baseline = self._baseline_of(case, limits)
        reference = self._results.get(case.reference.id)
        subject = JudgedResult(
            self._results[case.id],
            reference,
            baseline,
            wanted=self._earlier.wanted,
            baseline_errors=self._unread.get(case.id, ""),
        )
        return judge(budgets, subject, self._terms)

    def _budgets(self, case_id: str, marked: tuple[Budget, ...]) -> tuple[Budget, ...]:
        return self.settings.gate.applicable(case_id, self.device.profile, marked)

    def _is_judged(self, case: Case) -> bool:
        """Whether a test asks for the case, be it later, and not only others that compare with it."""
        return case.id in self._asked or case.id in self._plan.cases

    # --- what cases are compared with

    def _baseline_of(self, case: Case, limits: TestOverrides, *, measure: bool = False) -> Baseline | None:
        """What a case is compared with, looked up once, where a budget or the user asks for it.

        Args:
            case: the case.
            limits: of its test.
            measure: the kept artifact of a release again; the case itself is then measured beside it.
        """
        from ..records.run import Baseline

        if not self._earlier.is_needed(self._budgets(case.id, limits.budgets)):
            return None
        if case.id not in self._baselines:
            found = self._exchange.get(case, Baseline)
            if found is None and (found := self._looked_up(case)):
                if measure and self._earlier.is_measured_again:
                    found = self._measured_again(case, found, limits)
                self._exchange.put(case, found)
            self._baselines[case.id] = found
        return self._baselines[case.id]

    def _looked_up(self, case: Case) -> Baseline | None:
        """The baseline as it was stored; a history that fails after the run has begun costs what needs it only."""
        try:
            return self._earlier.baseline(case.id, self.device.profile)
        except StorageError as error:
            self._unread[case.id] = _printable(str(error))
            return None

    def _measured_again(self, case: Case, baseline: Baseline, limits: TestOverrides) -> Baseline:
        """A released result, measured anew from its kept artifact; as it was stored, and why, where it cannot be."""
        from .launchers.base import WorkerFailed
        from .launchers.process import run_step
        from .tasks import measure_kept

        path = self._earlier.artifact(baseline)
        if path is None:
            note = f"its artifact is not in {self.settings.release_dir}"
            return baseline.model_copy(update={"note": note})
        self._kept[case.id] = path
        self._baselines[case.id] = baseline
        try:
            result = run_step(
                measure_kept,
                case,
                self._options(case, limits),
                self._limits(limits),
                on_progress=lambda found: self._on_progress(case, found),
            )
        except WorkerFailed as error:
            del self._kept[case.id]
            return baseline.model_copy(
                update={"note": _printable(f"its artifact could not be measured again: {error}")}
            )
        return baseline.model_copy(update={"result": result, "remeasured": True})

    # --- running a case

    def _alone(self, case: Case) -> contextlib.AbstractContextManager[None]:
        from ..progress import Progress
        from ..storage.locks import exclusive_device

        return exclusive_device(
            self.device, lambda: self._on_progress(case, Progress("waiting for another run on this device"))
        )

    def _options(self, case: Case | None = None, limits: TestOverrides = _NO_LIMITS) -> Options:
        """What the pipeline is told; of a case that is to be measured, with the limits on its times."""
        from .. import registry
        from ..gate.sampling_limits import ratio_questions, time_questions
        from ..measure.side_by_side import Plan as ComparePlan
        from ..measure.timing import Wanted
        from .options import Options, ReleaseArtifact

        settings, terms = self.settings, self._terms

        def plan(reference: Result | None, *rules: Rule) -> ComparePlan:
            questions = ratio_questions(budgets, reference, rules) if reference else {}
            return ComparePlan(
                settings.compare_s, settings.compare_precision, questions, terms.max_seconds, terms.error
            )

        budgets = self._budgets(case.id, limits.budgets) if case and self._is_judged(case) else ()
        reference = self._results.get(case.reference.id) if case else None
        kept, baseline = (self._kept.get(case.id), self._baselines.get(case.id)) if case else (None, None)
        samples = settings.score.reference_samples
        return Options(
            cache_dir=settings.cache_dir,
            data_dir=settings.data_dir,
            device=self.device,
            time_weights=dict(settings.score.time),
            reference_samples=samples,
            compare=plan(reference, "max_drop", "max_increase"),
            kept=ReleaseArtifact(kept, baseline.result, plan(baseline.result, "max_regression"))
            if kept and baseline
            else None,
            wanted=Wanted(time_questions(budgets, samples), terms.max_seconds, terms.error),
            registrations=registry.registrations(),
        )

    def _limits(self, limits: TestOverrides) -> ProcessLimits:
        from .launchers.base import ProcessLimits

        memory = self.settings.memory_mb * 1e6 if self.settings.memory_mb else None
        return ProcessLimits(limits.timeout_s or self.settings.timeout_s, memory)

    def _measured(self, case: Case, limits: TestOverrides) -> Result:
        from ..records.result import Result
        from ..records.run import Failure

        if case.id not in self._results and case.id not in self._failures:
            with self._alone(case):
                found = self._exchange.get(case, Result) or self._exchange.get(case, Failure)
                if found is None:
                    if self._is_judged(case):
                        self._baseline_of(case, limits, measure=True)
                    found = self._measure(case, limits)
            self._keep(case, found)
        if case.id in self._failures:
            failure = self._failures[case.id]
            raise CaseFailed(failure.kind, failure.message)
        return self._results[case.id]

    def _measure(self, case: Case, limits: TestOverrides) -> Result | Failure:
        from ..records.run import Failure
        from .case_runner import run_case
        from .launchers.base import WorkerFailed

        try:
            return run_case(
                case,
                self._options(case, limits),
                self._limits(limits),
                vs_reference=case.reference != case and case.reference.id in self._results,
                on_progress=lambda found: self._on_progress(case, found),
            )
        except WorkerFailed as error:
            texts = {"message": _printable(str(error)), "log_tail": _printable(error.log_tail)}
            return Failure.model_validate({"case": case, "device": self.device, "kind": error.kind, **texts})

    def _keep(self, case: Case, found: Result | Failure) -> None:
        from ..records.result import Result

        if isinstance(found, Result):
            self._results[case.id] = found
        else:
            self._failures[case.id] = found
        self._exchange.put(case, found)

    # --- the end

    def record(self) -> RunRecord:
        """The run so far, its checks apart, which follow from it."""
        from ..records.run import RunRecord

        return RunRecord(
            run_id=uuid.uuid4().hex,
            started=self._started,
            seconds=time.monotonic() - self._clock,
            device=self.device,
            versions={name: _version(name) for name in _VERSIONS},
            commit=self._commit,
            results=tuple(self._results.values()),
            failures=tuple(self._failures.values()),
            checks=(),
            reference_only=tuple(sorted({*self._results, *self._failures} - self._asked)),
            collected=dict(self._plan.cases),
            deselected=self._plan.deselected,
            partial_selection=self._plan.partial_selection,
            marker_budgets=self._marked,
            baseline=self._earlier.wanted,
            baselines=tuple(filter(None, self._baselines.values())),
            baseline_errors=self._unread,
        )


__all__ = ["TestOverrides", "CollectedRun", "Session", "UsageError"]
