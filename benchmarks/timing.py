"""Whether measured times are the runtime's own: beside a bare loop around the same runtime, in turn, in one process.

``offline`` pairs passes over the test images in batches of 128, ``single`` pairs calls with one of 662 images. The bare
loop is what a user would write by hand with the runtime's own interface, its input in place before the clock starts, as
ours is.

Run as a program (``python benchmarks/timing.py``).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from workers import Setup, artifact, cpu_setup, in_worker, test_images

from pytest_opml.case import Case
from pytest_opml.datasets.input_set import InputSet
from pytest_opml.measure.timing import predict_all, warm_up
from pytest_opml.measure.warm_up import no_collection, repeat_until_steady
from pytest_opml.runner.launchers.process import start_server
from pytest_opml.runtimes.base import Runtime
from pytest_opml.runtimes.keras_graph import KerasRuntime
from pytest_opml.runtimes.litert import LiteRTRuntime
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.stats.order_statistics import median

_BATCH, _SINGLES = 128, 662
_TOLERANCE = 0.02
Inputs = list[npt.NDArray[Any]]


def bare_keras(runtime: KerasRuntime) -> Callable[[Inputs], float]:
    """Seconds of the concrete function over inputs, each placed as a tensor before its clock starts."""
    import tensorflow as tf

    function = runtime._call

    def loop(inputs: Inputs) -> float:
        seconds = 0.0
        for images in inputs:
            tensor = tf.constant(images)
            started = time.perf_counter()
            function(tensor).numpy()
            seconds += time.perf_counter() - started
        return seconds

    return loop


def bare_litert(runtime: LiteRTRuntime) -> Callable[[Inputs], float]:
    """Seconds of the interpreter over inputs, each written anew before its clock starts, as ours is."""

    def loop(inputs: Inputs) -> float:
        seconds = 0.0
        for images in inputs:
            interpreter, image, answer = runtime._open(len(images))
            placed = images.copy()
            started = time.perf_counter()
            interpreter.set_tensor(image, placed)
            interpreter.invoke()
            interpreter.get_tensor(answer)
            seconds += time.perf_counter() - started
        return seconds

    return loop


def _bare(runtime: Runtime) -> Callable[[Inputs], float]:
    if isinstance(runtime, KerasRuntime):
        return bare_keras(runtime)
    if isinstance(runtime, LiteRTRuntime):
        return bare_litert(runtime)
    raise SystemExit(f"no bare loop for {runtime.name}")


def _one(runtime: Runtime, image: npt.NDArray[Any]) -> float:
    """Seconds of one image, as ``time_single`` takes them."""
    placed = runtime.place(image)
    started = time.perf_counter()
    runtime.run(placed)
    return time.perf_counter() - started


def _pairs(ours: Callable[[int], float], bare: Callable[[int], float], count: int) -> list[tuple[float, float]]:
    """Seconds of both, given the pair's number, in turn: each is first in every other pair."""
    taken = []
    with no_collection():
        for number in range(count):
            if number % 2:
                measured = ours(number)
                taken.append((measured, bare(number)))
            else:
                by_hand = bare(number)
                taken.append((ours(number), by_hand))
    return taken


def _inputs(runtime: Runtime, batches: list[npt.NDArray[Any]]) -> Inputs:
    """What the model itself takes: quantised beforehand, where its input is."""
    if isinstance(runtime, LiteRTRuntime):
        return [runtime.to_device(images).inputs[0][1] for images in batches]
    return batches


def compare(case: Case, setup: Setup, pairs: int) -> list[str]:
    """In a worker: a line for each scenario."""
    runtime = open_artifact(artifact(case, setup), threads=setup.threads)
    images: InputSet = test_images(case, setup)
    images.preload()
    bare = _bare(runtime)
    singles = [image[None] for image in images.take(np.arange(_SINGLES) % len(images))]
    batched, alone = _inputs(runtime, list(images.batches(_BATCH))), _inputs(runtime, singles)
    warm_up(runtime, images, _BATCH)
    offline = _pairs(lambda _: predict_all(runtime, images, _BATCH)[1], lambda _: bare(batched), pairs)
    repeat_until_steady(lambda: [_one(runtime, image) for image in singles[:8]])
    single = _pairs(lambda n: _one(runtime, singles[n]), lambda n: bare(alone[n : n + 1]), _SINGLES)
    return [_line(runtime, "offline", offline, len(images)), _line(runtime, "single", single, 1)]


def _line(runtime: Runtime, scenario: str, pairs: list[tuple[float, float]], images: int) -> str:
    ratio = median([ours / bare for ours, bare in pairs])
    ours, bare = (1e3 * statistics.median(seconds) / images for seconds in zip(*pairs, strict=True))
    held = "holds" if abs(ratio.value - 1) <= _TOLERANCE else "does not hold"
    return (
        f"{runtime.name} {scenario}: measured / bare {ratio.value:.4f}, interval {ratio.low:.4f} to {ratio.high:.4f} "
        f"({len(pairs)} pairs; {ours:.3f} and {bare:.3f} ms an image); 1.00 within {_TOLERANCE}: {held}"
    )


def main() -> None:
    """Print a line for each runtime and scenario."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--technique", action="append", help="default: baseline and int8")
    parser.add_argument("--pairs", type=int, default=40, help="of passes over the test images")
    given = parser.parse_args()
    start_server()
    setup = cpu_setup()
    for technique in given.technique or ("baseline", "int8"):
        case = Case(dataset="digits", model="efficientnet_lite0", technique=technique)
        in_worker(artifact, case, setup)
        for line in in_worker(partial(compare, pairs=given.pairs), case, setup):
            print(line, flush=True)


if __name__ == "__main__":
    main()
