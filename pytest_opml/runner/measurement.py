"""One case from its definition to its result, in two halves that meet at a file.

``make_artifact`` trains and optimises, and leaves the artifact in the cache; ``measure_artifact`` opens that file and
measures it, knowing nothing of how it was made. Each runs in a process of its own, so that neither the memory nor the
state of training touches what is measured.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Literal, NamedTuple

from ..analysis.op_score import op_score
from ..case import Case
from ..datasets.imageset import ImageSet
from ..datasets.splits import Split
from ..measure.side_by_side import Pair, Plan, compare
from ..measure.timing import Wanted
from ..progress import report_progress
from ..records.device import Device, GpuUse
from ..records.result import Artifact, ColdStart, Conditions, Latency, Looks, Memory, Result, SideBySide, Training
from ..runtimes.base import Runtime
from ..stats.intervals import median, proportion
from .builder import BuiltArtifact
from .options import Options

_FORMATS: dict[str, Literal["keras", "tflite", "onnx", "savedmodel"]] = {
    ".keras": "keras",
    ".tflite": "tflite",
    ".onnx": "onnx",
    "": "savedmodel",
}

# Processors' worth of other work from which a result says so: what an idle system does by itself stays below.
_OTHER_CORES = 0.15


def _measure(case: Case, made: BuiltArtifact, reference: BuiltArtifact | None, data: Split, options: Options) -> Result:
    from ..measure.cpu_load import LoadWatch
    from ..measure.gpu_monitor import GpuMonitor
    from ..measure.memory import device_peak_bytes, peak_bytes, reset_peak
    from ..measure.quality import as_probabilities, assess
    from ..measure.sizes import measure_file
    from ..measure.timing import time_again, time_passes, time_single, warm_up

    images, labels = data.x_test, data.y_test
    with ThreadPoolExecutor(1) as beside:  # before any clock runs
        measuring = beside.submit(measure_file, made.path)
        images.preload()  # so that it does not count as the model's memory
        size = measuring.result()
    held = reset_peak()
    runtime, cold_start = _start(made.path, images, options)
    watch = LoadWatch()
    gpu = options.device.gpu
    report_progress("measuring")
    offline_warm_up = warm_up(runtime, images, case.batch)
    with GpuMonitor(gpu.uuid) if gpu else nullcontext() as monitor:  # over the passes, for the energy is theirs
        passes = time_passes(
            runtime, images, case.batch, monitor.sample if monitor else None, _per_pass(options, len(labels))
        )
    single = time_single(runtime, images, options.wanted)
    second = time_again(runtime, images, case.batch, passes.again) if passes.again else None
    memory = Memory(
        peak_bytes=(peak := peak_bytes()),
        added_bytes=max(0, peak - held),
        device_peak_bytes=device_peak_bytes() if gpu else None,
    )
    artifact = Artifact(
        file=made.path.name,
        entry=made.path.parent.name,
        format=_FORMATS[made.path.suffix],
        runtime=runtime.name,
        sha256=size.sha256,
        size_bytes=size.size_bytes,
        deflated_bytes=size.deflated_bytes,
        parameters=runtime.parameters,
        layers=runtime.layers,
        changes=made.changes,
    )
    opened = [runtime]
    del runtime  # whoever opens it anew does so with the first one gone
    timed = _Timed(opened, made.path, images, case.batch, options.device.threads)
    compared = timed.beside("the reference", reference.path, case.reference, options.compare) if reference else None
    kept = options.kept
    beside_kept = timed.beside("the release", kept.path, case, kept.compare) if kept and kept.compare.seconds else None
    conditions = Conditions(
        batch=case.batch,
        threads=options.device.threads,
        offline_warm_up=offline_warm_up,
        single_warm_up=single.warm_up,
        other_load=watch.load(),
        gpu_use=monitor.result() if monitor else None,
    )

    quality = assess(as_probabilities(passes.probabilities), labels)
    accuracy = proportion(quality.correct, len(labels))
    scale = options.reference_samples / len(labels)
    inference = median(passes.seconds).scaled(scale)
    weights = options.time_weights
    seconds = inference.scaled(weights.get("inference", 0.0))
    extra = weights.get("training", 0.0) * made.training.training_s
    seconds = seconds.model_copy(update={end: getattr(seconds, end) + extra for end in ("value", "low", "high")})
    score = op_score(accuracy, seconds, size.size_bytes / 1e6, samples=len(labels))
    return Result(
        case=case,
        device=options.device,
        data_digest=data.test_digest,
        test_samples=len(labels),
        classes=len(data.classes),
        accuracy=accuracy,
        recall=quality.recall,
        precision=quality.precision,
        f1=quality.f1,
        auc=quality.auc,
        auc_error=quality.auc_error,
        predictions=quality.predictions,
        inference_s=inference,
        passes_s=passes.seconds,
        reference_samples=options.reference_samples,
        latency_ms=single.latency,
        cold_start=cold_start,
        conditions=conditions,
        vs_reference=compared,
        vs_baseline=beside_kept,
        training=made.training,
        preparation_s=made.preparation_s,
        artifact=artifact,
        memory=memory,
        op_score=score,
        sampling=Looks(
            passes_share=passes.share,
            single_share=single.share,
            second_inference_s=second and second * scale,
            second_ms=dict(single.second),
        ),
        notes=(
            *_notes(case, score.error_floored, made.training, options.device),
            *timing_notes(conditions, single.latency, options.device),
        ),
    )


def _per_pass(options: Options, images: int) -> Wanted:
    """The limits on the time over the reference's images as limits on that of a pass."""
    wanted, scale = options.wanted, images / options.reference_samples
    limits = tuple(found._replace(limit=found.limit * scale) for found in wanted.questions.get("inference_s", ()))
    return wanted._replace(questions={"inference_s": limits})


def _start(path: Path, images: ImageSet, options: Options) -> tuple[Runtime, ColdStart]:
    """The artifact opened, and what the first answer took."""
    from ..runtimes.loader import open_artifact

    image = images.take([0])
    began = time.perf_counter()
    runtime = open_artifact(path, threads=options.device.threads)
    opened = time.perf_counter()
    runtime.predict(image)
    return runtime, ColdStart(load_s=opened - began, first_call_s=time.perf_counter() - opened)


class _Timed(NamedTuple):
    """An artifact that is timed in turn with others.

    Attributes:
        opened: the artifact as it is open already, to be taken by whoever opens it first.
        path: its file.
        images: of the test set.
        batch: how many of them a call of the offline scenario answers.
        threads: that a runtime may use.
    """

    opened: list[Runtime]
    path: Path
    images: ImageSet
    batch: int
    threads: int

    def beside(self, what: str, other: Path, of: Case, plan: Plan) -> SideBySide:
        """Time it in turn with the artifact ``other``, which is that of the case ``of``; ``what``: it is, in words."""
        from ..runtimes.loader import open_artifact

        report_progress(f"measuring beside {what}")

        def open_one(path: Path) -> Runtime:
            return open_artifact(path, threads=self.threads)

        def open_pair(reference_first: bool) -> Pair:
            if reference_first:
                reference = open_one(other)
                return Pair(open_one(self.path), reference)
            return Pair(self.opened.pop() if self.opened else open_one(self.path), open_one(other))

        batch, image = self.images.take(range(min(self.batch, len(self.images)))), self.images.take([0])
        return SideBySide(reference=of.id, **compare(open_pair, {"offline": batch, "single": image}, plan))


def _notes(case: Case, floored: bool, training: Training, device: Device) -> tuple[str, ...]:
    notes = []
    if floored:
        notes.append("no test image was wrong; the score takes half an error for it")
    steps = [part.split(",") for part in case.technique.split("+")]
    if any(name == "float16" for name, *_ in steps) and not device.float16_in_hardware:
        (name, *given), saves = steps[0], "half precision saves space here, not time"
        for_lack = name == "float16" and "train=float32" not in given and training.policy == "float32"
        trained = "the model was trained in float32, and " if for_lack else ""
        notes.append(f"this device has no float16 arithmetic: {trained}{saves}")
    return tuple(notes)


def timing_notes(conditions: Conditions, latency: Latency, device: Device) -> list[str]:
    """What a reader of the times must know of how they were taken; nothing for a quiet machine."""
    notes, other = [], conditions.other_load
    if other.cores > _OTHER_CORES:
        notes.append(f"other work took {other.cores:.1f} of {device.cores} cores while this was timed")
    if other.stolen_cores > _OTHER_CORES:
        notes.append(f"the hypervisor gave {other.stolen_cores:.1f} of {device.cores} cores to others meanwhile")
    if other.throttle_events:
        notes.append("a processor was slowed for its heat while this was timed")
    notes += _gpu_notes(conditions.gpu_use) if conditions.gpu_use else []
    if not (conditions.offline_warm_up.settled and conditions.single_warm_up.settled):
        notes.append("the last rounds of warming up did not agree within 10 %: the machine or the model is unsteady")
    if latency.p99 is None:
        wanted = latency.LEAST_SAMPLES["p99"]
        notes.append(f"not enough samples for p99: {latency.samples} of {wanted}")
    return notes


def _gpu_notes(use: GpuUse) -> list[str]:
    notes = []
    if use.throttle_reasons:
        notes.append(f"the GPU was throttled while this was timed: {', '.join(use.throttle_reasons)}")
    if use.other_processes:
        pids = ", ".join(map(str, use.other_processes))
        notes.append(f"other processes used the GPU while this was timed: {pids}")
    if use.problem:
        notes.append(f"the GPU could not be watched: {use.problem}")
    return notes
