"""A run that searches for the best chain of one model: it begins, is bounded, and ends as any other run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..gate.best_case import Selection, select_best
from ..gate.run_cost import judge_cost
from ..gate.run_verdicts import judge_run
from ..records.run import RunRecord, merge
from ..reports.formatting import amount
from ..reports.terminal.progress_line import ProgressLine
from ..reports.terminal.run import exit_line
from ..reports.terminal.search import trial_line
from .outcome import FAILED, NOT_JUDGED, NOTHING_MEASURED, PASSED, Exit, Outcome, finish
from .plan import CollectedTest, plan_run
from .search_evaluation import SearchEvaluation, SearchResult
from .search_trials import counted
from .session import Session
from .signals import INTERRUPTED, EndSignals

if TYPE_CHECKING:
    from ..case import Case
    from ..settings import Settings
    from .search_space import SearchSpace
    from .search_standings import Trial


@dataclass(frozen=True, kw_only=True)
class SearchOutcome:
    """What a run that searched has come to.

    Attributes:
        search: what was tried, the results of earlier runs included.
        outcome: of the run, whose record has what was measured now.
        record: what was measured now and earlier, on all examples, judged together.
        exit: the exit code that the search asks for.
    """

    search: SearchResult
    outcome: Outcome
    record: RunRecord
    exit: Exit

    @property
    def selection(self) -> Selection | None:
        """The chains on all examples, by score; None where there is none."""
        return next(iter(select_best(self.record, counted(self.record.checks))), None)


def run_search(
    case: Case,
    space: SearchSpace,
    seconds: float,
    settings: Settings,
    root: Path,
    *,
    command: Callable[[Case], str],
    width: Callable[[], int],
    on_note: Callable[[str], None],
) -> SearchOutcome:
    """Search for the best chain of a model, and end the run.

    Args:
        case: as trained.
        space: the chains.
        seconds: that it may take; nothing is begun that is not expected to end within them.
        settings: of the run.
        root: the user's project.
        command: returns what measures a case again, for the record.
        width: returns the columns of the terminal, in which the error output shows how far it is.
        on_note: is told of each trial, and of each earlier run that is taken into the history now.

    Raises:
        UsageError: the run cannot begin, or an input is wrong.
        KeyboardInterrupt: it was ended before it began.
    """
    settings.require_one_gpu("a search")
    if settings.fleet:
        raise SettingsError(f"fleet: {settings.fleet}: a search runs on this machine; say --fleet none")
    # which cases it comes to is not known before: none is missed, and no budget that names another one
    plan = plan_run([CollectedTest(command(case), None)], settings.cache_dir, partial_selection=True)
    # how many trials there will be is not known: each chain may be tried on several numbers of examples
    line = ProgressLine(sys.stderr if sys.stderr.isatty() else None, width, log=sys.stderr)

    def tell(evaluation: SearchEvaluation, trial: Trial, is_stored: bool) -> None:
        line.finished()
        on_note(trial_line(evaluation.said_of(trial, seconds, is_stored=is_stored)))

    with EndSignals(ends_process=True) as signals:
        session = Session(settings, root, line, plan=plan)
        for note in session.notes:
            on_note(note)
        evaluation = SearchEvaluation(session, settings, case, space, on_trial=tell)

        def end(*, is_complete: bool) -> SearchOutcome:
            return _ended(evaluation, settings, root, command, is_complete=is_complete, stopped=signals.described)

        signals.end_late_by(lambda: on_note(exit_line(*end(is_complete=False).exit)))
        is_complete = False
        try:
            evaluation.run(seconds)
            is_complete = True
        except KeyboardInterrupt:
            line.clear()
        with signals.ending():
            return end(is_complete=is_complete)


def _ended(
    evaluation: SearchEvaluation,
    settings: Settings,
    root: Path,
    command: Callable[[Case], str],
    *,
    is_complete: bool,
    stopped: str,
) -> SearchOutcome:
    """Judge what was measured, write the record, and say what the search came to."""
    session, result = evaluation.session, evaluation.result
    record = session.record()
    cases = [evaluation.case_of(attempt) for attempt in result.race.trials if attempt.rung == result.race.last]
    measured = {one.case.id for one in (*record.results, *record.failures)}
    record = record.model_copy(update={"collected": {case.id: command(case) for case in cases if case.id in measured}})
    whole = _whole(record, result)
    whole = whole.model_copy(update={"checks": judge_run(whole, settings.gate)})
    code = _within_cost(_exit_of(result, is_complete=is_complete, stopped=stopped), record, settings)
    outcome = finish(
        record,
        settings,
        root,
        is_complete=is_complete,
        pytest_exit=code.code,
        notes=session.journal.notes,
        on_safe=session.journal.remove,
    )
    if outcome.problems and code.code == PASSED:
        code = Exit(NOT_JUDGED, f"{code.reason}; not everything could be written")
    if outcome.advice:
        code = Exit(code.code, f"{code.reason}; {outcome.advice}")
    return SearchOutcome(search=result, outcome=replace(outcome, stopped=stopped), record=whole, exit=code)


def _whole(record: RunRecord, result: SearchResult) -> RunRecord:
    """The record with the results of earlier runs that the search went by, those on all examples alone."""
    finalists = {one.case.id: one for one in result.finalists.values()}
    fresh = {one.case.id for one in record.results}
    earlier = [
        run.model_copy(update={"reference_only": (), "failures": (), "checks": (), "collected": {}, "baselines": ()})
        for run in result.stored
        if run.results[0].case.id in finalists and run.results[0].case.id not in fresh
    ]
    whole = merge([record, *earlier]) if earlier else record
    judged = tuple(one for one in whole.results if one.case.id in finalists)
    names = {one.case.id for one in judged}
    return whole.model_copy(
        update={
            "results": judged,
            "failures": (),
            "reference_only": tuple(set(whole.reference_only) - names),
            "node_use": record.node_use,  # those of earlier runs were theirs
        }
    )


def _exit_of(result: SearchResult, *, is_complete: bool, stopped: str) -> Exit:
    """The exit code of a search, and why it is that."""
    race, best = result.race, result.best
    tried = [trial for (chain, rung), trial in race.trials.items() if rung == race.last]
    if not is_complete:
        text = f"the search was {stopped} after {amount(len(race.trials), 'trial')}"
        return Exit(INTERRUPTED, f"{text}; {_named(result)}" if best else text)
    cut = "; the seconds were over: the same command goes on" if race.is_cut else ""
    if best is not None:
        return Exit(PASSED, f"{_named(result)}{cut}")
    measured = [trial for trial in tried if trial.score is not None]
    if not race.trials or not any(trial.score is not None for trial in race.trials.values()):
        return Exit(NOTHING_MEASURED, f"nothing was measured{cut}")
    if not measured:
        return Exit(NOT_JUDGED, f"no chain was tried on all examples{cut}")
    if race.is_cut:
        return Exit(NOT_JUDGED, f"none of {amount(len(measured), 'chain')} keeps the budgets so far{cut}")
    return Exit(FAILED, f"none of {amount(len(race.space.chains), 'chain')} keeps the budgets")


def _within_cost(exit_: Exit, record: RunRecord, settings: Settings) -> Exit:
    """The exit code of a search that may have cost too much; one that was ended, or found nothing, stays what it is."""
    blocking = [check for check in judge_cost(record, settings.gate.max_cost) if check.blocking]
    if exit_.code != PASSED or not blocking:
        return exit_
    return Exit(FAILED if blocking[0].verdict == "fail" else NOT_JUDGED, f"{exit_.reason}; {blocking[0].reason}")


def _named(result: SearchResult) -> str:
    best = result.best
    assert best is not None
    return f"the best chain is {best.case.technique} (OpScore {best.op_score.value:.3f})"
