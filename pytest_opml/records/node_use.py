"""What a run used of the machines of each kind of device, and what that cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pydantic import Field, computed_field

from .base import Record

LARGEST_PRICE = 1e9  # so that no sum of costs is beyond all numbers
_HOUR_S, _LONGEST_S, _MOST_NODES = 3600.0, 1e12, 10**9


class NodeUse(Record):
    """What a run used of the machines of one kind of device, at one price."""

    profile: str = Field(description="the kind of device")
    nodes: int = Field(ge=0, le=_MOST_NODES, description="machines that had work of the run")
    seconds: float = Field(ge=0, le=_LONGEST_S, description="that the run had of them, all together")
    price_per_hour: float | None = Field(
        default=None,
        gt=0,
        le=LARGEST_PRICE,
        description="of one machine, as the settings of the run had it; None where they had none",
    )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def cost(self) -> float | None:
        """What that cost; None without a price."""
        return None if self.price_per_hour is None else self.seconds / _HOUR_S * self.price_per_hour


def cost_of(uses: Iterable[NodeUse] | None) -> float | None:
    """Return what several uses cost together.

    Args:
        uses: of a run; None where nobody knows them.

    Returns:
        The sum; None where there are none, or it is not known of one of them.
    """
    costs = [use.cost for use in uses or ()]
    return None if not costs or None in costs else math.fsum(cost for cost in costs if cost is not None)


def sum_of_machines(parts: Iterable[Sequence[NodeUse]]) -> tuple[NodeUse, ...]:
    """Return what runs on machines of their own used together; a kind that had two prices stands there twice."""
    return _added(parts, shares_machines=False)


def sum_of_processes(parts: Iterable[Sequence[NodeUse]]) -> tuple[NodeUse, ...]:
    """Return what processes of one run used together, which take turns on the same machines."""
    return _added(parts, shares_machines=True)


def _added(parts: Iterable[Sequence[NodeUse]], *, shares_machines: bool) -> tuple[NodeUse, ...]:
    by_price: dict[tuple[str, float], list[NodeUse]] = {}
    for uses in parts:
        for use in uses:
            by_price.setdefault((use.profile, use.price_per_hour or 0.0), []).append(use)
    return tuple(
        of_kind[0].model_copy(
            update={
                "nodes": (max if shares_machines else sum)(use.nodes for use in of_kind),
                "seconds": math.fsum(use.seconds for use in of_kind),
            }
        )
        for _, of_kind in sorted(by_price.items())
    )
