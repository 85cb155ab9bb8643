"""The exit code of a search that may have cost too much; whole searches are in tests/runs/."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml.records.node_use import NodeUse
from pytest_opml.runner.outcome import Exit
from pytest_opml.runner.search_run import _within_cost
from pytest_opml.settings import build_settings
from tests.support.builders import make_run

BEST = Exit(0, "the best chain is int8 (OpScore -1.000)")


@pytest.mark.parametrize(
    ("limit", "price", "code", "why"),
    [
        (2.0, 1.0, 0, ""),
        (0.5, 1.0, 1, "; the run cost 1.00, at most 0.50 is allowed (max_cost)"),
        (0.5, None, 11, "; the run was made without a price of v100"),
    ],
)
def test_a_search_ends_no_better_than_its_cost(
    tmp_path: Path, limit: float, price: float | None, code: int, why: str
) -> None:
    settings = build_settings({"gate": {"max_cost": limit}}, {}, tmp_path)
    use = NodeUse(profile="v100", nodes=1, seconds=3600, price_per_hour=price)
    assert _within_cost(BEST, make_run(node_use=(use,)), settings) == (code, BEST.reason + why)


def test_a_search_that_found_nothing_stays_what_it_is(tmp_path: Path) -> None:
    settings = build_settings({"gate": {"max_cost": 0.5}}, {}, tmp_path)
    exit_ = Exit(11, "no chain was tried on all examples")
    assert _within_cost(exit_, make_run(), settings) == exit_
