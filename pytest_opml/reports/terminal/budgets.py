"""The budgets that apply to each case, and where they were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...gate.budgets import GateTerms, Override
from ...records.case_ids import reference_id
from ..formatting import wrapped


def _why_idle(case_id: str, override: Override) -> str:
    """Say why a budget does not count; empty for one that does."""
    if override.replaced_by is not None:
        return f"replaced by {override.replaced_by}"
    if not override.budget.metric.registered:
        return "the metric is not registered here"
    if override.budget.rule in ("max_drop", "max_increase") and reference_id(case_id) == case_id:
        return "not for a reference"
    return ""


def budget_lines(overrides: Mapping[str, Sequence[Override]], terms: GateTerms, width: int) -> list[str]:
    """Show for each case its budgets, and where each is from.

    Args:
        overrides: what was written for each case, by its id.
        terms: of the gate.
        width: columns that prose keeps to.
    """
    lines: list[str] = []
    for name, written in overrides.items():
        texts = [f"{override.budget.name} {override.budget.text}" for override in written]
        longest = max(map(len, texts), default=0)
        lines.append(name)
        for text, override in zip(texts, written, strict=True):
            why = _why_idle(name, override)
            lines.append(f"  {text:{longest}}  {override.budget.source}{f'  ({why})' if why else ''}")
        lines += [] if texts else ["  no budget"]
        lines.append("")
    terms_text = (
        f"confidence {terms.confidence:g}; what stays inconclusive counts as a {terms.inconclusive}; a time is sampled "
        f"for {terms.max_seconds:g} s at most while a budget on it is inconclusive; checks are judged "
        f"{'each by itself' if terms.multiple == 'each' else 'as one family (Holm)'}."
    )
    return [*lines, *wrapped(terms_text, width)]


def budget_table(overrides: Mapping[str, Sequence[Override]]) -> dict[str, list[dict[str, Any]]]:
    """Return the same as plain data; ``idle`` says why a budget does not count, or is empty."""
    return {
        name: [
            {
                "metric": override.budget.name,
                "rule": override.budget.rule,
                "limit": f"{override.budget.limit:g}%" if override.budget.percent else override.budget.limit,
                "source": override.budget.source,
                "optional": override.budget.optional,
                "idle": _why_idle(name, override),
            }
            for override in written
        ]
        for name, written in overrides.items()
    }
