"""The cores that each runtime, and training, keep busy with one thread and with one for each core.

Each line is a worker process as a run has it, on images that are resized: of ``digits``, 8 pixels made 64. Before
anything else the worker computes with TensorFlow, as a module of a user may when it is imported. Two figures:

- cores: CPU time of the process by wall time, in the passes or in training. A machine that is busy gives fewer.
- by busiest: CPU time of the process by that of its busiest thread, which does not depend on what else runs. Threads
  that hand work over to each other make it more than 1, though they never run at the same time.

Run as a program: ``python benchmarks/threads.py``; the figures and the machine are in ``docs/measuring.md``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
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

_SIZE, _BATCH = 64, 128
_FILES = {"Keras file": "baseline", "LiteRT, float": "float16-tflite", "LiteRT, int8": "int8", "ONNX Runtime": "onnx"}


class Use(NamedTuple):
    """What a worker used: threads, as the runtime said; CPU seconds, of its busiest thread too; and wall seconds."""

    threads: int
    cpu_s: float
    busiest_s: float
    seconds: float

    @property
    def shown(self) -> str:
        """The columns of a line."""
        return f"{self.threads:7}{self.cpu_s / self.seconds:8.2f}{self.cpu_s / self.busiest_s:12.2f}"


def _of_threads() -> dict[str, float]:
    """CPU seconds of each thread of this process."""
    tasks = Path("/proc/self/task").iterdir()
    return {task.name: int((task / "schedstat").read_text().split()[0]) / 1e9 for task in tasks}


@contextmanager
def _watched(uses: list[Use]) -> Iterator[None]:
    """Append what its block used, without the number of threads."""
    before, cpu, began = _of_threads(), process_time(), perf_counter()
    yield
    seconds, cpu = perf_counter() - began, process_time() - cpu
    busiest = max(now - before.get(name, 0.0) for name, now in _of_threads().items())
    uses.append(Use(0, cpu, busiest, seconds))


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
    uses: list[Use] = []
    until = perf_counter() + seconds
    with _watched(uses):
        while perf_counter() < until:
            predict_all(runtime, images, _BATCH)
    return uses[0]._replace(threads=runtime.threads)


def training(case: Case, setup: Setup) -> Use:
    """In a worker: train the model of a case."""
    _begin(setup)
    data, uses = load_data(case, None), list[Use]()
    data.x_train.preload()
    with _watched(uses):
        train(case, data)
    return uses[0]._replace(threads=tensorflow_threads())


def export(folder: Path, case: Case, setup: Setup) -> Path:
    """In a worker: write the model of a case as a SavedModel."""
    _begin(setup)
    load_keras(artifact(case, setup)).export(str(folder), verbose=False)
    return folder


def _table(threads: int | None, model: str, seconds: float, cache: Path) -> None:
    setup = cpu_setup()
    device = setup.build.device.model_copy(update={"threads": threads or setup.threads})
    setup = replace(setup, build=BuildOptions(device=device), paths=LocalPaths(cache_dir=cache))
    print(f"{'N = ' + str(setup.threads):24}threads   cores  by busiest", flush=True)
    case = partial(Case, dataset="digits", model=model, size=_SIZE, batch=_BATCH)
    for name, technique in _FILES.items():
        in_worker(artifact, case(technique=technique), setup)  # where nothing else is watched
        use = in_worker(partial(passes, None, seconds), case(technique=technique), setup)
        print(f"  {name:22}{use.shown}", flush=True)
    saved = in_worker(partial(export, cache / f"saved-{setup.threads}"), case(), setup)
    print(f"  {'SavedModel':22}{in_worker(partial(passes, saved, seconds), case(), setup).shown}", flush=True)
    for unfreeze, epochs in ((1, 40), ("all", 1)):
        use = in_worker(training, case(unfreeze=unfreeze, epochs=epochs, subset=400), setup)
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
