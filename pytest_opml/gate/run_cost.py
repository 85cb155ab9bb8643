"""The budget on what a whole run cost: ``max_cost`` in ``[tool.opml.gate]``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import SettingsError
from ..records.node_use import LARGEST_PRICE
from ..records.run import Check, RunRecord

KEY = "max_cost"
_DECIMALS, _DIGITS = 2, 2


class MaxCost(NamedTuple):
    """What a run may cost at most, in the currency of the prices.

    Attributes:
        source: where it was written.
    """

    limit: float
    source: str

    @property
    def text(self) -> str:
        """As the user wrote it: ``max_cost = 20``."""
        return f"{KEY} = {self.limit:.12g}"


def parse_max_cost(value: Any, source: str) -> MaxCost:
    """Return the budget that a value describes.

    Args:
        value: as TOML or the command line gives it.
        source: where it was written, for messages.

    Raises:
        SettingsError: it is no number above 0.
    """
    if not is_price(value):
        raise SettingsError(f"{source}: must be a number above 0 and up to {LARGEST_PRICE:,.0f}, not {value!r}")
    return MaxCost(float(value), source)


def is_price(value: Any) -> bool:
    """Return whether a value is a number above 0, and none that is too large for a price or a cost."""
    return not isinstance(value, bool) and isinstance(value, (int, float)) and 0 < value <= LARGEST_PRICE


def check_prices(prices: Mapping[str, float], budget: MaxCost | None, profiles: Sequence[str]) -> None:
    """Refuse a run whose cost nobody would know at its end.

    Args:
        prices: by kind of device.
        budget: on the cost of the run; None for none.
        profiles: the kinds that it is to run on.

    Raises:
        SettingsError: one of them has no price.
    """
    missing = [profile for profile in profiles if profile not in prices]
    if budget and missing:
        prices_to_write = ", ".join(f"{profile} = ..." for profile in missing)
        raise SettingsError(
            f"{budget.source}: the run is on {', '.join(missing)}, without a price, so its cost would not be known; "
            f"write what an hour of such a machine costs into [tool.opml.price] of pyproject.toml: {prices_to_write}"
        )


def judge_cost(record: RunRecord, budget: MaxCost | None) -> tuple[Check, ...]:
    """Return the check of what a run cost; none without a budget.

    Args:
        record: of the run, which has the prices that it was made with.
        budget: on its cost.
    """
    if budget is None:
        return ()
    cost = record.cost
    if cost is None:
        verdict, reason = "not_judged", _why_unknown(record)
    elif cost > budget.limit:
        value, limit = money_apart(cost, budget.limit)
        verdict, reason = "fail", f"the run cost {value}, at most {limit} is allowed ({KEY})"
    else:
        verdict, reason = "pass", ""
    check = {
        "case_id": "",
        "metric": "cost",
        "rule": KEY,
        "limit": budget.limit,
        "budget": budget.text,
        "source": budget.source,
        "value": cost,
        "verdict": verdict,
        "blocking": verdict != "pass",
        "reason": reason,
    }
    return (Check.model_validate(check),)


def _why_unknown(record: RunRecord) -> str:
    if not record.node_use:
        return "the record does not say what the run used of its machines"
    kinds = dict.fromkeys(use.profile for use in record.node_use if use.cost is None)
    return f"the run was made without a price of {', '.join(kinds)}"


def money(value: float) -> str:
    """Return an amount with two decimals, or with two digits where it is small."""
    decimals = _DIGITS - 1 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:,.{min(max(decimals, _DECIMALS), 12)}f}"


def money_apart(value: float, limit: float) -> tuple[str, str]:
    """Return a cost and its limit, with more digits where one is above the other and the usual ones do not show it."""
    texts = money(value), money(limit)
    return (f"{value:.12g}", f"{limit:.12g}") if texts[0] == texts[1] and value > limit else texts
