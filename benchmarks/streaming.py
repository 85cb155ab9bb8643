"""A set too large for memory: all of CIFAR-10 at 224 x 224 pixels, 30 GB as float32, trains the head of a network.

    python benchmarks/streaming.py --data-dir DIR

DIR holds the folder ``cifar-10-batches-py``. The figures and the machine are in ``docs/data.md``.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import tempfile
from pathlib import Path

import psutil

from pytest_opml.case import Case
from pytest_opml.measure.device import detect
from pytest_opml.runner.builder import ArtifactBuilder
from pytest_opml.runner.case_data import load_data
from pytest_opml.runner.options import BuildOptions, LocalPaths
from pytest_opml.runner.tasks import make_artifact
from pytest_opml.storage.cache import Cache

BOUND_GB = 3.0


def _resident(process: psutil.Process) -> int:
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_info().rss
    return total


def main() -> None:
    """Train in a process of its own, as a run does, and print the figures."""
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
    with tempfile.TemporaryDirectory() as cache:
        build = BuildOptions(device=detect("auto", None))
        paths = LocalPaths(cache_dir=Path(cache), data_dir=options.data_dir)
        process = multiprocessing.get_context("spawn").Process(target=make_artifact, args=(case, build, paths))
        process.start()
        watched, peak = psutil.Process(process.pid), 0
        while process.is_alive():
            peak = max(peak, _resident(watched))
            process.join(0.1)
        data = load_data(case, options.data_dir)
        artifact = ArtifactBuilder(case, data, build.device, Cache(paths.cache_dir)).find()
    if artifact is None:
        raise SystemExit(f"training ended with exit code {process.exitcode}; peak {peak / 1e9:.2f} GB")
    images, training = len(data.y_train), artifact.training
    accuracy = training.epochs[-1].test_accuracy
    print(
        f"{case.id}: {images:,} training images, {images * options.size**2 * 12 / 1e9:.1f} GB as float32; "
        f"{training.training_s:.0f} s of training ({training.training_mode}), test accuracy {accuracy:.4f}; "
        f"peak {peak / 1e9:.2f} GB (bound {BOUND_GB:g} GB)"
    )


if __name__ == "__main__":
    main()
