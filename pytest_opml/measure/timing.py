"""How long a runtime takes: passes over the test set, and single images."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from ..datasets.imageset import ImageSet
from ..domain.records import Latency
from ..runtimes.base import Probabilities, Runtime

PASSES = 10
# Six are the fewest whose extremes hold the median with 95 % confidence; slower models are not timed more often.
_FEWEST_PASSES, _PASSES_SECONDS = 6, 60.0
_WARM_UP_ROUNDS = 10
_AGREEMENT = 0.10
# MLPerf's early stopping: below these, a percentile is not known with 99 % confidence.
_SAMPLES = {"p50": 1, "p90": 64, "p99": 662}
_LATENCY_SECONDS = 30.0
_LATENCY_WARM_UP = 20
_SINGLE_BYTES = 32 * 2**20  # few enough to leave the peak of memory to the model


@contextmanager
def _no_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def predict_all(runtime: Runtime, images: ImageSet, batch: int) -> tuple[Probabilities, float]:
    """One pass over the images in batches: the probabilities (n, classes) and the seconds that the runtime took.

    Each batch is fetched before the clock starts, so that the time is the runtime's own and only a batch is in memory.
    """
    parts, seconds = [], 0.0
    for chosen in images.batches(batch):
        started = time.perf_counter()
        found = runtime.predict(chosen)
        seconds += time.perf_counter() - started
        parts.append(found)
    return np.concatenate(parts), seconds


class Passes(NamedTuple):
    """Probabilities (n, classes) of the images, and the seconds of each pass over them."""

    probabilities: Probabilities
    seconds: tuple[float, ...]


def warm_up(runtime: Runtime, images: ImageSet, batch: int) -> None:
    """Run the first batch until the last two rounds take the same time within 10 %, and the shorter last batch once."""
    first = images.take(np.arange(min(batch, len(images))))
    runtime.predict(
        images.take(np.arange(len(images) - len(images) % batch, len(images))) if len(images) % batch else first
    )
    before = float("inf")
    for _ in range(_WARM_UP_ROUNDS):
        started = time.perf_counter()
        runtime.predict(first)
        seconds = time.perf_counter() - started
        if abs(seconds - before) <= _AGREEMENT * seconds:
            break
        before = seconds


def time_passes(runtime: Runtime, images: ImageSet, batch: int) -> Passes:
    """Ten passes over the images, as the paper timed, or as many as 60 s allow, but six; the runtime must be warm."""
    taken: list[float] = []
    with _no_collection():
        while len(taken) < _FEWEST_PASSES or (len(taken) < PASSES and sum(taken) < _PASSES_SECONDS):
            probabilities, seconds = predict_all(runtime, images, batch)
            taken.append(seconds)
    return Passes(probabilities, tuple(taken))


def time_single(runtime: Runtime, images: ImageSet) -> Latency:
    """Percentiles of the milliseconds for one image at a time.

    Takes as many samples as a 99th percentile needs, or as many as 30 seconds allow; a percentile with too few
    samples is None. The images are the first of the set, fetched beforehand and in turn: as many as there are samples,
    or as fit into 32 MB.
    """
    wanted = max(_SAMPLES.values())
    fitting = max(1, _SINGLE_BYTES // (3 * images.size**2))
    singles = images.take(np.arange(min(len(images), wanted, fitting)))
    samples: list[float] = []
    for index in range(_LATENCY_WARM_UP):
        runtime.predict(singles[index % len(singles)][None])
    with _no_collection():
        deadline = time.perf_counter() + _LATENCY_SECONDS
        while len(samples) < wanted and time.perf_counter() < deadline:
            image = singles[len(samples) % len(singles)][None]
            started = time.perf_counter()
            runtime.predict(image)
            samples.append(time.perf_counter() - started)
    return summarise_latency(samples)


def summarise_latency(seconds: list[float]) -> Latency:
    """Percentiles in milliseconds of samples in seconds, each only where there are enough samples for it."""
    found = {
        name: float(np.percentile(seconds, int(name[1:]))) * 1e3 if len(seconds) >= least else None
        for name, least in _SAMPLES.items()
    }
    return Latency(**found, samples=len(seconds))
