from __future__ import annotations

import pytest

from pytest_opml.runner.search_model import Expectation, Observation, StepKind, expectations

KINDS = {
    "prune-0.5": StepKind("prune", False),
    "prune-0.8": StepKind("prune", False),
    "float16": StepKind("float16", False),
    "int8": StepKind("int8", True),
}


def test_steps_add_up_and_the_baseline_brings_nothing() -> None:
    observations = [Observation(("prune-0.5",), -0.4, 0.0), Observation(("float16",), -0.2, 0.0)]
    none, one, both = expectations([(), ("prune-0.5",), ("prune-0.5", "float16")], observations, KINDS)
    assert none == Expectation(0.0, 0.0)
    assert one.gain == pytest.approx(-0.4, abs=0.01)
    assert one.deviation < 0.02
    assert both.gain == pytest.approx(-0.6, abs=0.01)
    assert 0.15 < both.deviation < 0.3  # what the two do together is not known


def test_what_was_seen_of_a_technique_tells_of_its_other_steps() -> None:
    (before,) = expectations([("prune-0.8",)], [], KINDS)
    (after,) = expectations([("prune-0.8",)], [Observation(("prune-0.5",), -0.5, 0.0)], KINDS)
    assert before.gain == 0
    assert -0.4 < after.gain < -0.2
    assert after.deviation < before.deviation


def test_what_two_do_together_is_learned_for_others_of_their_techniques() -> None:
    singles = [Observation((step,), -0.3, 0.0) for step in KINDS]
    (before,) = expectations([("prune-0.8", "int8")], singles, KINDS)
    clash = Observation(("prune-0.5", "int8"), -0.3, 0.0)
    (after,) = expectations([("prune-0.8", "int8")], [*singles, clash], KINDS)
    assert before.gain == pytest.approx(-0.6, abs=0.02)
    assert -0.5 < after.gain < -0.3
    assert after.deviation < before.deviation


def test_an_observation_counts_by_its_error() -> None:
    (sure,) = expectations([("int8",)], [Observation(("int8",), -1.0, 0.01)], KINDS)
    (unsure,) = expectations([("int8",)], [Observation(("int8",), -1.0, 1.0)], KINDS)
    assert sure.gain < unsure.gain < 0
    assert sure.deviation < unsure.deviation


def test_the_chance_to_lie_below_a_limit() -> None:
    assert Expectation(0.0, 0.0).chance_below(0.0) == 1
    assert Expectation(0.1, 0.0).chance_below(0.0) == 0
    assert Expectation(0.0, 1.0).chance_below(1.645) == pytest.approx(0.95, abs=0.001)
