from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml.case import Case
from pytest_opml.errors import CaseDefinitionError
from pytest_opml.runner.plan import NOTHING_COLLECTED, AskedCases, CollectedTest, plan_run
from tests.support.builders import make_case


def test_the_ids_are_those_that_were_asked_for_and_not_those_of_their_references() -> None:
    asked = AskedCases()
    asked.add(make_case("int8", name="prod"))
    asked.add(make_case("int8", name="prod"))
    assert list(asked) == ["prod/int8"]
    assert "prod/int8" in asked
    assert "prod" not in asked


@pytest.mark.parametrize(("first", "second"), [("baseline", "baseline"), ("baseline", "int8"), ("int8", "float16")])
def test_two_cases_of_one_id_are_refused_with_what_they_differ_in(first: str, second: str) -> None:
    asked = AskedCases()
    asked.add(make_case(first, name="prod"))
    with pytest.raises(CaseDefinitionError) as caught:
        asked.add(make_case(second, name="prod", seed=1, size=32))
    text = "two cases of this run have the id prod, with size = 'default' and 32; seed = 0 and 1: give one another name"
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("models", "needs_it"),
    [
        (["a.onnx", "b.tflite"], False),
        (["a.onnx", "b.keras"], True),
        (["a.onnx", "saved/model"], True),
        (["a.onnx", "models:/pets@champion"], True),
        (["resnet50"], True),
        (["a.onnx", None], True),  # a case that is not known before its test runs
        ([], False),
    ],
)
def test_tensorflow_is_needed_for_all_but_finished_files_of_others(
    models: list[str | None], needs_it: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_opml.runner.case_files.check_files", lambda *_: None)
    cases = [
        model and Case(dataset="digits", model=model, unfreeze=1 if model == "resnet50" else 0) for model in models
    ]
    tests = (CollectedTest(f"test {number}", case or None) for number, case in enumerate(cases))
    plan = plan_run(tests, Path("cache"))
    assert plan.needs_tensorflow is needs_it
    assert plan.addresses == tuple(model for model in models if model and model.startswith("models:"))


def test_the_providers_that_cases_ask_for_are_told_before_the_run() -> None:
    cases = [make_case(technique) for technique in ("onnx,provider=cuda", "onnx-int8,provider=cuda", "onnx")]
    assert plan_run([CollectedTest(case.id, case) for case in cases], Path("cache")).providers == ("cuda",)


def test_the_most_devices_that_a_case_is_trained_on_are_told_before_the_run() -> None:
    cases = [make_case(devices=2), make_case(devices=8, unfreeze=0), make_case()]
    assert plan_run([CollectedTest(case.id, case) for case in cases], Path("cache")).devices == 2
    assert plan_run([], Path("cache")).devices == 1


def test_a_run_of_which_nothing_is_known_needs_tensorflow() -> None:
    assert NOTHING_COLLECTED.needs_tensorflow
