"""The cores that each runtime, and training, keep busy with one thread and with one for each core.

Each line is a worker process as a run has it, on images that are resized: of ``digits``, 8 pixels made 64. Before
anything else the worker computes with TensorFlow, as a module of a user may when it is imported. Two figures, in cores:

- mean: CPU time of the process by wall time, in the passes or in training; fewer on a machine that others load too.
- most: the same in the half second in which it is most, when others got in the way the least.

Run as a program: ``python benchmarks/threads.py``; the figures and the machine are in ``docs/measuring.md``.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, process_time
from typing import NamedTuple

from workers import Setup, artifact, cpu_setup, in_worker, test_images

from pytest_opml.case import Case
from pytest_opml.measure.timing import predict_all, warm_up
from pytest_opml.models.training import train
from pytest_opml.runner.case_data import load_data
from pytest_opml.runner.launchers.process import start_server
from pytest_opml.runner.options import BuildOptions, LocalPaths
from pytest_opml.runtimes.keras_graph import load_keras
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.runtimes.threads import limit_process, tensorflow_threads

_SIZE, _BATCH, _WINDOW_S = 64, 128, 0.5
_FILES = {"Keras file": "baseline", "LiteRT, float": "float16-tflite", "LiteRT, int8": "int8", "ONNX Runtime": "onnx"}


class Use(NamedTuple):
    """What a worker used.

    Attributes:
        threads: as the runtime said.
        mean: cores on average.
        most: cores in the busiest window.
    """

    threads: int
    mean: float
    most: float

    @property
    def shown(self) -> str:
        """The columns of a line."""
        return f"{self.threads:7}{self.mean:9.2f}{self.most:9.2f}"


class _Watch:
    """Looks at the clocks of this process, in a thread that else sleeps, until it is stopped."""

    def __init__(self) -> None:
        self._stop, self._looks = Event(), [(perf_counter(), process_time())]
        self._thread = Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(_WINDOW_S):
            self._looks.append((perf_counter(), process_time()))

    def use(self, threads: int) -> Use:
        """Stop; return the cores that were busy since the start."""
        self._stop.set()
        self._thread.join()
        looks = self._looks
        began, ended = looks[0], (perf_counter(), process_time())
        windows = [(cpu - cpu0) / (now - before) for (before, cpu0), (now, cpu) in pairwise(looks)]
        return Use(threads, (ended[1] - began[1]) / (ended[0] - began[0]), max(windows))


def _begin(setup: Setup) -> None:
    """Begin as a task of a run does, and then compute at once, as a module of the user may."""
    limit_process(setup.threads)
    import tensorflow as tf

    tf.image.resize(tf.zeros((1, 256, 256, 3)), (64, 64)).numpy()


def passes(path: Path | None, seconds: float, case: Case, setup: Setup) -> Use:
    """In a worker: open the artifact of a case, or the one at a path, and take passes for so long."""
    _begin(setup)
    images = test_images(case, setup)
    runtime = open_artifact(path or artifact(case, setup), threads=setup.threads)
    warm_up(runtime, images, _BATCH)
    watch, until = _Watch(), perf_counter() + seconds
    while perf_counter() < until:
        predict_all(runtime, images, _BATCH)
    return watch.use(runtime.threads)


def training(case: Case, setup: Setup) -> Use:
    """In a worker: train the model of a case."""
    _begin(setup)
    data = load_data(case, None)
    data.x_train.preload()
    watch = _Watch()
    train(case, data)
    return watch.use(tensorflow_threads())


def export(folder: Path, case: Case, setup: Setup) -> Path:
    """In a worker: write the model of a case as a SavedModel."""
    _begin(setup)
    load_keras(artifact(case, setup)).export(str(folder), verbose=False)
    return folder


def _table(threads: int | None, model: str, seconds: float, cache: Path) -> None:
    setup = cpu_setup()
    device = setup.build.device.model_copy(update={"threads": threads or setup.threads})
    setup = replace(setup, build=BuildOptions(device=device), paths=LocalPaths(cache_dir=cache))
    print(f"{'N = ' + str(setup.threads):24}threads     mean     most", flush=True)
    case = partial(Case, dataset="digits", model=model, size=_SIZE, batch=_BATCH)
    for name, technique in _FILES.items():
        in_worker(artifact, case(technique=technique), setup)  # where nothing else is watched
        use = in_worker(partial(passes, None, seconds), case(technique=technique), setup)
        print(f"  {name:22}{use.shown}", flush=True)
    saved = in_worker(partial(export, cache / f"saved-{setup.threads}"), case(), setup)
    print(f"  {'SavedModel':22}{in_worker(partial(passes, saved, seconds), case(), setup).shown}", flush=True)
    for unfreeze, epochs in ((1, 10), ("all", 4)):
        use = in_worker(training, case(unfreeze=unfreeze, epochs=epochs), setup)
        print(f"  {f'training, {unfreeze} unfrozen':22}{use.shown}", flush=True)


def main() -> None:
    """Print a table for one thread and one for all cores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--seconds", type=float, default=10.0, help="of passes, for each runtime")
    given = parser.parse_args()
    start_server()
    with tempfile.TemporaryDirectory(prefix="opml-") as cache:
        for threads in (1, None):
            _table(threads, given.model, given.seconds, Path(cache))


if __name__ == "__main__":
    main()
