from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import numpy as np
import pytest

from pytest_opml.datasets import input_set
from pytest_opml.datasets.input_set import InputSet
from pytest_opml.datasets.sources import ArraySource
from pytest_opml.measure import timing
from pytest_opml.metrics import percentiles
from pytest_opml.runtimes.base import Probabilities, Runtime
from pytest_opml.stats.sequential import SamplingPlan, TimeLimit
from pytest_opml.tensors import Batch
from tests.support.inputs import image_set

IMAGES = image_set(np.zeros((70, 2, 2, 3), dtype=np.uint8), 2)


class Clocked(Runtime):
    """Takes a known time for each call; remembers what it was asked."""

    name = "clocked"
    placing = 0.0

    def __init__(self, first: float, then: float) -> None:
        self.batches: list[int] = []
        self.collecting: list[bool] = []
        self._first, self._then = first, then

    def to_device(self, images: np.ndarray) -> np.ndarray:
        time.sleep(self.placing)
        return images

    def answer(self, placed: np.ndarray) -> Probabilities:
        time.sleep(self._then if self.batches else self._first)
        self.batches.append(len(placed))
        self.collecting.append(gc.isenabled())
        return np.full((len(placed), 2), 0.5, dtype=np.float32)


class Echo(Clocked):
    """Answers with the pixels."""

    def answer(self, placed: np.ndarray) -> Probabilities:
        return placed[:, 0, 0, :2].astype(np.float32)


def test_a_pass_covers_every_image_in_batches() -> None:
    runtime = Clocked(0.0, 0.0)
    probabilities, seconds = timing.predict_all(runtime, IMAGES, 32)
    assert runtime.batches == [32, 32, 6]
    assert probabilities.shape == (70, 2)
    assert seconds >= 0


def test_a_slow_start_is_warmed_away() -> None:
    runtime = Clocked(0.3, 0.01)
    warmed = timing.warm_up(runtime, IMAGES, 70)
    assert 4 <= warmed.rounds == len(runtime.batches)  # the slow one, and three that agree
    passes = timing.time_passes(runtime, IMAGES, 70)
    assert len(passes.seconds) == 10
    assert min(passes.seconds) >= 0.01
    assert passes.probabilities.shape == (70, 2)
    assert passes.busy_cores is None  # of a tenth of a second


@pytest.mark.parametrize(("allowed", "passes"), [(60.0, 10), (0.075, 8), (0.0, 6)])
def test_slow_models_are_timed_less_often(monkeypatch: pytest.MonkeyPatch, allowed: float, passes: int) -> None:
    monkeypatch.setattr(timing, "_PASSES_SECONDS", allowed)
    monkeypatch.setattr(timing, "predict_all", lambda *_: (np.zeros((70, 2)), 0.01))
    assert len(timing.time_passes(Clocked(0.0, 0.0), IMAGES, 70).seconds) == passes


def test_the_shorter_last_batch_is_warm_too() -> None:
    runtime = Clocked(0.0, 0.0)
    timing.warm_up(runtime, IMAGES, 32)
    assert set(runtime.batches) == {32, 6}


def test_the_collector_rests_while_the_clock_runs() -> None:
    runtime = Clocked(0.0, 0.0)
    timing.time_passes(runtime, IMAGES, 70)
    assert not any(runtime.collecting)
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("samples", "given"), [(10, 0), (11, 1), (63, 1), (64, 2), (129, 2), (130, 3), (661, 3), (662, 4)]
)
def test_a_percentile_needs_its_samples(samples: int, given: int) -> None:
    latency = timing.summarise_latency(list(np.linspace(0.001, 0.002, samples)))
    percentiles = (latency.p50, latency.p90, latency.p95, latency.p99)
    assert [p is not None for p in percentiles] == [True] * given + [False] * (4 - given)
    assert latency.samples == samples


def test_percentiles_are_in_milliseconds() -> None:
    latency = timing.summarise_latency([index / 1e6 for index in range(1, 1001)])
    assert latency.p50 == pytest.approx(0.5, rel=0.01)
    assert latency.p95 == pytest.approx(0.95, rel=0.01)
    assert latency.p99 == pytest.approx(0.99, rel=0.01)


class Slow(InputSet):
    """Takes long to fetch a batch."""

    def batches(self, batch: int) -> Iterator[Batch]:
        for examples in super().batches(batch):
            time.sleep(0.2)
            yield examples


def test_fetching_images_is_not_timed() -> None:
    slow = Slow({"": ArraySource(np.zeros((70, 2, 2, 3), dtype=np.uint8))})
    _, seconds = timing.predict_all(Clocked(0.01, 0.01), slow, 32)
    assert 0.03 <= seconds < 0.3  # three batches, each fetched in 0.2 seconds


@pytest.mark.tensorflow
def test_predictions_of_a_set_that_is_not_kept_are_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_set, "MEMORY_BYTES", 0)
    pixels = np.arange(70, dtype=np.uint8)[:, None, None, None] * np.ones((2, 2, 3), dtype=np.uint8)
    passes = timing.time_passes(Echo(0.0, 0.0), image_set(pixels, 4), 32)
    assert passes.probabilities[:, 0].tolist() == list(range(70))


def test_placing_images_on_the_device_is_not_timed() -> None:
    runtime = Clocked(0.01, 0.01)
    runtime.placing = 0.2
    _, seconds = timing.predict_all(runtime, IMAGES, 32)
    assert 0.03 <= seconds < 0.3


def test_single_images_are_timed_one_by_one() -> None:
    runtime = Clocked(0.0, 0.0)
    single = timing.time_single(runtime, IMAGES)
    assert single.latency.samples == 662
    assert set(runtime.batches) == {1}
    assert len(runtime.batches) == 662 + 8 * single.warm_up.rounds


def test_a_slow_model_gets_as_many_samples_as_its_time_allows() -> None:
    latency = timing.time_single(Clocked(0.0, 0.005), IMAGES, seconds=0.35).latency
    assert 1 <= latency.samples <= 70
    assert latency.p50 is not None
    assert latency.p99 is None


# --- where a budget is on a time

LATENCIES = [f"latency_ms.{name}" for name in percentiles()]


class Steady(Runtime):
    """Takes about a known time by a clock of its own, so that no busy machine disturbs it."""

    name = "steady"

    def __init__(self, patch: pytest.MonkeyPatch, seconds: float, spread: float = 0.02) -> None:
        self.now, self.seconds, self.spread, self.calls = 0.0, seconds, spread, 0
        self.noise = np.random.default_rng(0)
        patch.setattr("time.perf_counter", lambda: self.now)

    def to_device(self, images: np.ndarray) -> np.ndarray:
        return images

    def answer(self, placed: np.ndarray) -> Probabilities:
        self.calls += 1
        self.now += self.seconds * (1 + self.spread * self.noise.standard_normal())
        return np.full((len(placed), 2), 0.5, dtype=np.float32)


def plan(metric: str, limit: float, seconds: float = 60.0) -> SamplingPlan:
    return SamplingPlan(limits={metric: (TimeLimit(limit, above=True),)}, max_seconds=seconds, error=0.05)


def test_ten_passes_suffice_for_a_clear_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = timing.time_passes(Steady(monkeypatch, 0.5), IMAGES, 70, None, plan("inference_s", 5.0))
    assert len(passes.seconds) == 10
    assert passes.repeat_s == 0


def test_passes_go_on_while_their_limit_is_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Steady(monkeypatch, 0.5, 0.2)
    passes = timing.time_passes(runtime, IMAGES, 70, None, plan("inference_s", 0.5))
    assert sum(passes.seconds) >= 45
    assert 0.1 < passes.alpha_share <= 1


def test_a_limit_that_seems_broken_asks_for_passes_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Steady(monkeypatch, 0.5)
    passes = timing.time_passes(runtime, IMAGES, 70, None, plan("inference_s", 0.2))
    assert passes.repeat_s >= 1.6
    calls = runtime.calls
    assert timing.time_again(runtime, IMAGES, 70, passes.repeat_s) == pytest.approx(0.5, rel=0.05)
    assert runtime.calls > calls


def test_percentiles_have_intervals_and_are_taken_anew_where_one_seems_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Steady(monkeypatch, 0.002, 0.1)
    clear = timing.time_single(runtime, IMAGES, plan("latency_ms.p99", 10.0))
    assert clear.latency.samples == 662
    assert {name: sampling.repeat for name, sampling in clear.sampling.items()} == dict.fromkeys(LATENCIES)
    for name in percentiles():
        low, high = clear.latency.intervals[name]
        assert low <= getattr(clear.latency, name) <= high
    broken = timing.time_single(runtime, IMAGES, plan("latency_ms.p50", 1.0))
    assert broken.sampling["latency_ms.p50"].repeat == pytest.approx(2.0, rel=0.05)


def test_single_images_go_on_while_a_limit_on_them_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    single = timing.time_single(Steady(monkeypatch, 0.01, 0.1), IMAGES, plan("latency_ms.p50", 10.0, 20.0))
    assert single.latency.samples >= 1_400


def test_a_percentile_without_enough_samples_has_no_interval() -> None:
    latency = timing.summarise_latency([0.001] * 11)
    assert set(latency.intervals) == set(latency.ladders) == {"p50"}


@pytest.mark.parametrize(("error", "passes"), [(0.05, 10), (0.01, 14), (0.0005, 23)])
def test_a_limit_is_given_as_many_passes_as_can_decide_it(
    monkeypatch: pytest.MonkeyPatch, error: float, passes: int
) -> None:
    monkeypatch.setattr(timing, "_PASSES_SECONDS", 0.0)
    asked = SamplingPlan(limits={"inference_s": (TimeLimit(50.0, above=True),)}, max_seconds=60.0, error=error)
    assert len(timing.time_passes(Steady(monkeypatch, 5.0), IMAGES, 70, None, asked).seconds) == passes


def test_passes_that_take_far_too_long_are_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = SamplingPlan(limits={"inference_s": (TimeLimit(500.0, above=True),)}, max_seconds=60.0, error=0.0005)
    assert len(timing.time_passes(Steady(monkeypatch, 50.0), IMAGES, 70, None, asked).seconds) == 10


@pytest.mark.parametrize(
    ("deviation", "error", "precision", "least", "most"),
    [
        (0.02, 0.05, 0.0, 10, 10),  # not asked
        (0.02, 0.05, 0.05, 10, 10),  # ten are enough
        (0.02, 0.05, 0.01, 20, 30),
        (0.02, 0.0025, 0.05, 20, 40),  # of which ten say nothing at all
        (1.0, 0.05, 0.01, 30, 30),  # never, so it ends at three times the usual number
        (1.0, 1e-6, 0.01, 31, 60),  # of which thirty say nothing
    ],
)
def test_passes_are_taken_until_their_median_is_precise_enough(
    monkeypatch: pytest.MonkeyPatch, deviation: float, error: float, precision: float, least: int, most: int
) -> None:
    random = np.random.default_rng(0)
    monkeypatch.setattr(
        timing, "predict_all", lambda *_: (np.zeros((70, 2)), 0.1 * np.exp(random.normal(0, deviation)))
    )
    plan = SamplingPlan(precision=precision, max_seconds=100.0, error=error)
    taken = timing.time_passes(Clocked(0.0, 0.0), IMAGES, 70, None, plan).seconds
    assert least <= len(taken) <= most or sum(taken) >= 75.0
    assert sum(taken) < 80.0


@pytest.mark.parametrize(
    ("limits", "passes"),
    [
        ((), 10),  # of which none is near
        ((6.0,), 10),  # of a pass of half a second
        ((0.05,), 10),
        ((3.9,), 30),
        ((0.1, 60.0), 30),
    ],
)
def test_more_passes_are_taken_only_where_a_limit_of_others_may_be_near(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[float, ...], passes: int
) -> None:
    others = tuple(TimeLimit(limit, above=True) for limit in limits)
    asked = SamplingPlan(precision=1e-9, others=others, max_seconds=60.0, error=0.05)
    assert len(timing.time_passes(Steady(monkeypatch, 0.5), IMAGES, 70, None, asked).seconds) == passes


@pytest.mark.parametrize(("seconds", "passes"), [(0.5, 3), (0.2, 5), (0.01, 10)])
def test_passes_on_which_no_time_rests_are_few(monkeypatch: pytest.MonkeyPatch, seconds: float, passes: int) -> None:
    runtime = Steady(monkeypatch, seconds, 1e-3)
    taken = timing.time_passes(runtime, IMAGES, 70, decides=False).seconds
    assert len(taken) in (passes, passes + 1)
