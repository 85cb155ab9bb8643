"""Work that only legacy Keras can do, handed to a Python process of its own.

tensorflow-model-optimization takes Keras 2 models and switches the process that imports it to legacy Keras. So the
model is built anew there, with ``tf_keras`` and by the same builder; weights and training examples go over as files,
a result comes back as one. ``python -m pytest_opml.techniques.tf_keras FOLDER`` is what runs there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import registry
from ...datasets.splits import InputSet
from ...errors import MissingDependencyError, TechniqueError
from ...models.heads import in_rows
from ...runtimes.threads import process_threads
from ...storage.printed import Printed
from ...tensors import arrays, length
from ..agreement import answers_of, probe_rows
from ..base import TrainingContext
from ..model_function import compute_precision
from .files import (
    ANSWERS,
    FLATBUFFER,
    JOB,
    LABELS,
    OUTCOME,
    TEACHER,
    WEIGHTS,
    Outcome,
    input_file,
    read_weights,
    weights_of,
    write_weights,
)

if TYPE_CHECKING:
    import keras

_PACKAGES = {"tensorflow_model_optimization": "tensorflow-model-optimization", "tf_keras": "tf-keras"}
_TOLD_LINES = 3
_BATCH = 256


def run_legacy(technique: str, work: str, model: keras.Model, context: TrainingContext, **settings: Any) -> Outcome:
    """Have the legacy process build the model, give it these weights and work on it.

    Args:
        technique: as it is written in a chain, for what errors say.
        work: ``cluster``, ``prune`` or ``qat``.
        model: whose weights are taken; it is not changed.
        context: the case and the examples to train on.
        settings: of the work.

    Raises:
        MissingDependencyError: a package that it needs is not installed.
        TechniqueError: the model is not what its builder builds, the work is refused, or the process ended.
    """
    for module, distribution in _PACKAGES.items():
        if find_spec(module) is None:
            raise MissingDependencyError(f"technique {technique}", distribution)
    with tempfile.TemporaryDirectory(prefix="opml-legacy-") as name:
        folder = Path(name)
        _write_job(folder, technique, work, model, context, settings)
        code, printed = _run(folder)
        if not (folder / OUTCOME).exists():
            raise TechniqueError(f"{technique}: {_how_it_ended(code)}{_last_words(printed.text())}")
        outcome = json.loads((folder / OUTCOME).read_text("utf-8"))
        if "error" in outcome:
            raise TechniqueError(f"{technique}: {outcome['error']}")
        flatbuffer = folder / FLATBUFFER
        is_file = flatbuffer.exists()
        return Outcome(
            **outcome,
            weights={} if is_file else read_weights(folder / WEIGHTS),
            flatbuffer=flatbuffer.read_bytes() if is_file else b"",
        )


def _write_job(
    folder: Path,
    technique: str,
    work: str,
    model: keras.Model,
    context: TrainingContext,
    settings: dict[str, Any],
) -> None:
    case = context.case
    texts = [spec.name or "of the data" for spec in context.spec.inputs if spec.dtype == "string"]
    if texts:
        raise TechniqueError(f"{technique}: input {texts[0]} is text, which tfmot's models do not take")
    job = {
        "work": work,
        "settings": settings,
        # the weights come from the model in hand, and the technique is this one
        "case": case.model_dump() | {"technique": "baseline", "weights": "none"},
        "spec": context.spec,
        "precision": compute_precision(model),
        "registrations": registry.registrations(),
        "folder": str(Path.cwd()),
        "threads": process_threads(),
    }
    (folder / JOB).write_text(json.dumps(job), "utf-8")
    write_weights(folder / WEIGHTS, weights_of(model))
    write_weights(folder / TEACHER, weights_of(context.original()))
    _write_inputs(folder, context.x_train)
    np.save(folder / LABELS, in_rows(context.spec.task, context.y_train))
    rows = probe_rows(context.x_train, case.seed)
    np.savez(folder / ANSWERS, rows=rows, answers=answers_of(model, context.x_train.take(rows)))


def _write_inputs(folder: Path, inputs: InputSet) -> None:
    """One batch after the other, since all of them may not fit into memory."""
    targets = [
        np.lib.format.open_memmap(
            folder / input_file(place),
            mode="w+",
            dtype=spec.dtype,
            shape=(len(inputs), *spec.least_shape),
        )
        for place, spec in enumerate(inputs.specs)
    ]
    start = 0
    for batch in inputs.batches(_BATCH):
        for target, examples in zip(targets, arrays(batch), strict=True):
            target[start : start + len(examples)] = examples
        start += length(batch)
    for target in targets:
        target.flush()


def _run(folder: Path) -> tuple[int, Printed]:
    environment = os.environ | {
        "TF_USE_LEGACY_KERAS": "1",
        "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path),
    }
    command = [sys.executable, "-m", __package__, str(folder)]
    # It ends itself when its input does, so it outlives this process in no case, not even a kill.
    process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of this package
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, cwd=folder
    )
    printed = Printed(head=0)
    try:
        while process.stdout and (data := os.read(process.stdout.fileno(), 1 << 16)):
            printed.add(data)
        return process.wait(), printed
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def _how_it_ended(code: int) -> str:
    if code == -signal.SIGKILL:
        return "the legacy Keras process was killed, most likely for lack of memory"
    how = f"crashed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"
    return f"the legacy Keras process {how}"


def _last_words(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f"; it printed last: {' | '.join(lines[-_TOLD_LINES:])}" if lines else ""
