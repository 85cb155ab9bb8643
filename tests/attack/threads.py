"""Whatever runs in a worker before a model is opened, the runtime keeps to the threads of the run, or the case fails.

A try is a worker that is held to 1 to 4 threads. There a module of the user does some things of ``_EARLIER`` in an
order of its own; then a file is opened and computes. The runtime must say the number, and no more threads may have
worked than that.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter

import numpy as np

from pytest_opml.errors import OpmlError
from pytest_opml.runner.launchers.base import ProcessLimits, WorkerFailed
from pytest_opml.runner.launchers.process import ProcessLauncher, start_server
from tests.attack.tally import ONE_LINE, WRONG, Outcome, Tally

TRIES = 60
SAMPLE = 2
TENSORFLOW = True

_PRESERVED = "kept to its number"
_LIMITS = ProcessLimits(120, None)
_SIDE, _WIDE = 256, 2048
_FILES = ("model.keras", "model.tflite", "model.onnx", "saved")
_SECONDS, _WORKED_S = 0.3, 0.02


# --- what a module of the user may do when it is imported


def _eager() -> None:
    import tensorflow as tf

    tf.image.resize(tf.zeros((1, 64, 64, 3)), (8, 8)).numpy()


def _session() -> None:
    import tensorflow as tf

    with tf.compat.v1.Session(graph=tf.Graph()):
        pass


def _pipeline() -> None:
    import tensorflow as tf

    list(tf.data.Dataset.range(32).map(lambda x: x + 1, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2))


def _network() -> None:
    import keras

    keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)]).predict(np.zeros((4, 8)), verbose=0)


def _linear_algebra() -> None:
    from sklearn.cluster import KMeans

    KMeans(2, n_init=1).fit(np.random.default_rng(0).random((500, 40)))


def _environment() -> None:
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "7", "OMP_NUM_THREADS": "7"}


def _setting() -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(3)


_EARLIER: tuple[Callable[[], None], ...] = (
    *(_eager, _session, _pipeline, _network, _linear_algebra),
    *(_environment, _setting),
)


# --- files that have work for many threads


def write_files(folder: Path) -> None:
    """In a worker: write a network of two wide layers as each kind of file."""
    import keras
    import tensorflow as tf

    inputs = keras.Input((_SIDE,))
    hidden = keras.layers.Dense(_WIDE, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(_SIDE)(hidden))
    model.save(folder / _FILES[0])
    model.export(str(folder / _FILES[3]), verbose=False)
    (folder / _FILES[1]).write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    _write_onnx(folder / _FILES[2])


def _write_onnx(path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = {"first": np.ones((_SIDE, _WIDE), np.float32), "second": np.ones((_WIDE, _SIDE), np.float32)}
    nodes = [helper.make_node("MatMul", ["x", "first"], ["h"]), helper.make_node("MatMul", ["h", "second"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "wide",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", _SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", _SIDE])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))


# --- a try


def attack(tries: int, seed: int) -> list[Tally]:
    """Open files in workers in which something ran before."""
    start_server()
    with tempfile.TemporaryDirectory() as folder:
        ProcessLauncher(None).run(write_files, (Path(folder),), _LIMITS)
        outcomes = [_outcome(Path(folder), number) for number in range(seed, seed + tries)]
    return [Tally.of("threads", "something runs in a worker before its model is opened", outcomes)]


def _outcome(folder: Path, seed: int) -> Outcome:
    try:
        return Outcome(*ProcessLauncher(None).run(opened_later, (folder, seed), _LIMITS))
    except WorkerFailed as error:
        return Outcome(f"seed {seed}", WRONG, str(error))


def opened_later(folder: Path, seed: int) -> tuple[str, str, str]:
    """In a worker: do what the seed says, open the file that it says, and look at what works meanwhile."""
    from pytest_opml.runtimes.loader import open_artifact, read_signature
    from pytest_opml.runtimes.threads import limit_process

    drawn = random.Random(seed)
    file, threads = folder / _FILES[seed % len(_FILES)], drawn.randint(1, 4)
    earlier = drawn.sample(_EARLIER, drawn.randint(1, 4))
    name = f"seed {seed}: {', '.join(action.__name__[1:] for action in earlier)}; {file.name}, N = {threads}"
    limit_process(threads)
    try:
        for action in earlier:
            with suppress(RuntimeError):  # of TensorFlow, where it has started
                action()
        read_signature(file)
        runtime = open_artifact(file, threads=threads)
    except OpmlError as error:
        is_right = _setting in earlier and len(str(error).splitlines()) == 1
        return name, ONE_LINE if is_right else WRONG, str(error)
    placed, before = runtime.place(np.ones((512, _SIDE), np.float32)), _worked()
    until = perf_counter() + _SECONDS
    while perf_counter() < until:
        runtime.run(placed)
    at_work = {task for task, seconds in _worked().items() if seconds - before.get(task, 0.0) > _WORKED_S}
    if runtime.name in ("keras", "tensorflow"):  # whose own threads work, while the one that calls waits
        at_work.discard(str(os.getpid()))
    is_kept = runtime.threads == threads and len(at_work) <= threads
    return name, _PRESERVED if is_kept else WRONG, f"said {runtime.threads}, {len(at_work)} worked"


def _worked() -> dict[str, float]:
    """CPU seconds of each thread of this process, but of those that hand work over to pools and wait for it."""
    tasks = [task for task in Path("/proc/self/task").iterdir() if not (task / "comm").read_text().startswith("tf_")]
    return {task.name: int((task / "schedstat").read_text().split()[0]) / 1e9 for task in tasks}
