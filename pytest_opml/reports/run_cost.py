"""What a run cost, in words."""

from __future__ import annotations

from collections.abc import Sequence

from ..gate.run_cost import money
from ..records.node_use import NodeUse, cost_of
from ..records.run import RunRecord
from .formatting import amount, clock


def cost_text(record: RunRecord) -> str:
    """Return the cost of a run and what it is made of: ``1.84 (v100 0:31:02 on 2 nodes at 2.48/h, cpu 0:12:00 ...)``.

    Empty where no kind of device had a price.
    """
    uses = record.node_use or ()
    priced = cost_of(use for use in uses if use.cost is not None)
    if priced is None or all(use.cost is None for use in uses):
        return ""
    return f"{'' if record.cost is not None else 'at least '}{money(priced)} ({uses_text(uses)})"


def uses_text(uses: Sequence[NodeUse]) -> str:
    """Return what was used of each kind of device, what cost the most first."""
    return ", ".join(map(_use_text, sorted(uses, key=lambda use: (-(use.cost or 0.0), use.profile))))


def _use_text(use: NodeUse) -> str:
    nodes = "" if use.nodes == 1 else f" on {amount(use.nodes, 'node')}"
    price = "without a price" if use.price_per_hour is None else f"at {use.price_per_hour:.12g}/h"
    return f"{use.profile} {clock(use.seconds)}{nodes} {price}"
