from __future__ import annotations

from typing import Any

import pytest

from pytest_opml.analysis.comparison import compare
from pytest_opml.records.result import Result
from pytest_opml.records.run import Baseline
from pytest_opml.stats.predictions import pack
from tests.support.builders import make_device, make_result, make_run, make_side_by_side


def baseline_of(result: Result, **fields: Any) -> Baseline:
    run = make_run()
    given = {"run_id": run.run_id, "started": run.started, "commit": run.commit, "device": run.device}
    return Baseline(**given | {"result": result} | fields)


def test_nothing_changed() -> None:
    found = compare(make_result("int8"), baseline_of(make_result("int8")))
    assert found.size is not None
    assert (found.size.value, found.size.word) == (1.0, "same")
    assert found.op_score is not None
    assert (found.op_score.value, found.op_score.word) == (0.0, "unclear")
    assert found.axes == (0.0, 0.0, 0.0)


def test_each_axis_by_itself() -> None:
    found = compare(make_result("int8", 0.8, 5.0, 7.0), baseline_of(make_result("int8", 0.9, 10.0, 14.0)))
    assert found.quality is not None
    assert found.time is not None
    assert found.size is not None
    assert (found.quality.value, found.quality.word) == (pytest.approx(-0.1), "worse")
    assert (found.time.value, found.time.word) == (0.5, "better")
    assert (found.size.value, found.size.word) == (0.5, "better")
    assert found.axes == pytest.approx((0.301, -0.301, -0.301), abs=1e-3)
    assert found.op_score is not None
    assert found.op_score.value == pytest.approx(-0.301, abs=1e-3)


def test_times_taken_in_turn_count_where_the_release_was_measured_again() -> None:
    result = make_result("int8", inference_s=10.0, vs_baseline=make_side_by_side(1.04))
    again = compare(result, baseline_of(make_result("int8", inference_s=8.0), remeasured=True))
    stored = compare(result, baseline_of(make_result("int8", inference_s=8.0)))
    assert again.time is not None
    assert stored.time is not None
    assert (again.time.value, again.time.word) == (pytest.approx(1.04), "worse")
    assert (again.time.low, again.time.high) == pytest.approx((1.03, 1.05), abs=1e-3)
    assert stored.time.value == pytest.approx(1.25)


def test_of_another_machine_only_what_does_not_depend_on_it_is_compared() -> None:
    then = make_device().model_copy(update={"cores": 4})
    found = compare(make_result(), baseline_of(make_result(), device=then))
    assert (found.time, found.op_score, found.axes) == (None, None, None)
    assert found.elsewhere == "4 cores, not 8 cores"
    assert found.size is not None
    assert found.quality is not None
    again = compare(make_result(), baseline_of(make_result(), device=then, remeasured=True))
    assert again.time is not None
    assert again.elsewhere == ""


def test_times_for_another_number_of_images_are_not_compared() -> None:
    then = make_result("int8", inference_s=1.0, reference_samples=1_000)
    found = compare(make_result("int8"), baseline_of(then))
    assert (found.time, found.op_score, found.axes) == (None, None, None)
    assert found.size is not None
    assert found.quality is not None
    assert (found.elsewhere, found.otherwise) == ("", "for 1,000 examples, not 10,000")


def test_a_score_of_another_time_is_not_compared_and_says_so() -> None:
    of_training = make_result("int8").op_score.model_copy(update={"log_seconds": 5.0})
    then = make_result("int8", op_score=of_training)
    found = compare(make_result("int8"), baseline_of(then))
    assert found.time is not None
    assert (found.op_score, found.otherwise) == (None, "of another time: inference alone, or training too")
    of_both = make_result("int8", op_score=of_training)
    machine = make_device().model_copy(update={"cores": 4})
    again = compare(of_both, baseline_of(then, device=machine, remeasured=True))
    assert again.time is not None
    assert (again.op_score, again.elsewhere, again.otherwise) == (None, "4 cores, not 8 cores", "")


def test_answers_to_the_same_images_are_paired() -> None:
    labels = [number % 10 for number in range(2_000)]
    wrong = [(label + (number < 100)) % 10 for number, label in enumerate(labels)]
    worse = [(label + (number < 140)) % 10 for number, label in enumerate(labels)]
    then = make_result("int8", 0.95, test_samples=2_000, predictions=pack(labels, wrong))
    now = make_result("int8", 0.93, test_samples=2_000, predictions=pack(labels, worse))
    found = compare(now, baseline_of(then)).quality
    assert found is not None
    assert (found.value, found.word) == (pytest.approx(-0.02), "worse")
    assert found.low > -0.03


def test_it_is_plain_data_for_json() -> None:
    plain = compare(make_result("int8"), baseline_of(make_result("int8"), remeasured=True)).as_plain()
    assert plain["baseline"]["remeasured"] is True
    assert plain["size"] == {"value": 1.0, "low": 1.0, "high": 1.0, "word": "same"}
    assert set(plain["axes"]) == {"error", "time", "size"}


def test_what_depends_on_the_data_is_not_compared_with_that_of_other_data() -> None:
    found = compare(make_result("int8"), baseline_of(make_result("int8", data_digest="e" * 64)))
    assert (found.quality, found.op_score, found.axes) == (None, None, None)
    assert found.size is not None
    assert found.time is not None
    assert found.other_data == "the test data differ from the baseline's"
    assert found.as_plain()["other_data"] == found.other_data


def test_of_another_quality_neither_it_nor_the_score_is_compared() -> None:
    then = make_result()
    other = then.model_copy(update={"quality": then.quality.model_copy(update={"name": "f1", "kind": "f1"})})
    found = compare(make_result(), baseline_of(other))
    assert (found.quality, found.op_score, found.quality_name) == (None, None, "accuracy")
    assert found.otherwise == "of another quality: f1, not accuracy"
    assert found.size is not None
