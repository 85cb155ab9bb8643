from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pytest_opml.records.run import Baseline, Commit, Failure, RunRecord, merge
from tests.support.builders import make_device, make_failure, make_result, make_run

TECHNIQUES = ("baseline", "float16", "int8", "cluster-256")


def part(*techniques: str, reference_only: tuple[str, ...] = (), failed: tuple[str, ...] = ()) -> RunRecord:
    """What one process has of a run."""
    results = [make_result(technique) for technique in techniques]
    ids = {result.case.technique: result.case.id for result in results}
    return make_run(
        results,
        [make_failure(technique) for technique in failed],
        reference_only=tuple(ids[name] for name in reference_only),
    )


def techniques(record: RunRecord) -> list[str]:
    return [result.case.technique for result in record.results]


def test_the_parts_of_a_run_become_one() -> None:
    found = merge([part("baseline", "int8", reference_only=("baseline",)), part("baseline", "float16")])
    assert techniques(found) == ["baseline", "int8", "float16"]
    assert found.reference_only == ()  # one of them was asked for it


def test_a_reference_that_nobody_asked_for_stays_uncollected() -> None:
    found = merge([part("baseline", name, reference_only=("baseline",)) for name in ("int8", "float16")])
    assert found.reference_only == (make_result("baseline").case.id,)


def test_a_result_counts_more_than_another_s_failure() -> None:
    found = merge([part("int8", failed=("baseline",)), part("baseline", failed=("float16",))])
    assert techniques(found) == ["int8", "baseline"]
    assert [failure.case.technique for failure in found.failures] == ["float16"]


def test_the_run_lasts_from_the_first_start_to_the_last_end() -> None:
    first = part("int8")
    later = part("float16").model_copy(update={"started": first.started.replace(second=25), "seconds": 60.0})
    found = merge([later, first])
    assert found.started == first.started
    assert found.seconds == (25 - first.started.second) + 60.0


def test_what_was_collected_is_known_from_each_part() -> None:
    one = part("int8").model_copy(update={"collected": {"a": "t::a", "b": "t::b"}, "deselected": ("c",)})
    other = part("float16").model_copy(
        update={"collected": {"a": "t::a"}, "partial_selection": True, "marker_budgets": {"a": {"m": {}}}}
    )
    found = merge([one, other])
    assert (found.collected, found.deselected, found.partial_selection) == ({"a": "t::a", "b": "t::b"}, ("c",), True)
    assert found.marker_budgets == {"a": {"m": {}}}


def test_a_baseline_that_one_part_could_read_is_not_unread() -> None:
    one = part("int8").model_copy(update={"baseline_errors": {"a": "store: is gone", "b": "store: is gone"}})
    then = Baseline(
        name="last", run_id="r", started=one.started, commit=None, device=one.device, result=make_result("int8")
    )
    other = part("float16").model_copy(
        update={"baseline_errors": {then.result.case.id: "store: is gone"}, "baselines": (then,)}
    )
    assert merge([one, other]).baseline_errors == {"a": "store: is gone", "b": "store: is gone"}


PARTS = st.lists(st.lists(st.sampled_from(TECHNIQUES), unique=True), min_size=1, max_size=4)


@given(PARTS)
def test_every_case_is_there_once_in_whatever_parts_it_came(parts: list[list[str]]) -> None:
    found = merge([part(*names) for names in parts])
    assert sorted(techniques(found)) == sorted({name for names in parts for name in names})


@given(PARTS)
def test_merging_what_is_merged_changes_nothing(parts: list[list[str]]) -> None:
    once = merge([part(*names) for names in parts])
    assert merge([once]) == once


def test_a_case_has_one_outcome_on_each_kind_of_hardware() -> None:
    here, there = make_result("int8", device=make_device("t4")), make_result("int8", device=make_device("cpu"))
    fallen = make_failure("float16").model_copy(update={"device": make_device("cpu")})
    worked = make_result("float16", device=make_device("t4"))
    merged = merge([make_run([here, worked]), make_run([there, here], [fallen])])
    assert merged.results == (here, worked, there)
    assert merged.failures == (fallen,)
    assert [device.profile for device in merged.devices] == ["t4", "cpu"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("commit", "$(touch x)"), ("commit", "abc"), ("commit", "A" * 40), ("parents", ("a" * 40, "b\n"))],
)
def test_what_is_no_hash_is_no_commit(field: str, value: object) -> None:
    fields = {"commit": "a" * 40, "branch": "main", "dirty": False, field: value}
    with pytest.raises(ValidationError, match=field):
        Commit.model_validate(fields)


def test_what_is_said_of_a_failure_has_room_in_a_record() -> None:
    failure = make_failure("cluster-64", "error", "m" * 10_000_000)
    log = "begin" + "l" * 10_000_000 + "end"
    failure = Failure(case=failure.case, device=failure.device, kind="error", message=failure.message, log_tail=log)
    assert len(failure.message) <= 4_000
    assert len(failure.log_tail) <= 16_000
    assert failure.log_tail.startswith("begin")
    assert failure.log_tail.endswith("end")
    assert "characters ...]" in failure.log_tail
    assert Failure.model_validate(failure.model_dump()) == failure
