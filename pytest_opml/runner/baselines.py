"""The history as a run looks into it: what each of its cases is compared with."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from ..errors import SettingsError
from ..gate.budgets import Budget
from ..history.base import History
from ..history.selectors import LAST, baseline_of, select
from ..history.store import open_store
from ..records.run import Baseline
from ..settings import Settings
from ..storage.releases import find_artifact


class Baselines:
    """The baseline of a run. Making one writes to the history, so that one which cannot be written is refused early.

    Args:
        settings: of the run.
        root: the user's project.

    Raises:
        StorageError: the history cannot be opened or written, or the file of a baseline is no record.
        SettingsError: nothing is called as the baseline is.
    """

    def __init__(self, settings: Settings, root: Path) -> None:
        self._settings, self._selector = settings, LAST
        with self._history(create=True) as history:
            if settings.baseline:
                try:
                    self._selector = select(settings.baseline, history, root)
                except SettingsError as error:
                    raise SettingsError(f"baseline {error}") from None

    def _history(self, *, create: bool) -> AbstractContextManager[History | None]:
        return open_store(self._settings.store, create=create) if self._settings.store else nullcontext()

    @property
    def wanted(self) -> str | None:
        """What the user asked for, in words; None for nothing."""
        return str(self._selector) if self._settings.baseline else None

    def is_needed(self, budgets: Iterable[Budget]) -> bool:
        """Whether the user or one of these budgets asks for the baseline of a case."""
        return bool(self._settings.baseline) or any(budget.rule == "max_regression" for budget in budgets)

    def baseline(self, case_id: str, profile: str) -> Baseline | None:
        """What a case is compared with, as it was stored; None where there is nothing.

        Raises:
            StorageError: the history cannot be read.
        """
        with self._history(create=False) as history:
            return baseline_of(self._selector, history, case_id, profile)

    @property
    def is_measured_again(self) -> bool:
        """Whether artifacts were kept to be measured again."""
        return self._selector.kind == "release"

    def artifact(self, baseline: Baseline) -> Path | None:
        """The kept artifact of a baseline; None where it is gone, or not as it was."""
        return find_artifact(baseline.result.artifact, self._settings.release_dir)
