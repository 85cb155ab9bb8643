"""The result of a case that a baseline stands for."""

from __future__ import annotations

from datetime import datetime

from ..records.result import Baseline
from .base import History
from .selectors import Selector


def baseline_of(
    selector: Selector, history: History | None, case_id: str, profile: str, *, before: datetime | None = None
) -> Baseline | None:
    """The result of a case on a kind of hardware that a selector stands for, as it was stored; None for none.

    Args:
        selector: what is asked for.
        history: None for none.
        case_id: of the case.
        profile: the kind of hardware.
        before: when its run began, before this moment; a file is taken as it is.

    Raises:
        StorageError: the history cannot be read, or what it holds is no valid record.
    """
    source = selector.record or history
    if selector.record:
        before = None
    query = selector.query._replace(cases=(case_id,), profile=profile, before=before)
    found = source and source.find(query, selector.order)
    if not found:
        return None
    (result,) = found.run.results
    return Baseline(
        name=str(selector),
        run_id=found.run.run_id,
        started=found.run.started,
        commit=found.run.commit,
        device=result.device,
        result=result,
    )
