from __future__ import annotations

import json
import math

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from pytest_opml.gate.budgets import parse_budgets
from pytest_opml.gate.verdict import JudgedResult, judge
from pytest_opml.records import result as records
from pytest_opml.records.base import Record
from pytest_opml.records.case_record import CaseRecord
from pytest_opml.records.result import Estimate, Latency, Result, Score
from pytest_opml.records.run import Failure, RunRecord
from tests.support.builders import make_case, make_failure, make_result, make_run

RESULT = make_result("cluster-256", p99=None)
CHECKS = judge(parse_budgets({"accuracy": {"min": 0.9, "max_drop": 0.01}}, "gate"), JudgedResult(RESULT))
RUN = make_run([make_result(), RESULT], [make_failure("int8", "out_of_memory")], CHECKS)
KINDS = [item for item in vars(records).values() if isinstance(item, type) and issubclass(item, Record)]
RECORDS = [RUN, RESULT, RUN.failures[0], CHECKS[0], RUN.device, RUN.commit, RESULT.accuracy, RESULT.op_score]


def kind(record: Record) -> str:
    return type(record).__name__


@pytest.mark.parametrize("record", RECORDS, ids=kind)
def test_a_record_is_frozen(record: Record) -> None:
    name = next(iter(type(record).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(record, name, getattr(record, name))


@pytest.mark.parametrize("of", KINDS, ids=lambda of: of.__name__)
def test_every_kind_of_record_is_frozen_and_refuses_what_it_does_not_know(of: type[Record]) -> None:
    assert of.model_config.get("frozen") is True
    assert of.model_config.get("extra") == "forbid"


@pytest.mark.parametrize("record", RECORDS, ids=kind)
def test_a_record_survives_json(record: Record) -> None:
    assert type(record).model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize("record", RECORDS, ids=kind)
def test_json_is_the_same_after_a_round_trip(record: Record) -> None:
    text = record.model_dump_json()
    assert type(record).model_validate_json(text).model_dump_json() == text


@pytest.mark.parametrize("record", RECORDS, ids=kind)
def test_an_unknown_field_is_refused(record: Record) -> None:
    document = json.loads(record.model_dump_json()) | {"colour": "red"}
    with pytest.raises(ValidationError, match="colour"):
        type(record).model_validate_json(json.dumps(document))


@pytest.mark.parametrize("record", [RESULT, RUN.failures[0]], ids=kind)
def test_the_json_of_a_case_has_its_id(record: Result | Failure) -> None:
    assert record.id == record.case.id
    assert json.loads(record.model_dump_json())["id"] == record.case.id


def test_the_json_of_an_impossible_case_is_refused() -> None:
    document = json.loads(make_failure().model_dump_json())
    document["case"]["technique"] = "int8/cluster"
    with pytest.raises(ValidationError, match="must not contain '/'"):
        Failure.model_validate_json(json.dumps(document))


def test_the_json_of_a_case_whose_names_are_gone_is_read() -> None:
    document = json.loads(make_failure().model_dump_json())
    gone = {"dataset": "stripes", "model": "petnet", "technique": "sign-0.5+fold"}
    document["case"] |= gone
    case = Failure.model_validate_json(json.dumps(document)).case
    assert {name: getattr(case, name) for name in gone} == gone


@pytest.mark.parametrize("record", [RESULT, RUN.failures[0]], ids=kind)
def test_a_record_holds_the_record_of_a_case(record: Result | Failure) -> None:
    checked = make_case("int8")
    again = type(record).model_validate(dict(record) | {"case": checked})
    assert type(again.case) is CaseRecord
    assert again.case == checked


def test_another_format_version_is_refused_by_name() -> None:
    document = json.loads(RUN.model_dump_json()) | {"format_version": 2}
    with pytest.raises(ValidationError, match="format_version"):
        RunRecord.model_validate_json(json.dumps(document))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_not_finite_survives_json_or_is_refused(value: float) -> None:
    try:
        figure = Estimate(value=value, low=value, high=value)
    except ValidationError:
        return
    again = Estimate.model_validate_json(figure.model_dump_json())
    assert again.value == value or (math.isnan(again.value) and math.isnan(value))


def test_a_percentile_may_be_missing() -> None:
    latency = Latency(p50=1.0, p90=None, p99=None, samples=20)
    assert Latency.model_validate_json(latency.model_dump_json()) == latency


def test_sizes_are_in_millions_of_bytes() -> None:
    result = make_result(size_mb=14.0, deflated_mb=12.5, peak_memory_mb=800.0, training_s=60.0)
    assert (result.size_mb, result.deflated_mb, result.peak_memory_mb) == (14.0, 12.5, 800.0)
    assert result.training_s == 60.0


@pytest.mark.parametrize("name", sorted(Score.model_fields.keys() - {"error_floored"}))
@pytest.mark.parametrize("value", [1e308, -1e308, 901.0, -901.0])
def test_a_score_is_of_logarithms_whose_sums_and_powers_are_numbers(name: str, value: float) -> None:
    document = make_result().op_score.model_dump() | {name: value}
    with pytest.raises(ValidationError, match=r"equal to -?[39]00"):
        Score.model_validate(document)
    assert Score.model_validate(document | {name: -290.0})


@pytest.mark.parametrize("classes", [-1, 0, 2**31])
def test_a_result_has_a_number_of_classes_that_there_can_be(classes: int) -> None:
    with pytest.raises(ValidationError, match=r"classes\n"):
        Result.model_validate(make_result().model_dump() | {"classes": classes})


def test_a_result_was_timed_at_least_once() -> None:
    with pytest.raises(ValidationError, match=r"passes_s\n.*at least 1 item"):
        Result.model_validate(make_result().model_dump() | {"passes_s": []})


def test_an_estimate_scales_with_its_interval() -> None:
    assert Estimate(value=2.0, low=1.0, high=4.0).scaled(1_000) == Estimate(value=2_000.0, low=1_000.0, high=4_000.0)


@pytest.mark.parametrize("mode", ["serialization", "validation"])
def test_the_schema_is_a_valid_one(mode: str) -> None:
    Draft202012Validator.check_schema(RunRecord.model_json_schema(mode=mode))  # type: ignore[arg-type]


@pytest.mark.parametrize("run", [RUN, make_run(), make_run(commit=None, profile="cpu")])
def test_a_run_fits_its_schema(run: RunRecord) -> None:
    schema = RunRecord.model_json_schema(mode="serialization")
    Draft202012Validator(schema).validate(json.loads(run.model_dump_json()))


def test_the_schema_refuses_what_is_no_run() -> None:
    validator = Draft202012Validator(RunRecord.model_json_schema(mode="serialization"))
    document = json.loads(RUN.model_dump_json())
    assert not validator.is_valid(document | {"colour": "red"})
    assert not validator.is_valid(document | {"seconds": "long"})
    assert not validator.is_valid({key: value for key, value in document.items() if key != "device"})


def test_results_of_the_same_case_are_equal() -> None:
    assert make_result() == make_result()
    assert make_result("int8") != make_result()
    assert make_result(case=make_case(seed=1)) != make_result()


def test_each_percentile_is_a_key_and_an_attribute_of_the_latency() -> None:
    latency = Latency(p50=1.0, p95=None, p75=1.2, samples=20, intervals={"p50": (0.9, 1.1)})
    document = json.loads(latency.model_dump_json())
    written = {"p50": 1.0, "p95": None, "p75": 1.2, "samples": 20, "intervals": {"p50": [0.9, 1.1]}, "ladders": {}}
    assert document == written
    assert Latency.model_validate(document) == latency
    assert (latency.p75, latency.p95, latency.p99) == (1.2, None, None)
    with pytest.raises(AttributeError, match="mean"):
        latency.mean  # noqa: B018


@pytest.mark.parametrize(
    "wrong",
    [{"p100": 1.0}, {"mean": 1.0}, {"p50": "fast"}, {"intervals": {"low": (1.0, 2.0)}}, {"ladders": {"low": None}}],
)
def test_a_latency_holds_percentiles_and_nothing_else(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Latency.model_validate({"samples": 20, "p90": 1.0} | wrong)
