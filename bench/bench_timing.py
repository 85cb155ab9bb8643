"""What the measuring itself costs: measured times against a bare loop around the same runtime, in turn in one process.

The bare loop is what one would write by hand with the runtime's own functions. Run as a program
(``python bench/bench_timing.py``); the figures and the machine are in ``docs/measuring.md``.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pytest_opml.domain.case import Case
from pytest_opml.domain.statistics import paired_ratio
from pytest_opml.making import Options, load_data
from pytest_opml.measure import timing
from pytest_opml.measure.clock import no_collection
from pytest_opml.measure.device import detect
from pytest_opml.pipeline import make_artifact
from pytest_opml.runtimes.base import Runtime
from pytest_opml.runtimes.opening import open_artifact
from pytest_opml.settings import build_settings

_SINGLES = 100


def _bare(runtime: Any) -> Callable[[Any], object]:
    """A call of the runtime's own functions, without anything of ours."""
    if runtime.name == "keras":
        call = runtime._call
        return lambda placed: call(placed).numpy()

    def invoke(placed: Any) -> object:
        interpreter, given, found, *_ = opened[len(placed)]
        interpreter.set_tensor(given, placed)
        interpreter.invoke()
        return interpreter.get_tensor(found)

    opened = runtime._opened
    return invoke


def _seconds(call: Callable[[Any], object], inputs: Sequence[Any]) -> float:
    """A bare loop."""
    started = time.perf_counter()
    for placed in inputs:
        call(placed)
    return time.perf_counter() - started


def _singles(runtime: Runtime, images: Any) -> float:
    """Seconds of single images as ``time_single`` times them, one by one."""
    taken = 0.0
    for image in images:
        placed = runtime.place(image[None])
        started = time.perf_counter()
        runtime.run(placed)
        taken += time.perf_counter() - started
    return taken


def _compare(measured: Callable[[], float], bare: Callable[[], float], pairs: int) -> str:
    logarithms = []
    with no_collection():
        for pair in range(pairs):
            first, second = (measured, bare) if pair % 2 else (bare, measured)
            one, other = first(), second()
            ratio = one / other if pair % 2 else other / one
            logarithms.append(math.log(ratio))
    found = paired_ratio([logarithms])
    low, middle, high = (math.exp(value) for value in (found.low, found.value, found.high))
    return f"measured / bare loop {middle:.4f} ({low:.4f} to {high:.4f}; {pairs} pairs)"


def main() -> None:
    """Print the ratio of each runtime in both scenarios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60)
    pairs = parser.parse_args().pairs
    settings = build_settings({}, {}, Path.cwd())
    options = Options(settings.cache_dir, None, detect("cpu", None), {}, 10_000)
    for technique in ("baseline", "int8"):
        _report(Case(dataset="digits", model="efficientnet_lite0", technique=technique), options, pairs)


def _report(case: Case, options: Options, pairs: int) -> None:
    runtime = open_artifact(make_artifact(case, options), threads=options.device.threads)
    images = load_data(case, options).x_test
    some = images.take(np.arange(_SINGLES))
    timing.warm_up(runtime, images, case.batch)
    bare = _bare(runtime)
    batches = [runtime.place(batch)[0] for batch in images.batches(case.batch)]
    singles = [runtime.place(image[None])[0] for image in some]
    offline = _compare(
        lambda: timing.predict_all(runtime, images, case.batch)[1], lambda: _seconds(bare, batches), pairs
    )
    print(f"{runtime.name}, offline: {offline}", flush=True)
    single = _compare(lambda: _singles(runtime, some), lambda: _seconds(bare, singles), pairs)
    print(f"{runtime.name}, single: {single}", flush=True)


if __name__ == "__main__":
    main()
