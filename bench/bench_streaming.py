"""A set too large for memory: all of CIFAR-10 at 224 x 224 pixels, 30 GB as float32, trains the head of a network.

    python bench/bench_streaming.py --data-dir DIR

DIR holds the folder ``cifar-10-batches-py``. The memory limit of the run is the bound that the figure has to keep; the
figures and the machine are in ``docs/data.md``.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import threading
from pathlib import Path

import psutil

from pytest_opml.domain.case import Case
from pytest_opml.making import Options
from pytest_opml.measure.device import detect
from pytest_opml.worker import Limits, run_case

BOUND_GB = 3.0


class _Watch(threading.Thread):
    """The largest resident memory of any process that this one started."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self._done = 0, threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.1):
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    self.peak = max(self.peak, child.memory_info().rss)

    def end(self) -> int:
        self._done.set()
        self.join()
        return self.peak


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--subset", type=int, help="of so many images; all 60,000 by default")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    case = Case(
        dataset="cifar10",
        model="efficientnet_lite0",
        unfreeze=1,
        technique="baseline",
        size=options.size,
        subset=options.subset,
        epochs=options.epochs,
    )
    watch = _Watch()
    watch.start()
    with tempfile.TemporaryDirectory() as cache:
        told = Options(Path(cache), options.data_dir, detect("auto", None), {"inference": 1.0}, 10_000)
        result = run_case(case, told, Limits(seconds=36_000.0, memory_bytes=BOUND_GB * 1e9))
    peak = watch.end()
    trained = 5 * result.test_samples
    print(
        f"{case.id}: {trained:,} training images of {options.size} pixels "
        f"({trained * options.size**2 * 12 / 1e9:.1f} GB as float32), training {result.training.training_s:.0f} s, "
        f"accuracy {result.accuracy.value:.4f}; peak of any process {peak / 1e9:.2f} GB (bound {BOUND_GB:g} GB)"
    )


if __name__ == "__main__":
    main()
