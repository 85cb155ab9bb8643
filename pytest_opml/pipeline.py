"""One case from its definition to its result, in two halves that meet at a file.

``make_artifact`` trains and optimises, and leaves the artifact in the cache; ``measure_artifact`` opens that file and
measures it, knowing nothing of how it was made. Each runs in a process of its own, so that neither the memory nor the
state of training touches what is measured.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from . import registry
from .cache import Cache, key_of, source_digest
from .datasets.images import Split, prepare
from .domain.case import Case, parse_chain
from .domain.records import Artifact, Device, Memory, Result, Training
from .domain.score import op_score
from .domain.statistics import median, proportion
from .errors import ModelFileError

# The packages whose version can change a trained model or an artifact.
RESULT_MAKERS = ("pytest-opml", "tensorflow", "keras", "numpy", "scikit-learn", "h5py")
_DETAILS = "details.json"


@dataclass(frozen=True)
class Options:
    """What the pipeline is told by the run.

    Attributes:
        time_weights: what inference and training seconds are multiplied by to make up the time in the score.
        reference_samples: images that the inference time is scaled to.
    """

    cache_dir: Path
    data_dir: Path | None
    device: Device
    time_weights: dict[Any, float]
    reference_samples: int


class Made(NamedTuple):
    """An artifact's file, how its model was trained, what the techniques changed and how long they took."""

    path: Path
    training: Training
    changes: dict[str, float | int | str]
    preparation_s: float


def _conditions(case: Case, data: Split, options: Options) -> dict[str, Any]:
    """All that can change a trained model: the data, the recipe, the code, its libraries and the hardware."""
    device = options.device
    weights = Path(case.weights).expanduser()
    return {
        "case": case.model_dump(exclude={"technique"}),
        "data": data.fingerprint,
        "weights": _file_stamp(weights) if case.weights not in ("imagenet", "none") else None,
        "code": source_digest(),
        "builder": _source_of(registry.get("model", case.model)),
        "versions": {name: version(name) for name in RESULT_MAKERS},
        "device": [device.profile, device.cpu, device.threads, *(gpu.name for gpu in device.gpus)],
    }


def _file_stamp(path: Path) -> str:
    import hashlib

    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelFileError(f"weights {path}: cannot be read: {error.strerror}") from error


def _source_of(factory: Any) -> str:
    """The text of the module that a factory comes from, so that a user's own changes are seen."""
    import inspect

    try:
        return inspect.getsource(inspect.getmodule(factory) or factory)
    except (OSError, TypeError):
        return repr(factory)


def _keys(case: Case, data: Split, options: Options) -> tuple[str, str]:
    """The keys of the trained model and of the artifact in the cache."""
    conditions = _conditions(case, data, options)
    sources = [_source_of(type(step)) for step in parse_chain(case.technique)]
    technique = {"technique": case.technique, "technique_code": sources}
    return key_of(conditions), key_of(conditions | technique)


def find_artifact(case: Case, data: Split, options: Options) -> Made | None:
    """The artifact of a case, with what is known of its making, if the cache holds it."""
    cache = Cache(options.cache_dir)
    model_key, artifact_key = _keys(case, data, options)
    model, artifact = cache.find("model", model_key), cache.find("artifact", artifact_key)
    if not model or not artifact:
        return None
    training = Training.model_validate_json((model / _DETAILS).read_text("utf-8"))
    details = json.loads((artifact / _DETAILS).read_text("utf-8"))
    return Made(next(artifact.glob("model.*")), training, details["changes"], details["preparation_s"])


def make_artifact(case: Case, options: Options) -> None:
    """Train the model of a case and put it through its techniques, so that the cache holds both.

    Raises:
        UsageError: data, weights or the definition are at fault.
        TechniqueError: a technique cannot be applied, or changed nothing.
    """
    from .runtimes.keras_graph import load_keras
    from .techniques.base import Draft, Material
    from .techniques.storage import write_artifact

    data = prepare(case, options.data_dir)
    cache = Cache(options.cache_dir)
    model_key, artifact_key = _keys(case, data, options)
    steps = parse_chain(case.technique)

    def build_model(folder: Path) -> None:
        from .models.training import train

        model, training = train(case, data)
        model.save(folder / "model.keras")
        (folder / _DETAILS).write_text(training.model_dump_json(indent=1), "utf-8")

    trained = cache.entry("model", model_key, build_model)

    def build_artifact(folder: Path) -> None:
        draft = Draft(load_keras(trained / "model.keras"))
        started = time.perf_counter()
        for step in steps:
            draft = step.apply(draft, Material(data.x_train, case.seed))
        write_artifact(draft, folder)
        seconds = 0.0 if case.technique == "baseline" else time.perf_counter() - started
        details = {"preparation_s": seconds, "changes": draft.changes}
        (folder / _DETAILS).write_text(json.dumps(details, indent=1), "utf-8")

    cache.entry("artifact", artifact_key, build_artifact)


def measure_artifact(case: Case, options: Options) -> Result | None:
    """Measure the artifact of a case from its file alone; None where the cache does not hold it.

    Raises:
        ModelFileError: the file is no model.
    """
    data = prepare(case, options.data_dir)
    made = find_artifact(case, data, options)
    return _measure(case, made, data, options) if made else None


def _measure(case: Case, made: Made, data: Split, options: Options) -> Result:
    from .measure.memory import peak_bytes, reset_peak
    from .measure.quality import assess
    from .measure.sizes import measure_file
    from .measure.timing import time_passes, time_single, warm_up
    from .runtimes.opening import open_artifact

    images, labels = data.x_test, data.y_test
    held = reset_peak()
    with ThreadPoolExecutor(1) as beside:  # before any clock runs
        measuring = beside.submit(measure_file, made.path)
        runtime = open_artifact(made.path, threads=options.device.threads)
        size = measuring.result()
    warm_up(runtime, images, case.batch)
    probabilities, passes = time_passes(runtime, images, case.batch)
    latency = time_single(runtime, images)
    peak = peak_bytes()

    quality = assess(probabilities, labels)
    accuracy = proportion(quality.correct, len(labels))
    inference = median(passes).scaled(options.reference_samples / len(labels))
    weights = options.time_weights
    seconds = inference.scaled(weights.get("inference", 0.0))
    extra = weights.get("training", 0.0) * made.training.training_s
    seconds = seconds.model_copy(update={end: getattr(seconds, end) + extra for end in ("value", "low", "high")})
    score = op_score(accuracy, seconds, size.size_bytes / 1e6, samples=len(labels))
    return Result(
        case=case,
        test_samples=len(labels),
        classes=len(data.classes),
        accuracy=accuracy,
        recall=quality.recall,
        precision=quality.precision,
        f1=quality.f1,
        auc=quality.auc,
        inference_s=inference,
        passes_s=passes,
        reference_samples=options.reference_samples,
        latency_ms=latency,
        training=made.training,
        preparation_s=made.preparation_s,
        artifact=Artifact(
            file=made.path.name,
            format="keras" if made.path.suffix == ".keras" else "tflite",
            runtime=runtime.name,
            sha256=size.sha256,
            size_bytes=size.size_bytes,
            deflated_bytes=size.deflated_bytes,
            parameters=runtime.parameters,
            layers=runtime.layers,
            changes=made.changes,
        ),
        memory=Memory(peak_bytes=peak, added_bytes=max(0, peak - held)),
        op_score=score,
        notes=_notes(case, score.error_floored, options.device),
    )


def _notes(case: Case, floored: bool, device: Device) -> tuple[str, ...]:
    notes = []
    if floored:
        notes.append("no test image was wrong; the score takes half an error for it")
    if "float16" in case.technique.split("+") and not device.float16_in_hardware:
        notes.append("this device has no float16 arithmetic: half precision saves space here, not time")
    return tuple(notes)
