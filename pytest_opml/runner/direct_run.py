"""A run of cases that are given one by one, where pytest collects no tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CaseFailed, OpmlError
from ..reports.formatting import amount
from ..reports.terminal.progress_line import ProgressLine
from ..reports.terminal.run import exit_line
from .outcome import USAGE, Exit, Outcome, finish
from .plan import CollectedTest, plan_run
from .sessions import Sessions
from .signals import INTERRUPTED, EndSignals

if TYPE_CHECKING:
    from ..case import Case
    from ..settings import Settings
    from .session import Session


def run_cases(
    cases: Sequence[tuple[Case, str]],
    settings: Settings,
    root: Path,
    *,
    width: Callable[[], int],
    on_wrong: Callable[[str], None],
    on_note: Callable[[str], None],
) -> Outcome:
    """Measure cases on each device, one after the other, and end the run.

    Args:
        cases: each with the command that measures it alone.
        settings: of the run.
        root: the user's project.
        width: returns the columns of the terminal, in which the error output shows how far it is.
        on_wrong: is told at once of an input that is at fault.
        on_note: is told of each earlier run that is taken into the history now.

    Returns:
        What it came to. An interrupted run has ended before its end.

    Raises:
        UsageError: the run cannot begin.
        KeyboardInterrupt: it was ended before it began.
    """
    # budgets of the file that name other cases are not missed: these are not all that the project has
    tests = [CollectedTest(command, case) for case, command in cases]
    plan = plan_run(tests, settings.cache_dir, partial_selection=True, gpus=settings.gpus)
    is_terminal, names = sys.stderr.isatty(), [case.id for _ in settings.gpus for case, _ in cases]
    line = ProgressLine(sys.stderr if is_terminal else None, width, names, log=sys.stderr, is_logged=not is_terminal)
    with EndSignals(ends_process=True) as signals:
        sessions = Sessions(settings, root, line, plans=dict.fromkeys(settings.gpus, plan))
        run = _DirectRun(sessions, settings, root, signals)
        for note in sessions.notes:
            on_note(note)
        signals.end_late_by(lambda: on_note(exit_line(*exit_of(run.end(is_complete=False)))))
        is_complete = False
        try:
            for gpu in settings.gpus:
                for case, _ in cases:
                    run.measure(case, sessions.on(gpu), on_wrong)
                    line.finished()
            is_complete = True
        except KeyboardInterrupt:
            line.clear()
        with signals.ending():
            try:
                return run.end(is_complete=is_complete)
            finally:
                sessions.close()


class _DirectRun:
    """A run of cases, and what is to be said of its end."""

    def __init__(self, sessions: Sessions, settings: Settings, root: Path, signals: EndSignals) -> None:
        self._sessions = sessions
        self._settings, self._root, self._signals = settings, root, signals
        self._wrong = 0

    def measure(self, case: Case, session: Session, on_wrong: Callable[[str], None]) -> None:
        try:
            session.run(case)
            session.judge(case)  # which looks up what its budgets compare it with
        except CaseFailed:
            pass  # it stands in the record
        except OpmlError as error:
            on_wrong(f"{case.id}: {error}")
            self._wrong += 1

    def end(self, *, is_complete: bool) -> Outcome:
        outcome = finish(
            self._sessions.record(),
            self._settings,
            self._root,
            is_complete=is_complete,
            pytest_exit=None if is_complete else INTERRUPTED,
            usage_errors=self._wrong,
            notes=self._sessions.journal_notes,
            on_safe=self._sessions.forget,
        )
        return replace(outcome, stopped=self._signals.described)


def exit_of(outcome: Outcome) -> Exit:
    """Return the exit code of such a run, and why it is that."""
    if not outcome.record.interrupted or outcome.exit.code == USAGE:
        return outcome.exit
    reason = f"the run was {outcome.stopped} after {amount(len(outcome.record.results), 'result')}"
    return Exit(INTERRUPTED, "; ".join(filter(None, (reason, outcome.advice))))
