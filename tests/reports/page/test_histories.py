from __future__ import annotations

from datetime import timedelta

from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.history.memory import MemoryHistory
from pytest_opml.records.run import RunRecord
from pytest_opml.reports.page.histories import case_histories
from tests.support.builders import make_case, make_device, make_result, make_run
from tests.support.pages import BUDGETS, gate_of, make_eight


def with_earlier(record: RunRecord, runs: int) -> MemoryHistory:
    """A history of so many runs before a run, with it."""
    history = MemoryHistory()
    for number in range(runs, 0, -1):
        earlier = {"run_id": f"earlier-{number}", "started": record.started - timedelta(days=number), "checks": ()}
        history.append(record.model_copy(update=earlier))
    history.append(record)
    return history


def test_each_case_has_a_chart_for_each_metric_with_its_budgets() -> None:
    record = make_eight(BUDGETS)
    histories = case_histories(with_earlier(record, 3), record)
    assert len({one.case for one in histories}) == 8
    assert {one.metric for one in histories} == {
        *("op_score", "quality", "inference_s", "latency_ms.p50", "size_mb", "peak_memory_mb"),
    }
    size = next(one.chart for one in histories if (one.case, one.metric) == ("top1/int8", "size_mb"))
    assert [row["value"] for row in size.datasets["points"]] == [3.98] * 4
    (limit,) = size.datasets["limits"]
    assert limit["value"] == 15


def test_a_case_without_an_earlier_result_has_no_history() -> None:
    record = make_eight(BUDGETS)
    assert case_histories(with_earlier(record, 0), record) == ()


def test_of_many_cases_those_that_did_not_pass_come_first_and_the_best_follow() -> None:
    results = [
        make_result(case=make_case(f"cluster-{16 + number}"), inference_s=1 + number, size_mb=20 if number == 29 else 4)
        for number in range(30)
    ]
    record = make_run(results)
    record = record.model_copy(update={"checks": judge_run(record, gate_of({"size_mb": {"max": 15}}))})
    names = list(dict.fromkeys(one.case for one in case_histories(with_earlier(record, 1), record)))
    assert names == ["cluster-45", *(f"cluster-{16 + number}" for number in range(19))]


def test_a_case_on_two_devices_has_a_history_of_each() -> None:
    results = [
        make_result(device=make_device(profile), inference_s=seconds)
        for profile, seconds in (("v100", 3.0), ("p100", 8.0))
    ]
    record = make_run(results)
    histories = case_histories(with_earlier(record, 2), record)
    assert len({(one.case, one.metric) for one in histories}) == len(histories)
    times = {one.case: one.chart.datasets["points"][-1]["value"] for one in histories if one.metric == "inference_s"}
    assert times == {"baseline on v100": 3.0, "baseline on p100": 8.0}


def test_what_did_not_pass_on_one_device_comes_first_there_only() -> None:
    results = [
        make_result(device=make_device(profile), size_mb=20.0 if profile == "p100" else 5.0)
        for profile in ("v100", "p100")
    ]
    record = make_run(results)
    record = record.model_copy(update={"checks": judge_run(record, gate_of({"size_mb": {"max": 15}}))})
    names = list(dict.fromkeys(one.case for one in case_histories(with_earlier(record, 1), record)))
    assert names == ["baseline on p100", "baseline on v100"]
