"""How long a runtime takes, in the scenarios of MLPerf: ``offline`` (the test set in batches) and ``single``.

Images are fetched, resized and placed where the model computes before the clock starts, and the clock stops when the
answer can be read.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..datasets.imageset import ImageSet
from ..domain.records import Latency, WarmUp
from ..runtimes.base import Probabilities, Runtime
from .clock import no_collection, settle

PASSES = 10
# Six are the fewest whose extremes hold the median with 95 % confidence; slower models are not timed more often.
_FEWEST_PASSES, _PASSES_SECONDS = 6, 60.0
_LATENCY_SECONDS = 30.0
_LATENCY_ROUND = 8  # calls that make a round of warming up: of single ones, no three may ever agree
_SINGLE_BYTES = 32 * 2**20  # few enough to leave the peak of memory to the model


class Passes(NamedTuple):
    """Probabilities (n, classes) of the images, and the seconds of each pass over them."""

    probabilities: Probabilities
    seconds: tuple[float, ...]


class Single(NamedTuple):
    """Latency of one image at a time, and how the runtime was warmed up for it."""

    latency: Latency
    warm_up: WarmUp


def predict_all(runtime: Runtime, images: ImageSet, batch: int) -> tuple[Probabilities, float]:
    """One pass over the images in batches: the probabilities (n, classes) and the seconds that the runtime took.

    Each batch is fetched and placed before the clock starts, so that the time is the runtime's own and only a batch is
    in memory.
    """
    parts, seconds = [], 0.0
    for chosen in images.batches(batch):
        placed = runtime.place(chosen)
        started = time.perf_counter()
        found = runtime.run(placed)
        seconds += time.perf_counter() - started
        parts.append(runtime.probabilities(found))
    return np.concatenate(parts), seconds


def warm_up(runtime: Runtime, images: ImageSet, batch: int) -> WarmUp:
    """Run the shorter last batch once, and the first until its last rounds take the same time."""
    rest = len(images) % batch
    if rest:
        runtime.predict(images.take(np.arange(len(images) - rest, len(images))))
    first = runtime.place(images.take(np.arange(min(batch, len(images)))))
    return settle(lambda: runtime.run(first))


def time_passes(runtime: Runtime, images: ImageSet, batch: int, between: Callable[[], None] | None = None) -> Passes:
    """Ten passes over the images, as the paper timed, or as many as 60 s allow, but six; the runtime must be warm.

    ``between`` is called after each of them, while no clock runs.
    """
    taken: list[float] = []
    with no_collection():
        while len(taken) < _FEWEST_PASSES or (len(taken) < PASSES and sum(taken) < _PASSES_SECONDS):
            probabilities, seconds = predict_all(runtime, images, batch)
            taken.append(seconds)
            if between:
                between()
    return Passes(probabilities, tuple(taken))


def time_single(runtime: Runtime, images: ImageSet) -> Single:
    """Percentiles of the milliseconds for one image at a time.

    Takes as many samples as a 99th percentile needs, or as many as 30 seconds allow; a percentile with too few
    samples is None. The images are the first of the set, fetched beforehand and in turn: as many as there are samples,
    or as fit into 32 MB.
    """
    wanted = max(Latency.LEAST_SAMPLES.values())
    fitting = max(1, _SINGLE_BYTES // (3 * images.size**2))
    singles = images.take(np.arange(min(len(images), wanted, fitting)))
    turn = itertools.cycle(range(len(singles)))
    warmed = settle(lambda: [runtime.predict(singles[next(turn)][None]) for _ in range(_LATENCY_ROUND)])
    samples: list[float] = []
    with no_collection():
        deadline = time.perf_counter() + _LATENCY_SECONDS
        while len(samples) < wanted and time.perf_counter() < deadline:
            placed = runtime.place(singles[next(turn)][None])
            started = time.perf_counter()
            runtime.run(placed)
            samples.append(time.perf_counter() - started)
    return Single(summarise_latency(samples), warmed)


def summarise_latency(seconds: list[float]) -> Latency:
    """Percentiles in milliseconds of samples in seconds, each only where there are enough samples for it."""
    found = {
        name: float(np.percentile(seconds, int(name[1:]))) * 1e3 if len(seconds) >= least else None
        for name, least in Latency.LEAST_SAMPLES.items()
    }
    return Latency(**found, samples=len(seconds))
