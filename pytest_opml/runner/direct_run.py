"""A run of cases that are given one by one, where pytest collects no tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CaseFailed, OpmlError
from ..reports.formatting import amount
from ..reports.terminal.progress_line import ProgressLine
from .outcome import USAGE, Exit, Outcome, finish
from .plan import CollectedTest, plan_run
from .session import Session

if TYPE_CHECKING:
    from ..case import Case
    from ..settings import Settings

INTERRUPTED = 2  # as of pytest


def run_cases(
    cases: Sequence[tuple[Case, str]],
    settings: Settings,
    root: Path,
    *,
    width: Callable[[], int],
    on_wrong: Callable[[str], None],
) -> Outcome:
    """Measure cases, one after the other, and end the run.

    Args:
        cases: each with the command that measures it alone.
        settings: of the run.
        root: the user's project.
        width: returns the columns of the terminal, in which the error output shows how far it is.
        on_wrong: is told at once of an input that is at fault.

    Returns:
        What it came to. An interrupted run has ended before its end.

    Raises:
        UsageError: the run cannot begin.
    """
    # budgets of the file that name other cases are not missed: these are not all that the project has
    plan = plan_run((CollectedTest(command, case) for case, command in cases), partial_selection=True)
    line = ProgressLine(sys.stderr if sys.stderr.isatty() else None, width, len(cases), log=sys.stderr)
    session, wrong, is_complete = Session(settings, root, line, plan=plan), 0, False
    try:
        for case, _ in cases:
            try:
                session.run(case)
                session.judge(case)  # which looks up what its budgets compare it with
            except CaseFailed:
                pass  # it stands in the record
            except OpmlError as error:
                on_wrong(f"{case.id}: {error}")
                wrong += 1
            line.finished()
        is_complete = True
    except KeyboardInterrupt:
        line.clear()
    return finish(
        session.record(),
        settings,
        root,
        is_complete=is_complete,
        pytest_exit=None if is_complete else INTERRUPTED,
        usage_errors=wrong,
    )


def exit_of(outcome: Outcome) -> Exit:
    """Return the exit code of such a run, and why it is that."""
    if not outcome.record.interrupted or outcome.exit.code == USAGE:
        return outcome.exit
    reason = f"the run was interrupted after {amount(len(outcome.record.results), 'result')}"
    return Exit(INTERRUPTED, "; ".join(filter(None, (reason, outcome.advice))))
