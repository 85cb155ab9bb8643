"""The result of a case that a baseline stands for."""

from __future__ import annotations

from ..domain.records import Baseline
from .base import History
from .naming import Selector


def baseline_of(selector: Selector, history: History | None, case_id: str, profile: str) -> Baseline | None:
    """The result of a case on a kind of hardware that a selector stands for, as it was stored; None for none.

    Raises:
        StorageError: the history cannot be read, or what it holds is no valid record.
    """
    source = selector.record or history
    found = source and source.find(selector.query._replace(cases=(case_id,), profile=profile), selector.order)
    if not found:
        return None
    (result,) = found.run.results
    return Baseline(
        name=str(selector),
        run_id=found.run.run_id,
        started=found.run.started,
        commit=found.run.commit,
        device=found.run.device,
        result=result,
    )
