"""A case that fails a limit on a busy machine is measured again, and by then the machine is quiet or it is not."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_opml.gate.budgets import GateTerms, parse_budgets
from pytest_opml.records.result import Latency, Result, Sampling
from pytest_opml.runner.launchers.base import WorkerFailed
from pytest_opml.runner.quiet_repeat import ATTEMPTS, QuietRepeat
from tests.support.builders import make_conditions, make_result, make_side_by_side

BUDGETS = {"latency_ms.p99": {"max": 60}, "inference_s": {"max": 20}}


def measured(p99: float, *sections: str, inference_s: float = 10.0, **fields: Any) -> Result:
    """A result with this 99th percentile, of which these parts were disturbed."""
    conditions = make_conditions().model_copy(update={"disturbed": dict.fromkeys(sections, "other work")})
    ends = {"p99": (0.96 * p99, 1.04 * p99)}
    latency = Latency(p50=p99 / 2, p90=p99, p95=p99, p99=p99, samples=700, intervals=ends)
    return make_result("int8", inference_s=inference_s, latency_ms=latency, conditions=conditions, **fields)


class Machine:
    """Gives one measurement after the other; None: it did not become quiet."""

    def __init__(self, *measurements: Result | WorkerFailed | None) -> None:
        self.measured, self._measurements = 0, measurements

    def measure(self) -> Result | None:
        self.measured += 1
        one = self._measurements[self.measured - 1]
        if isinstance(one, WorkerFailed):
            raise one
        return one


def repeat(budgets: dict[str, Any] | None = None) -> QuietRepeat:
    return QuietRepeat(parse_budgets(budgets or BUDGETS, "gate"), None, GateTerms())


BUSY, QUIET = measured(104.0, "single"), measured(31.0)


def test_what_is_within_its_limit_on_the_quiet_machine_is_the_result() -> None:
    machine = Machine(QUIET)
    first = BUSY.model_copy(update={"notes": ("other work while timed",)})
    found = repeat().repeated(first, machine.measure)
    assert machine.measured == 1
    assert found.latency_ms == QUIET.latency_ms
    assert found.conditions == QUIET.conditions
    assert found.inference_s == QUIET.inference_s
    assert found.notes == ("the times were measured again, since at first the machine was busy: other work",)
    assert repeat().busy(found) == []


def test_what_follows_from_the_reference_s_times_stays() -> None:
    beside = {"vs_reference": make_side_by_side(), "sampling": {"inference_s": Sampling(alpha_share=0.5)}}
    first = measured(104.0, "single", "offline", inference_s=30.0, **beside)
    again = measured(31.0, sampling={"latency_ms.p99": Sampling(alpha_share=0.25)})
    reference = make_result(latency_ms=Latency(p50=50.0, p90=50.0, p95=50.0, p99=50.0, samples=700))
    repeats = QuietRepeat(parse_budgets(BUDGETS, "gate"), reference, GateTerms())
    # the reference was not disturbed, so what follows from it fails already
    assert [check.metric for check in repeats.busy(first)] == ["latency_ms.p99"]
    found = repeats.repeated(first, Machine(again).measure)
    assert (found.inference_s, found.op_score, found.vs_reference) == (
        first.inference_s,
        first.op_score,
        first.vs_reference,
    )
    assert (found.latency_ms.p50, found.latency_ms.p99) == (52.0, 31.0)
    assert found.latency_ms.intervals == again.latency_ms.intervals
    assert found.sampling == first.sampling | again.sampling
    assert found.conditions == again.conditions


def test_a_time_that_follows_from_a_disturbed_reference_is_not_measured_again_alone() -> None:
    reference = make_result(conditions=BUSY.conditions.model_copy(update={"disturbed": {"offline": "other work"}}))
    first = measured(31.0, "offline", inference_s=30.0, vs_reference=make_side_by_side())
    machine = Machine()
    assert QuietRepeat(parse_budgets(BUDGETS, "gate"), reference, GateTerms()).repeated(first, machine.measure) is first
    assert machine.measured == 0


def test_what_is_too_slow_on_the_quiet_machine_too_fails() -> None:
    found = repeat().repeated(BUSY, Machine(slow := measured(102.0)).measure)
    assert found.latency_ms == slow.latency_ms
    assert found.conditions.disturbed == {}


def test_a_machine_that_never_becomes_quiet_leaves_it_open() -> None:
    machine = Machine(None)
    assert repeat().repeated(BUSY, machine.measure) is BUSY
    assert machine.measured == 1


def test_it_is_measured_three_times_more_at_the_most() -> None:
    machine = Machine(*[measured(100.0 + number, "single") for number in range(ATTEMPTS)])
    assert repeat().repeated(BUSY, machine.measure) is BUSY
    assert machine.measured == ATTEMPTS == 3


def test_a_pass_on_a_machine_that_is_busy_again_is_a_pass() -> None:
    machine = Machine(measured(110.0, "single"), measured(50.0, "single"))
    found = repeat().repeated(BUSY, machine.measure)
    assert (machine.measured, found.latency_ms.p99) == (2, 50.0)


def test_each_measurement_that_decides_more_limits_is_taken() -> None:
    first = measured(104.0, "single", "offline", inference_s=30.0)
    better = measured(31.0, "single", "offline", inference_s=30.0)
    found = repeat().repeated(first, Machine(better, None).measure)
    assert found.latency_ms == better.latency_ms
    assert [check.metric for check in repeat().busy(found)] == ["inference_s"]


@pytest.mark.parametrize(
    ("budgets", "result"),
    [
        (BUDGETS, QUIET),
        (BUDGETS, measured(104.0)),  # fails on a quiet machine
        (BUDGETS, measured(50.0, "single")),  # passes on a busy one
        ({"size_mb": {"max": 1}}, BUSY),
        ({"training_s": {"max": 1}}, measured(104.0, "training")),  # it would have to be trained again
        ({"accuracy": {"max_drop": 0.0}}, BUSY),
    ],
)
def test_nothing_is_measured_again_where_that_could_decide_nothing(budgets: dict[str, Any], result: Result) -> None:
    machine = Machine()
    assert repeat(budgets).repeated(result, machine.measure) is result
    assert machine.measured == 0


def test_a_measurement_that_fails_costs_no_result() -> None:
    found = repeat().repeated(BUSY, Machine(WorkerFailed("timeout", "no result after 9 s", "")).measure)
    assert found.latency_ms == BUSY.latency_ms
    assert found.notes == ("the times could not be measured again on a quieter machine: no result after 9 s",)
