"""The earlier results that the cases of a run are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timezone
from pathlib import Path

from .. import registry
from ..errors import SettingsError, StorageError
from ..gate.budgets import Budget
from ..gate.verdict import BaselineSearch
from ..history.base import History
from ..history.selectors import baseline_of, default_selector, explain_choice, select
from ..history.store import open_store
from ..integrations.mlflow_models import FetchedModel
from ..printable import printable
from ..records.result import ModelSource, Result
from ..records.run import Baseline, Commit
from ..settings import Settings
from ..storage.releases import find_artifact
from .launchers.base import WorkerFailed
from .model_addresses import ModelAddresses


class Baselines:
    """Looks up the baseline of each case, and has the artifact of a release measured again.

    Opening it also checks that the history can be written, so that a run fails before it has cost anything.

    Args:
        settings: of the run.
        root: the user's project.
        commit: that is checked out; None where that is not known.
        addresses: fetches the model of MLflow's that a baseline may be.

    Attributes:
        choice: of a baseline that nobody named, which run it is, and which were passed over; else empty.
        addresses: the models of MLflow's of this run.
        errors: by the id of each case whose baseline could not be read, why.

    Raises:
        StorageError: the history cannot be opened or written, or the file of a baseline is no record.
        SettingsError: nothing is called as the baseline is.
    """

    errors: dict[str, str]

    def __init__(
        self, settings: Settings, root: Path, commit: Commit | None, addresses: ModelAddresses | None = None
    ) -> None:
        self._settings, self._selector, self.errors = settings, default_selector(root, commit), {}
        self._stored: dict[str, Baseline | None] = {}
        self.addresses = addresses or ModelAddresses(settings)
        self._fetched: FetchedModel | None = None
        if settings.baseline and registry.is_address(settings.baseline):
            self._fetched = self.addresses.resolve(settings.baseline)
        with self._history(create=True) as history:
            if self._fetched:
                self.choice = ""
                return
            if settings.baseline:
                try:
                    self._selector = select(settings.baseline, history, root)
                except SettingsError as error:
                    raise SettingsError(f"baseline {error}") from None
            self.choice = "" if settings.baseline else explain_choice(self._selector, history)

    def _history(self, *, create: bool) -> AbstractContextManager[History | None]:
        return open_store(self._settings.store, create=create) if self._settings.store else nullcontext()

    @property
    def wanted(self) -> str | None:
        """What the user asked for, in words; None for nothing."""
        if self._fetched:
            return self._fetched.source.address
        return str(self._selector) if self._settings.baseline else None

    def search(self, case_id: str) -> BaselineSearch:
        """Return how the baseline of a case was looked for."""
        return BaselineSearch(self.wanted, self.errors.get(case_id, ""), self.choice)

    def is_needed(self, budgets: Iterable[Budget]) -> bool:
        """Whether the user or one of these budgets asks for the baseline of a case."""
        return bool(self._settings.baseline) or any(budget.rule == "max_regression" for budget in budgets)

    def look_up(self, case_id: str, profile: str) -> Baseline | None:
        """Return what a case is compared with, as it was stored, read once; None where there is nothing.

        A history that cannot be read any more, after the run has begun, costs what needs it and nothing else: why is
        in ``errors``.
        """
        if case_id not in self._stored and self._fetched:
            return None  # it is measured with the case, and never otherwise
        if case_id not in self._stored:
            self._stored[case_id] = None
            try:
                with self._history(create=False) as history:
                    self._stored[case_id] = baseline_of(self._selector, history, case_id, profile)
            except StorageError as error:
                self.errors[case_id] = printable(str(error))
        return self._stored[case_id]

    def as_stored(self, case_id: str, profile: str, budgets: Iterable[Budget]) -> Baseline | None:
        """Return what a case is compared with that another machine measures; None where there is nothing to compare.

        An artifact that was released is not measured again there, and ``remeasure_error`` says so.

        Args:
            case_id: of the case.
            profile: of the device.
            budgets: that the case is held to.
        """
        baseline = self.look_up(case_id, profile) if self.is_needed(budgets) else None
        if baseline and self._selector.kind == "release":
            return baseline.model_copy(update={"remeasure_error": "a fleet does not measure released artifacts again"})
        return baseline

    def compare_with(
        self, case_id: str, profile: str, budgets: Iterable[Budget], measure: Callable[[Result | FetchedModel], Result]
    ) -> Baseline | None:
        """Return what a case that is about to be measured is compared with; None where nothing asks for it or is there.

        The result of a release whose artifact was kept is measured anew. Where that cannot be, it is returned as it was
        stored, and its ``remeasure_error`` says why.

        Args:
            case_id: of the case.
            profile: of the device.
            budgets: that the case is held to.
            measure: measures the artifact of a stored result again, or a model of MLflow's; may raise
                ``WorkerFailed``.
        """
        if not self.is_needed(budgets):
            return None
        if self._fetched:
            return self._measured(case_id, self._fetched, measure)
        baseline = self.look_up(case_id, profile)
        if baseline is None or self._selector.kind != "release":
            return baseline
        if find_artifact(baseline.result.artifact, self._settings.release_dir) is None:
            return baseline.model_copy(
                update={"remeasure_error": f"its artifact is not in {self._settings.release_dir}"}
            )
        try:
            result = measure(baseline.result)
        except WorkerFailed as error:
            reason = printable(f"its artifact could not be measured again: {error}")
            return baseline.model_copy(update={"remeasure_error": reason})
        result = _with_source(result, baseline.result.artifact.source)
        return baseline.model_copy(update={"result": result, "remeasured": True})

    def _measured(
        self, case_id: str, model: FetchedModel, measure: Callable[[Result | FetchedModel], Result]
    ) -> Baseline | None:
        """A model of MLflow's as the baseline of a case; None where it cannot be measured on its data."""
        source = model.source
        try:
            result = measure(model)
        except WorkerFailed as error:
            text = str(error).replace(str(model.path), source.address)
            self.errors[case_id] = printable(f"{source.described}: could not be measured: {text}")
            return None
        return Baseline(
            name=source.address,
            run_id=source.run_id or "",
            started=source.created or datetime.now(timezone.utc),
            commit=None,
            device=result.device,
            result=_with_source(result, source),
            remeasured=True,
        )


def _with_source(result: Result, source: ModelSource | None) -> Result:
    return result.model_copy(update={"artifact": result.artifact.model_copy(update={"source": source})})
