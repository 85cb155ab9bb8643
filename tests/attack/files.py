"""What is made of damaged model files and data sets: opened rightly, or one line.

Files are opened in processes with a deadline, as a case's files are: some in one, and each in one of its own where that
ends without an answer. What a run tells in one line ends it with exit code 4 (the file was refused) or 11 (its process
crashed). Nothing else is right: no traceback, no figure of something else, no file for which the deadline passes, and
nothing in a file may run.
"""

from __future__ import annotations

import shutil
import tempfile
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pytest_opml.case import Case
from pytest_opml.errors import ModelFileError, OpmlError
from pytest_opml.printable import printable
from pytest_opml.runner.launchers.base import Launcher, ProcessLimits, WorkerFailed
from pytest_opml.runner.launchers.process import ProcessLauncher, start_server
from pytest_opml.tensors import arrays, length
from tests.attack.tally import ONE_LINE, WRONG, Outcome, Tally
from tests.support.damaged_files import damaged_data, damaged_model
from tests.support.published_files import CANARY, DATASETS, write_published

TRIES, SAMPLE = 1000, 0  # half of them models; the suite has test_files.py
TENSORFLOW = True
SIDE, CLASSES, EACH = 8, 3, 8
LIMITS, LIMITS_TOGETHER = ProcessLimits(60, 6e9), ProcessLimits(300, 6e9)
OPENED, REFUSED, ENDED = "opened rightly", ONE_LINE, "one line, its process ended"
_TOGETHER = 20  # files in a process
_IMAGES = {"jpg": {}, "png": {}, "webp": {"lossless": True}, "tiff": {}}


def attack(tries: int, seed: int) -> list[Tally]:
    """Damage and open files of each kind in turn, two processes at once."""
    start_server()
    launcher = ProcessLauncher(None)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as workers:
        work = Path(folder)
        data = write_data(work)
        models = launcher.run(write_models, (work,), ProcessLimits(600, None))
        seeds = range(seed, seed + tries // 2)
        jobs = {
            "damaged model files (Keras, ONNX, TFLite, SavedModel)": [
                Job(models[number % len(models)], number, data[0]) for number in seeds
            ],
            "damaged data sets (npz, IDX, CIFAR, folders of images)": [
                Job(data[number % len(data)], number) for number in seeds
            ],
        }
        tallies = []
        for tried, some in jobs.items():
            together = [some[first : first + _TOGETHER] for first in range(0, len(some), _TOGETHER)]
            made = workers.map(partial(outcomes, launcher=launcher, work=work), together)
            tallies.append(Tally.of("files", tried, chain.from_iterable(made)))
        return tallies


# --- what is damaged


def write_data(folder: Path) -> list[Path]:
    """Write ``.npz`` files, a folder of images of each format, and data in published forms; return their paths."""
    from PIL import Image

    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(CLASSES), EACH)
    images = random.integers(0, 256, (len(labels), SIDE, SIDE, 3), np.uint8)
    np.savez(folder / "stored.npz", x_train=images, y_train=labels)
    np.savez_compressed(folder / "packed.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    for suffix, options in _IMAGES.items():
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            file = folder / suffix / f"class {label}" / f"{number}.{suffix}"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).resize((40, 40)).save(file, **options)
    named = write_published(folder)
    return [folder / "stored.npz", folder / "packed.npz", *(folder / suffix for suffix in _IMAGES), *named]


def write_models(folder: Path) -> list[Path]:
    """In a process that may start TensorFlow: write one model in each form; return their paths."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((SIDE, SIDE, 3))
    hidden = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, 2)(layers.Rescaling(1 / 255)(inputs))))
    model = keras.Model(inputs, layers.Dense(CLASSES, activation="softmax")(layers.Flatten()(hidden)))
    paths = [folder / f"model{suffix}" for suffix in (".keras", ".tflite", ".onnx", "")]
    model.save(paths[0])
    model.export(paths[3], verbose=False)
    paths[1].write_bytes(_tflite(paths[3]))
    _write_onnx(paths[2])
    return paths


def _tflite(saved: Path) -> bytes:
    import tensorflow as tf

    return bytes(tf.lite.TFLiteConverter.from_saved_model(str(saved)).convert())


def _write_onnx(path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    weights = {"scale": np.float32(1 / 255), "kernel": random.normal(size=(4, 3, 3, 3)).astype(np.float32)}
    weights |= {"dense": random.normal(size=(36, CLASSES)).astype(np.float32), "bias": np.zeros(CLASSES, np.float32)}
    nodes = [
        helper.make_node("Mul", ["images", "scale"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "kernel"], ["hidden"], strides=[2, 2]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Flatten", ["active"], ["flat"]),
        helper.make_node("Gemm", ["flat", "dense", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["classes"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("classes", TensorProto.FLOAT, ["n", CLASSES])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


# --- what is made of it


def open_model(model: Path, data: Path) -> str:
    """In a worker: check a model against the data, open it and have it answer, as a case does."""
    from pytest_opml.runner.case_data import load_data
    from pytest_opml.runtimes.loader import open_artifact

    case = Case(dataset=str(data), model=str(model), unfreeze=0)
    split = load_data(case, None)
    runtime = open_artifact(model)
    answers = runtime.predict(split.x_test.take(np.arange(4)))
    if answers.shape not in ((4, CLASSES), (4, 1)):
        raise AssertionError(f"answers of shape {answers.shape} were not refused")
    if not np.isfinite(answers).all():
        raise ModelFileError(f"{model}: its answers are no numbers")  # which measuring refuses
    return OPENED


def open_data(data: Path) -> str:
    """In a worker: load data, take all of them; return a digest of examples and labels."""
    import hashlib

    from pytest_opml.runner.case_data import load_data

    dataset = DATASETS.get(data.name, str(data))
    case = Case(dataset=dataset, model="small_cnn", size=16, weights="none", unfreeze="all")
    split = load_data(case, data.parent if data.name in DATASETS else None)
    digest = hashlib.sha256()
    for inputs, labels in ((split.x_train, split.y_train), (split.x_test, split.y_test)):
        batch = inputs.take(np.arange(len(inputs)))
        if length(batch) != len(labels):
            raise AssertionError(f"{length(batch)} examples with {len(labels)} labels")
        for array in (*arrays(batch), np.asarray(labels)):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


class Job(NamedTuple):
    """A file to be damaged and opened.

    Attributes:
        source: the file or folder as it should be.
        seed: what happens to it.
        data: that a model is to answer for; None where the file holds data itself.
    """

    source: Path
    seed: int
    data: Path | None = None

    @property
    def name(self) -> str:
        """By which it can be made again."""
        return f"{self.source.name} {self.seed}"


def outcomes(jobs: Sequence[Job], launcher: Launcher, work: Path) -> list[Outcome]:
    """Damage and open files, all in one process; each in one of its own where that one ends without an answer."""
    try:
        told = launcher.run(in_turn, (jobs, work), LIMITS if len(jobs) == 1 else LIMITS_TOGETHER)
        return [Outcome(*fields) for fields in told]
    except WorkerFailed as error:
        if len(jobs) > 1:
            return [outcome for job in jobs for outcome in outcomes([job], launcher, work)]
        return [Outcome(jobs[0].name, WRONG if error.kind in ("error", "timeout") else ENDED, str(error))]


def in_turn(jobs: Sequence[Job], work: Path) -> list[tuple[str, str, str]]:
    """In a worker: damage and open files; what a worker hands back is of plain types."""
    return [(*_outcome(job, work / job.name),) for job in jobs]


def _outcome(job: Job, folder: Path) -> Outcome:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    outcome = _opened(job, folder)
    return Outcome(job.name, WRONG, "code in it ran") if (folder / CANARY).exists() else outcome


def _opened(job: Job, folder: Path) -> Outcome:
    target = folder / job.source.name
    try:
        if job.data:
            damaged_model(job.source, target, job.seed)
            open_model(target, job.data)
        else:
            damaged_data(job.source, target, job.seed)
            digest = open_data(target)
            if target.suffix == ".npz" and digest != open_data(_read_by_numpy(target)):
                return Outcome(job.name, WRONG, "other data than NumPy reads")
    except OpmlError as error:
        text = printable(str(error), lines=True).replace(str(folder), "")
        return Outcome(job.name, REFUSED if len(text.splitlines()) == 1 else WRONG, text)
    except Exception:  # noqa: BLE001 - which is what is looked for
        return Outcome(job.name, WRONG, printable(traceback.format_exc(), lines=True))
    return Outcome(job.name, OPENED)


def _read_by_numpy(file: Path) -> Path:
    """What NumPy reads of a file, which checks all that it reads, as another file."""
    with np.load(file, allow_pickle=False) as archive:
        np.savez(file.with_name("again.npz"), **{name: archive[name] for name in archive.files})
    return file.with_name("again.npz")
