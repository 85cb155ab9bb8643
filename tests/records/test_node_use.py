"""What runs used of machines: sums that no order changes."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pytest_opml.history.record_files import read_record, write_record
from pytest_opml.records.node_use import NodeUse, cost_of, sum_of_machines, sum_of_processes
from pytest_opml.records.run import RunRecord, merge
from tests.support.builders import make_run

USES = st.builds(
    NodeUse,
    profile=st.sampled_from(["cpu", "v100", "a100"]),
    nodes=st.integers(0, 1000),
    seconds=st.floats(0, 1e9),
    price_per_hour=st.sampled_from([None, 0.19, 2.48]),
)
STORED = Path(__file__).parents[2] / "docs" / "records" / "paper-smoke.json"


def use(profile: str = "v100", seconds: float = 1800.0, price: float | None = 2.48, nodes: int = 1) -> NodeUse:
    return NodeUse(profile=profile, nodes=nodes, seconds=seconds, price_per_hour=price)


def job(run_id: str, *uses: NodeUse, at: float = 0.0, seconds: float = 42.0) -> RunRecord:
    record = make_run(run_id=run_id, node_use=uses, seconds=seconds)
    return record.model_copy(update={"started": record.started + timedelta(seconds=at)})


def test_an_hour_costs_its_price() -> None:
    assert use(seconds=3600, price=2.48).cost == 2.48
    assert use(seconds=1800, price=0.2).cost == 0.1
    assert use(price=None).cost is None


def test_what_nobody_knows_of_one_kind_nobody_knows_of_the_sum() -> None:
    assert cost_of([use(seconds=3600, price=2.0), use("cpu", 7200, 0.5)]) == 3.0
    assert cost_of([use(), use("cpu", price=None)]) is None
    assert cost_of(None) is None
    assert cost_of([]) is None


@settings(max_examples=40)
@given(st.lists(st.lists(USES, max_size=4), max_size=6), st.randoms())
def test_no_order_changes_a_sum(parts: list[list[NodeUse]], random: object) -> None:
    mixed = [list(uses) for uses in parts]
    for uses in mixed:
        random.shuffle(uses)  # type: ignore[attr-defined]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    for add in (sum_of_machines, sum_of_processes):
        assert add(mixed) == add(parts)


@given(st.lists(st.lists(USES, max_size=4), max_size=6))
def test_a_sum_loses_nothing(parts: list[list[NodeUse]]) -> None:
    flat, total = [one for uses in parts for one in uses], sum_of_machines(parts)
    assert sum(one.seconds for one in total) == pytest.approx(sum(one.seconds for one in flat))
    assert sum(one.nodes for one in total) == sum(one.nodes for one in flat)
    assert len({(one.profile, one.price_per_hour) for one in total}) == len(total)
    cost, separate = cost_of(total), cost_of(flat)
    assert (cost is None) == (separate is None)
    assert cost is None or cost == pytest.approx(separate)


@settings(max_examples=40)
@given(st.lists(st.lists(USES, max_size=3), min_size=1, max_size=5), st.randoms())
def test_jobs_make_the_same_run_in_any_order(parts: list[list[NodeUse]], random: object) -> None:
    jobs = [job(f"job-{number}", *uses) for number, uses in enumerate(parts)]
    mixed = list(jobs)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert merge(mixed).node_use == merge(jobs).node_use
    assert merge(mixed).cost == merge(jobs).cost


def test_jobs_have_machines_of_their_own_and_a_kind_with_two_prices_stands_there_twice() -> None:
    jobs = [job("a", use(seconds=10)), job("b", use(seconds=5)), job("c", use(seconds=5, price=3.0))]
    assert merge(jobs).node_use == (use(seconds=15, nodes=2), use(seconds=5, price=3.0))


def test_processes_that_share_a_machine_have_it_once_from_the_first_to_the_last() -> None:
    parts = [job("a", use(seconds=40), seconds=40), job("a", use(seconds=38), at=10, seconds=38)]
    assert merge(parts).node_use == (use(seconds=48),)
    assert merge(parts).seconds == 48


def test_processes_that_take_turns_on_several_devices_add_up_what_each_worked() -> None:
    parts = [job("a", use(seconds=10), use("cpu", 3, 0.19)), job("a", use(seconds=20), use("cpu", 4, 0.19), at=1)]
    assert merge(parts).node_use == (use("cpu", 7, 0.19), use(seconds=30))


def test_the_nodes_of_one_kind_of_a_fleet_stay_what_they_are() -> None:
    assert merge([job("a", use(seconds=500, nodes=7))]).node_use == (use(seconds=500, nodes=7),)


def test_a_job_that_does_not_say_what_it_used_leaves_the_sum_unknown() -> None:
    silent = make_run(run_id="b")
    assert silent.node_use is None
    merged = merge([job("a", use()), silent])
    assert merged.node_use is None
    assert merged.cost is None


def test_a_record_that_knows_nothing_of_it_is_read() -> None:
    assert "node_use" not in json.loads(STORED.read_text("utf-8"))
    assert read_record(STORED).node_use is None


def test_a_record_is_read_back_with_its_cost_for_others_to_see(tmp_path: Path) -> None:
    record = job("a", use(seconds=3600), use("cpu", 3600, 0.19))
    write_record(record, tmp_path / "run.json")
    document = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert [one["cost"] for one in document["node_use"]] == [2.48, 0.19]
    assert document["cost"] == pytest.approx(2.67)
    assert read_record(tmp_path / "run.json") == record


@pytest.mark.parametrize(
    "wrong", [{"seconds": -1.0}, {"price_per_hour": 0.0}, {"price_per_hour": 1e300}, {"nodes": -1}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        NodeUse.model_validate({"profile": "cpu", "nodes": 1, "seconds": 1.0} | wrong)
