"""A test that searches: the best chain of its case, which is then a case like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .markers import marked_search, test_overrides
from .options import settings_of

if TYPE_CHECKING:
    from ..case import Case
    from ..runner.search_evaluation import SearchEvaluation
    from ..runner.search_standings import Trial
    from ..runner.session import Session


def best_of(case: Case, item: pytest.Item, session: Session) -> Case:
    """Return the case of the chain with the lowest OpScore that keeps the budgets of a test.

    What else was tried stands in the record without being judged.

    Args:
        case: whose model the chains are applied to.
        item: the test, whose marker says which chains, and how long.
        session: of the run.

    Raises:
        SettingsError: the marker says what it cannot.
        pytest.fail.Exception: no chain keeps the budgets.
    """
    from ..reports.terminal.search import trial_line
    from ..runner.search_evaluation import SearchEvaluation

    settings = settings_of(item.config)
    wanted, lines = marked_search(item, settings.searches), []

    def tell(evaluation: SearchEvaluation, trial: Trial, is_stored: bool) -> None:
        lines.append(trial_line(evaluation.said_of(trial, wanted.seconds, is_stored=is_stored)))

    evaluation = SearchEvaluation(
        session, settings, case.reference, wanted.space, overrides=test_overrides(item), on_trial=tell
    )
    try:
        evaluation.run(wanted.seconds)
    finally:
        item.add_report_section("call", "opml search", "\n".join(lines))
        for attempt in evaluation.race.trials:
            session.withdraw(evaluation.case_of(attempt))
    best = evaluation.race.best
    if best is None:
        cut = ", and the seconds are over" if evaluation.race.is_cut else ""
        pytest.fail(f"none of {len(wanted.space.chains)} chains keeps the budgets{cut}", pytrace=False)
    return evaluation.case_of(best.attempt)
