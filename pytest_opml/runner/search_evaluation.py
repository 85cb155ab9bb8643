"""What a search tries for real: chains as cases of a session, and what the history has of them already."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..case import check_trained_alone
from ..errors import CaseFailed, OpmlError
from ..gate.verdict import JudgedResult, judge
from ..gate.waivers import waive
from ..records.result import Result
from ..records.run import RunRecord
from ..reports.terminal.search import TrialReport
from ..stats.evidence import Interval
from .cache_keys import CaseKeys
from .plan import NO_OVERRIDES, TestOverrides
from .search import Race, search
from .search_space import BASELINE, SearchSpace
from .search_standings import Attempt, Standings, Trial
from .search_trials import broken_by, gain_of, interval_of, lasting, margins_of

if TYPE_CHECKING:
    from ..case import Case
    from ..datasets.splits import Split
    from ..gate.budgets import Budget
    from ..settings import Settings
    from .session import Session

# Fewer examples than these take no less time, and tell little.
_LEAST_EXAMPLES = 1_000
_ERROR = 0.1  # of the intervals by which chains are put out, both sides together


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search has come to.

    Attributes:
        case: as trained, that the chains were applied to.
        race: what was tried.
        results: by attempt.
        stored: the runs of the history that results were taken from, each with that result alone.
    """

    case: Case
    race: Race
    results: Mapping[Attempt, Result]
    stored: Sequence[RunRecord]

    @property
    def best(self) -> Result | None:
        """The lowest score on all examples that keeps the budgets."""
        trial = self.race.best
        return self.results[trial.attempt] if trial else None

    @property
    def finalists(self) -> dict[str, Result]:
        """The results on all examples, by chain."""
        return {chain: result for (chain, rung), result in self.results.items() if rung == self.race.last}


@dataclass
class SearchEvaluation:
    """Tries chains in a session.

    Raises:
        CaseDefinitionError: on construction, when a chain is none for the devices that the case is trained on.

    Attributes:
        session: that measures what the history does not have.
        settings: of the run.
        case: as trained.
        space: the chains.
        overrides: budgets and time limit of the test that asked.
        on_trial: is told of each trial, and whether the history had it.
    """

    session: Session
    settings: Settings
    case: Case
    space: SearchSpace
    overrides: TestOverrides = NO_OVERRIDES
    on_trial: Callable[[SearchEvaluation, Trial, bool], None] = lambda *_: None
    results: dict[Attempt, Result] = field(default_factory=dict)
    stored: list[RunRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        for chain in self.space.chains:
            check_trained_alone(chain, self.case.devices)
        self._data: dict[int, Split] = {}
        self.sizes = self._sizes()
        self.race = Race(Standings(self.space, self.sizes), self._compare)
        self._began = time.monotonic()

    def run(self, seconds: float) -> None:
        """Search for so many seconds at most; what was tried so far stays in ``race`` and ``results`` when it is ended.

        Raises:
            KeyboardInterrupt: it was ended.
            OpmlError: an input is wrong.
        """
        search(self.race, self._evaluate, lambda: seconds - self.seconds)

    @property
    def seconds(self) -> float:
        """Since the search began."""
        return time.monotonic() - self._began

    @property
    def result(self) -> SearchResult:
        """What it has come to so far."""
        return SearchResult(case=self.case, race=self.race, results=self.results, stored=self.stored)

    def said_of(self, trial: Trial, most: float, *, is_stored: bool) -> TrialReport:
        """Return what is to be said of a trial, in a search that may take ``most`` seconds."""
        return TrialReport(
            chain=trial.chain,
            examples=self.sizes[trial.rung],
            seconds=None if is_stored else trial.seconds,
            spent=self.seconds,
            most=most,
            score=trial.score,
            gain=trial.gain and trial.gain[0],
            broken=trial.broken,
        )

    def case_of(self, attempt: Attempt) -> Case:
        """Return the case of an attempt."""
        changes: dict[str, object] = {"technique": attempt.chain}
        if attempt.rung < len(self.sizes) - 1:
            size = self.sizes[attempt.rung]
            changes |= {"subset": size, "name": self.case.name and f"{self.case.name}.{size}"}
        return self.case.model_copy(update=changes)

    def _sizes(self) -> list[int]:
        """The examples of each rung; as many of each class are needed on all but the last."""
        data = self.session.dataset(self.case)
        parts = {"train": data.y_train, "test": data.y_test}
        total = sum(map(len, parts.values()))
        most = total
        if data.task == "classification":
            count = len(data.classes)
            for labels in filter(len, parts.values()):
                fewest = int(np.bincount(np.asarray(labels), minlength=count).min())
                most = min(most, (fewest - 1) * count * total // len(labels))
        # a subset is thinned out further by these, so that its size would not be what the rung says
        if any(value is not None for value in (self.case.label_skew, self.case.quantity_skew, self.case.client)):
            most = 0
        sizes = [round(share * total) for share in self.space.rungs]
        return [*(size for size in sizes if _LEAST_EXAMPLES <= size <= most), total]

    def _compare(self, one: Trial, beside: Trial) -> Interval:
        return interval_of(self.results[one.attempt], self.results[beside.attempt], _ERROR)

    # --- one attempt

    def _evaluate(self, attempt: Attempt) -> Trial:
        began = time.monotonic()
        result = self._from_history(attempt)
        is_stored = result is not None
        is_last = attempt.rung == self.race.last
        if result is None:
            with contextlib.suppress(CaseFailed):  # which stands in the record
                result = self.session.run(self.case_of(attempt), self.overrides, is_asked=is_last)
        if result is None:
            trial = Trial(chain=attempt.chain, rung=attempt.rung, seconds=time.monotonic() - began)
        else:
            self.results[attempt] = result
            seconds = _seconds_of(result) if is_stored else time.monotonic() - began
            trial = self._trial(attempt, result, seconds, is_stored=is_stored)
        self.on_trial(self, trial, is_stored)
        return trial

    def _trial(self, attempt: Attempt, result: Result, seconds: float, *, is_stored: bool) -> Trial:
        is_last = attempt.rung == self.race.last
        reference = self.results.get(Attempt(BASELINE, attempt.rung))
        if is_last and not is_stored:
            checks = self.session.judge(self.case_of(attempt), self.overrides)
        else:
            budgets = self._budgets(attempt.chain)
            subject = JudgedResult(result, reference)
            gate = self.settings.gate
            checks = waive(judge(budgets if is_last else lasting(budgets), subject, gate.terms), gate.waivers)
        return Trial(
            chain=attempt.chain,
            rung=attempt.rung,
            seconds=seconds,
            training_s=result.training.training_s,
            score=result.op_score.value,
            gain=gain_of(result, reference) if reference else None,
            broken=broken_by(checks) if is_last else (),
            margins=margins_of(checks),
            base_margins=margins_of(checks, of_reference=True),
        )

    def _budgets(self, chain: str) -> tuple[Budget, ...]:
        """The budgets that a chain is held to on all examples."""
        gate, whole = self.settings.gate, self.case_of(Attempt(chain, self.race.last))
        return gate.applicable(whole.id, self.session.device.profile, self.overrides.budgets)

    def _from_history(self, attempt: Attempt) -> Result | None:
        """The result of an earlier search or run, of the same artifact on this machine; None where there is none."""
        from ..history.base import Query
        from ..history.store import open_store

        is_compared = any(budget.rule == "max_regression" for budget in self._budgets(attempt.chain))
        if self.settings.store is None or (is_compared and attempt.rung == self.race.last):
            return None
        case, device = self.case_of(attempt), self.session.device
        with open_store(self.settings.store) as history:
            stored_result = history.find(Query(cases=(case.id,), profile=device.profile))
        if stored_result is None:
            return None
        (result,) = stored_result.run.results
        if result.device.machine != device.machine or result.artifact.entry != self._entry(attempt):
            return None
        self.stored.append(stored_result.run)
        return result

    def _entry(self, attempt: Attempt) -> str | None:
        """The name of the artifact in the cache, which says all that can change it; None where it is not told."""
        if attempt.rung not in self._data:
            self._data[attempt.rung] = self.session.dataset(self.case_of(Attempt(BASELINE, attempt.rung)))
        try:
            keys = CaseKeys(self.case_of(attempt), self._data[attempt.rung], self.session.device)
        except OpmlError:
            return None
        return f"artifact-{keys.artifact}"


def _seconds_of(result: Result) -> float:
    """Seconds that a result of the history took at the least."""
    times = result.vs_reference
    beside = times.offline.seconds + times.single.seconds if times else 0.0
    return result.training.training_s + result.preparation_s + sum(result.passes_s) + beside
