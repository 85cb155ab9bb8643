from __future__ import annotations

from pytest_opml.gate.budgets import parse_gate, with_options
from pytest_opml.records.result import Key
from pytest_opml.reports.terminal.budgets import budget_lines, budget_table
from tests.support.builders import make_case

GATE = with_options(
    parse_gate(
        {
            "accuracy": {"min": 0.85, "max_drop": 0.02},
            "inference_s": {"max_increase": "5%", "optional": True},
            "case": [{"match": "*/int8", "accuracy": {"min": 0.8}}],
        },
        "gate",
        ("cpu",),
    ),
    ["size_mb.max=5"],
)
FOUND = {Key(make_case(name).id, "cpu"): GATE.overrides(make_case(name).id, "cpu") for name in ("int8", "baseline")}


def test_each_case_has_its_budgets_with_their_origin() -> None:
    assert budget_lines(FOUND, GATE.terms, 80) == [
        "digits/efficientnet_lite0/top1/int8",
        "  accuracy min = 0.85            gate.accuracy.min  (replaced by gate.case[1].accuracy.min)",
        "  accuracy max_drop = 0.02       gate.accuracy.max_drop",
        "  inference_s max_increase = 5%  gate.inference_s.max_increase",
        "  accuracy min = 0.8             gate.case[1].accuracy.min",
        "  size_mb max = 5                --opml-gate size_mb.max=5",
        "",
        "digits/efficientnet_lite0/top1/baseline",
        "  accuracy min = 0.85            gate.accuracy.min",
        "  accuracy max_drop = 0.02       gate.accuracy.max_drop  (not for a reference)",
        "  inference_s max_increase = 5%  gate.inference_s.max_increase  (not for a reference)",
        "  size_mb max = 5                --opml-gate size_mb.max=5",
        "",
        "confidence 0.95; what stays inconclusive counts as a pass; a time is sampled for",
        "  60 s at most while a budget on it is inconclusive; checks are judged each by",
        "  itself.",
    ]


def test_a_case_without_budgets_is_said_to_have_none() -> None:
    assert budget_lines({Key("any", "cpu"): ()}, GATE.terms, 80)[:2] == ["any", "  no budget"]


def test_on_several_kinds_of_hardware_each_has_its_own() -> None:
    lines = budget_lines({Key("any", "v100"): (), Key("any", "cpu"): ()}, GATE.terms, 80)
    assert lines[:5] == ["any on v100", "  no budget", "", "any on cpu", "  no budget"]


def test_the_same_as_plain_data() -> None:
    first, _, third, *_ = budget_table(FOUND)[make_case("int8").id]
    assert first == {
        "metric": "accuracy",
        "rule": "min",
        "limit": 0.85,
        "source": "gate.accuracy.min",
        "optional": False,
        "idle": "replaced by gate.case[1].accuracy.min",
    }
    assert (third["limit"], third["optional"], third["idle"]) == ("5%", True, "")
