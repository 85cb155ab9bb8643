"""One case from its definition to its result, in two halves that meet at a file.

``make_artifact`` trains and optimises, and leaves the artifact in the cache; ``measure_artifact`` opens that file and
measures it, knowing nothing of how it was made. Each runs in a process of its own, so that neither the memory nor the
state of training touches what is measured.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from . import registry
from .datasets.images import Split
from .domain.case import Case
from .domain.records import Artifact, Device, Memory, Result
from .domain.score import op_score
from .domain.statistics import median, proportion
from .making import Made, Maker, Options, load_data

_FORMATS: dict[str, Literal["keras", "tflite", "onnx", "savedmodel"]] = {
    ".keras": "keras",
    ".tflite": "tflite",
    ".onnx": "onnx",
    "": "savedmodel",
}


def make_artifact(case: Case, options: Options) -> None:
    """Train the model of a case and put it through its techniques, so that the cache holds both.

    Raises:
        UsageError: data, weights or the definition are at fault.
        TechniqueError: a technique cannot be applied, or changed nothing.
    """
    registry.adopt(options.registrations)
    Maker(case, load_data(case, options), options).make()


def measure_artifact(case: Case, options: Options) -> Result | None:
    """Measure the artifact of a case from its file alone; None where the cache does not hold it.

    Raises:
        ModelFileError: the file is no model.
    """
    registry.adopt(options.registrations)
    data = load_data(case, options)
    made = Maker(case, data, options).find()
    return _measure(case, made, data, options) if made else None


def _measure(case: Case, made: Made, data: Split, options: Options) -> Result:
    from .measure.memory import peak_bytes, reset_peak
    from .measure.quality import as_probabilities, assess
    from .measure.sizes import measure_file
    from .measure.timing import time_passes, time_single, warm_up
    from .runtimes.opening import open_artifact

    images, labels = data.x_test, data.y_test
    images.preload()  # so that it does not count as the model's memory
    held = reset_peak()
    with ThreadPoolExecutor(1) as beside:  # before any clock runs
        measuring = beside.submit(measure_file, made.path)
        runtime = open_artifact(made.path, threads=options.device.threads)
        size = measuring.result()
    warm_up(runtime, images, case.batch)
    probabilities, passes = time_passes(runtime, images, case.batch)
    latency = time_single(runtime, images)
    peak = peak_bytes()

    quality = assess(as_probabilities(probabilities), labels)
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
            format=_FORMATS[made.path.suffix],
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
    if any(part.split(",")[0] == "float16" for part in case.technique.split("+")) and not device.float16_in_hardware:
        notes.append("this device has no float16 arithmetic: half precision saves space here, not time")
    return tuple(notes)
