"""The budgets that apply to each case, and where they were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...gate.budgets import GateTerms, Override
from ...gate.run_cost import MaxCost
from ...records.case_ids import reference_id
from ...records.result import Key
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


def budget_lines(
    overrides: Mapping[Key, Sequence[Override]], terms: GateTerms, width: int, max_cost: MaxCost | None = None
) -> list[str]:
    """Show for each case its budgets, and where each is from.

    Args:
        overrides: what was written for each case on each kind of hardware.
        terms: of the gate.
        width: columns that prose keeps to.
        max_cost: the budget on the cost of the whole run; None for none.
    """
    lines: list[str] = []
    for name, key, written in _named(overrides):
        texts = [f"{override.budget.name} {override.budget.text}" for override in written]
        longest = max(map(len, texts), default=0)
        lines.append(name)
        for text, override in zip(texts, written, strict=True):
            why = _why_idle(key.case_id, override)
            lines.append(f"  {text:{longest}}  {override.budget.source}{f'  ({why})' if why else ''}")
        lines += [] if texts else ["  no budget"]
        lines.append("")
    if max_cost:
        lines += ["the run", f"  {max_cost.text}  {max_cost.source}", ""]
    terms_text = (
        f"confidence {terms.confidence:g}; what stays inconclusive counts as a {terms.inconclusive}; a time is sampled "
        f"for {terms.max_seconds:g} s at most while a budget on it is inconclusive; checks are judged "
        f"{'each by itself' if terms.multiple == 'each' else 'as one family (Holm)'}."
    )
    return [*lines, *wrapped(terms_text, width)]


def _named(overrides: Mapping[Key, Sequence[Override]]) -> Iterator[tuple[str, Key, Sequence[Override]]]:
    """Yield each case by its id, with the kind of hardware behind it where there are several."""
    has_many = len({key.profile for key in overrides}) > 1
    for key, written in overrides.items():
        yield f"{key.case_id} on {key.profile}" if has_many else key.case_id, key, written


def budget_table(overrides: Mapping[Key, Sequence[Override]]) -> dict[str, list[dict[str, Any]]]:
    """Return the same as plain data; ``idle`` says why a budget does not count, or is empty."""
    return {
        name: [
            {
                "metric": override.budget.name,
                "rule": override.budget.rule,
                "limit": f"{override.budget.limit:g}%" if override.budget.percent else override.budget.limit,
                "source": override.budget.source,
                "optional": override.budget.optional,
                "idle": _why_idle(key.case_id, override),
            }
            for override in written
        ]
        for name, key, written in _named(overrides)
    }
