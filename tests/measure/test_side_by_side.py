from __future__ import annotations

import itertools
import weakref

import numpy as np
import pytest

from pytest_opml.measure import side_by_side
from pytest_opml.measure.side_by_side import Pair, compare
from pytest_opml.records.result import Ratio
from pytest_opml.runtimes.base import Probabilities, Runtime
from pytest_opml.stats.derived_time import DerivedTime
from pytest_opml.stats.evidence import Evidence, PairedTime, ScaledInterval
from pytest_opml.stats.sequential import SamplingPlan, TimeLimit
from tests.support.builders import make_estimate

IMAGES = np.zeros((4, 2, 2, 3), dtype=np.uint8)


class World:
    """A machine whose clock goes on by what its runtimes take, and whose speed drifts."""

    def __init__(self, patch: pytest.MonkeyPatch, drift: float = 0.0) -> None:
        self.now, self.drift = 0.0, drift
        self.order: list[str] = []
        self.noise = np.random.default_rng(0)
        patch.setattr("time.perf_counter", lambda: self.now)

    def work(self, name: str, seconds: float) -> None:
        self.order.append(name)
        self.now += seconds * (1 + self.drift * self.now) * self.noise.uniform(0.99, 1.01)


class Timed(Runtime):
    name = "timed"

    def __init__(self, world: World, called: str, seconds: float) -> None:
        self.world, self.called, self.seconds = world, called, seconds

    def to_device(self, images: np.ndarray) -> np.ndarray:
        return images

    def answer(self, placed: np.ndarray) -> Probabilities:
        self.world.work(self.called, self.seconds)
        return np.zeros((len(placed), 2), dtype=np.float32)


def pairs(world: World, candidate: float, reference: float) -> side_by_side.Callable[[bool], Pair]:
    return lambda _first: Pair(Timed(world, "A", candidate), Timed(world, "B", reference))


def test_the_ratio_is_that_of_the_times(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    found = compare(pairs(world, 0.05, 0.1), {"offline": IMAGES}, SamplingPlan(seconds=20.0))["offline"]
    assert found.value == pytest.approx(0.5, rel=0.01)
    assert found.low < found.value < found.high
    assert found.half_width < 0.02
    assert found.seconds >= 20


def test_each_goes_first_as_often_as_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    compare(pairs(world, 0.1, 0.1), {"offline": IMAGES}, SamplingPlan(seconds=4.0))
    quads = ["".join(world.order[-16:][start : start + 4]) for start in range(0, 16, 4)]
    assert sorted(set(quads)) == ["ABBA", "BAAB"]
    assert quads[0] != quads[1] == quads[3]


def test_a_drift_of_the_machine_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, drift=0.05)  # at the end of a minute it takes four times as long
    found = compare(pairs(world, 0.1, 0.1), {"offline": IMAGES}, SamplingPlan(seconds=60.0))["offline"]
    assert found.value == pytest.approx(1.0, abs=0.005)
    assert found.low < 1 < found.high


def test_turns_of_a_fast_model_are_many_calls_and_the_ratio_is_per_call(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    found = compare(pairs(world, 0.0005, 0.004), {"single": IMAGES[:1]}, SamplingPlan(seconds=5.0))["single"]
    assert found.value == pytest.approx(1 / 8, rel=0.01)
    longest = max(len(list(run)) for name, run in itertools.groupby(world.order[-200:]) if name == "A")
    assert longest >= 30  # 0.02 seconds a turn


def test_sampling_ends_early_when_it_is_precise(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    found = compare(pairs(world, 0.1, 0.1), {"offline": IMAGES}, SamplingPlan(seconds=60.0, precision=0.05))["offline"]
    assert found.quads == 8  # the first analysis
    assert found.half_width <= 0.05


def test_a_very_slow_model_is_timed_three_times_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compare(pairs(World(monkeypatch), 30.0, 30.0), {"offline": IMAGES}, SamplingPlan(seconds=5.0))["offline"]
    assert found.quads == 3


@pytest.mark.parametrize(("seconds", "openings"), [(3.0, 1), (9.0, 1), (10.0, 2), (30.0, 2), (31.0, 4), (60.0, 4)])
def test_both_are_opened_anew_in_the_other_order_and_never_more_than_two_are_open(
    monkeypatch: pytest.MonkeyPatch, seconds: float, openings: int
) -> None:
    world = World(monkeypatch)
    orders: list[bool] = []
    living: weakref.WeakSet[Timed] = weakref.WeakSet()

    def open_pair(reference_first: bool) -> Pair:
        assert not list(living)
        orders.append(reference_first)
        pair = Pair(Timed(world, "A", 0.1), Timed(world, "B", 0.1))
        living.update(pair)
        return pair

    found = compare(open_pair, {"offline": IMAGES, "single": IMAGES[:1]}, SamplingPlan(seconds=seconds))
    assert orders == [False, True] * (openings // 2) + [False] * (openings % 2)
    assert {ratio.openings for ratio in found.values()} == {openings}


# --- where a budget is on the ratio


def deciding(limit: float, max_seconds: float = 60.0, *, above: bool = True) -> SamplingPlan:
    limits = {"offline": (TimeLimit(limit, above=above),)}
    return SamplingPlan(seconds=3.0, precision=0.02, limits=limits, max_seconds=max_seconds, error=0.05)


def test_a_clear_ratio_is_decided_at_the_first_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compare(pairs(World(monkeypatch), 0.005, 0.01), {"offline": IMAGES}, deciding(1.03))["offline"]
    assert found.seconds == pytest.approx(45 / 16, abs=0.2)
    assert found.alpha_share == pytest.approx((1 / 16) ** 3, rel=0.2)
    assert found.repeat is None


def test_a_ratio_at_its_limit_is_sampled_for_three_quarters_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compare(pairs(World(monkeypatch), 0.1, 0.1), {"offline": IMAGES}, deciding(1.0))["offline"]
    assert not TimeLimit(1.0, above=True).is_decided(PairedTime(found), 0.05)
    assert found.seconds == pytest.approx(45, abs=1)
    assert found.openings == 8
    assert found.repeat is None


def test_what_seems_broken_is_sampled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    opened: list[bool] = []

    def open_pair(reference_first: bool) -> Pair:
        opened.append(reference_first)
        return Pair(Timed(world, "A", 0.0106), Timed(world, "B", 0.01))

    found = compare(open_pair, {"offline": IMAGES}, deciding(1.03))["offline"]
    assert found.low > 1.03
    assert found.repeat == pytest.approx(1.06, abs=0.01)
    assert found.repeat != found.value
    assert len(opened) == found.openings  # what is sampled anew opens both anew
    assert found.seconds < 60


def test_a_limit_below_is_broken_by_a_smaller_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compare(pairs(World(monkeypatch), 0.005, 0.01), {"offline": IMAGES}, deciding(0.9, above=False))["offline"]
    assert found.repeat == pytest.approx(0.5, rel=0.02)


def test_a_very_slow_model_is_decided_from_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compare(pairs(World(monkeypatch), 30.0, 30.0), {"offline": IMAGES}, deciding(1.5))["offline"]
    assert (found.quads, found.openings) == (3, 1)


def test_a_scenario_without_a_budget_is_sampled_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compare(pairs(World(monkeypatch), 0.1, 0.1), {"offline": IMAGES, "single": IMAGES[:1]}, deciding(1.0))
    assert found["single"].seconds < 5
    assert found["single"].alpha_share == 1.0


# --- where a budget is on the time that follows from the reference's


def deciding_a_time(limit: float, *more: float, ratio: float | None = None) -> SamplingPlan:
    limits = {"inference_s": tuple(TimeLimit(seconds, above=True) for seconds in (limit, *more))}
    of_ratio = {} if ratio is None else {"offline": (TimeLimit(ratio, above=True),)}
    return SamplingPlan(seconds=3.0, precision=0.02, limits=limits | of_ratio, max_seconds=60.0, error=0.05)


def reference_of(seconds: float, margin: float) -> dict[str, dict[str, Evidence]]:
    return {"offline": {"inference_s": ScaledInterval(make_estimate(seconds, margin))}}


def sampled(patch: pytest.MonkeyPatch, plan: SamplingPlan, margin: float = 0.001, candidate: float = 0.05) -> Ratio:
    """A candidate beside a reference of 0.1 s a call, which takes 10 s over all."""
    known = reference_of(10.0, margin)
    return compare(pairs(World(patch), candidate, 0.1), {"offline": IMAGES}, plan, known)["offline"]


def test_a_limit_on_the_candidate_s_time_is_decided_by_the_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    clear, close = (sampled(monkeypatch, deciding_a_time(limit)) for limit in (6.0, 5.01))
    assert (clear.repeat, close.repeat) == (None, None)
    assert clear.seconds < 3.5 < close.seconds
    time = DerivedTime(reference_of(10.0, 0.001)["offline"]["inference_s"], PairedTime(close))
    assert time.interval(0.05).high < 5.01


def test_a_time_that_seems_to_break_its_limit_is_sampled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    ratio = sampled(monkeypatch, deciding_a_time(4.5))
    assert ratio.repeat == pytest.approx(0.5, rel=0.01)


def test_no_ratio_is_sampled_on_for_what_only_the_reference_leaves_open(monkeypatch: pytest.MonkeyPatch) -> None:
    # 4.8 to 5.2 s whatever the ratio is
    ratio = sampled(monkeypatch, deciding_a_time(5.01), margin=0.04)
    assert ratio.seconds < 3.5
    assert ratio.repeat is None
    # other limits are decided all the same
    assert sampled(monkeypatch, deciding_a_time(5.01, 4.0), margin=0.04).repeat is not None
    assert sampled(monkeypatch, deciding_a_time(5.01, ratio=0.502), margin=0.04).seconds > 3.5


def test_limits_on_times_of_an_unknown_reference_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = deciding_a_time(5.0)
    ratio = compare(pairs(World(monkeypatch), 0.05, 0.1), {"offline": IMAGES}, plan)["offline"]
    assert (ratio.alpha_share, ratio.repeat) == (1.0, None)
