"""Which budgets apply to which cases, and where they were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import OpmlError
from ...gate.budgets import GateTerms, Override
from ...records.case_record import CaseRecord
from ..formatting import wrapped


def _why(case_id: str, found: Override) -> str:
    """Why a budget does not count; empty for one that does."""
    if found.replaced_by is not None:
        return f"replaced by {found.replaced_by}"
    if not found.budget.metric.registered:
        return "the metric is not registered here"
    if found.budget.rule in ("max_drop", "max_increase") and _is_reference(case_id):
        return "not for a reference"
    return ""


def _is_reference(case_id: str) -> bool:
    try:
        case = CaseRecord.parse(case_id)
    except OpmlError:
        return False  # no id of a case
    return case == case.reference


def budget_lines(found: Mapping[str, Sequence[Override]], terms: GateTerms, width: int) -> list[str]:
    """A block for each case: its budgets, and where each is from.

    Args:
        found: what was written for each case, by its id.
        terms: of the gate.
        width: columns that prose keeps to.
    """
    lines: list[str] = []
    for name, applying in found.items():
        shown = [f"{each.budget.metric.name} {each.budget.text}" for each in applying]
        first = max(map(len, shown), default=0)
        lines.append(name)
        for text, each in zip(shown, applying, strict=True):
            why = _why(name, each)
            lines.append(f"  {text:{first}}  {each.budget.source}{f'  ({why})' if why else ''}")
        lines += [] if shown else ["  no budget"]
        lines.append("")
    said = (
        f"confidence {terms.confidence:g}; what stays undecided counts as a {terms.undecided}; a time is sampled for "
        f"{terms.max_seconds:g} s at most while a budget on it is undecided; checks are judged "
        f"{'each by itself' if terms.multiple == 'each' else 'as one family (Holm)'}."
    )
    return [*lines, *wrapped(said, width)]


def budget_table(found: Mapping[str, Sequence[Override]]) -> dict[str, list[dict[str, Any]]]:
    """The same as plain data; ``idle`` says why a budget does not count, or is empty."""
    return {
        name: [
            {
                "metric": each.budget.metric.name,
                "rule": each.budget.rule,
                "limit": f"{each.budget.limit:g}%" if each.budget.percent else each.budget.limit,
                "source": each.budget.source,
                "optional": each.budget.optional,
                "idle": _why(name, each),
            }
            for each in applying
        ]
        for name, applying in found.items()
    }
