"""From an artifact's file to its result, knowing nothing of how it was made.

It runs in a process of its own, so that neither the memory nor the state of loading and training touches what is
measured. The steps: open, time, compare, describe, result.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from .. import registry
from ..analysis.op_score import op_score
from ..case import Case
from ..datasets.held_out import HeldOut
from ..datasets.input_set import InputSet
from ..measure.busy_cores import require_cores
from ..measure.cpu_load import LoadWatch
from ..measure.disturbance import UNSETTLED, of_gpu, of_load, of_warm_up
from ..measure.gpu_monitor import GpuMonitor
from ..measure.memory import device_peak_bytes, peak_bytes, reset_peak
from ..measure.quality import assess
from ..measure.quality_warnings import quality_warnings
from ..measure.side_by_side import Pair, compare
from ..measure.sizes import FileSize, measure_file
from ..measure.timing import Passes, Single, time_again, time_passes, time_single, warm_up
from ..measure.warm_up import no_collection
from ..metrics import INFERENCE, percentiles
from ..progress import report_progress
from ..records.device import Device, GpuUse
from ..records.result import (
    Artifact,
    ColdStart,
    Conditions,
    Estimate,
    Latency,
    Memory,
    OtherLoad,
    Result,
    Sampling,
    Score,
    Section,
    SideBySide,
    Training,
    WarmUp,
)
from ..runtimes.base import Runtime
from ..runtimes.execution import Execution
from ..runtimes.loader import kind_of, open_artifact, operations_outside
from ..stats.evidence import Evidence
from ..stats.intervals import least_samples
from ..stats.order_statistics import median
from ..stats.sequential import SamplingPlan, TimeLimit
from .builder import BuiltArtifact
from .file_facts import FileFacts
from .options import MeasurementPlan
from .paired_times import TimeFigures, derive, limits_alone, reference_times
from .trusted_models import trust_notes

# Of a file, what is told of; an optimizer that took no step has a few bytes.
_SMALLEST_SHARE = 0.01
# Classes that a note gives by name.
_MOST_NAMED = 10


def measure(
    case: Case,
    built: BuiltArtifact,
    held_out: HeldOut,
    plan: MeasurementPlan,
    *,
    reference: Path | None = None,
    release: Path | None = None,
) -> Result:
    """Measure an artifact in this process, which should have run nothing else before.

    Args:
        case: that the artifact was made for.
        built: the artifact, and what is known of its making.
        held_out: the test part of the case's data.
        plan: how to measure.
        reference: the artifact of the case's reference, to be timed beside; None for not at all.
        release: that of a released run, likewise.

    Raises:
        ModelFileError: a file is no model.
    """
    registry.adopt(plan.registrations)
    inputs = held_out.inputs
    opened = _open(built.path, case, inputs, plan)
    load = LoadWatch()
    report_progress("measuring")
    alone = limits_alone(plan.on_times, plan.reference) if reference and plan.reference else plan.on_times
    is_derived = plan.device.gpu is None and bool(reference and plan.reference)  # of a GPU, passes tell the energy
    times = _time(opened, inputs, case.batch, replace(plan, on_times=alone), load, is_derived=is_derived)
    artifact = _describe(opened, built, plan)
    compared = _compare(opened, case, inputs, plan, reference, release)
    return _result(case, built, held_out, plan, artifact, times, compared, load.load())


# --- open


@dataclass(kw_only=True)
class _Opened:
    """An artifact that is open in this process.

    Attributes:
        path: its file or folder.
        runtime: that answers; None when it was closed, so that what is opened next is not the second one in memory.
        size: of the file.
        cold_start: what opening and the first answer took.
        held_bytes: resident before it was opened.
        disturbances: of the cold start.
    """

    path: Path
    runtime: Runtime | None
    size: FileSize
    cold_start: ColdStart
    held_bytes: int
    disturbances: Sequence[str]

    def use(self) -> Runtime:
        """Return the runtime, which must be open."""
        if self.runtime is None:
            raise ValueError(f"{self.path}: is not open any more")
        return self.runtime


def _open(path: Path, case: Case, inputs: InputSet, plan: MeasurementPlan) -> _Opened:
    """Open an artifact, with the examples in memory that small sets are kept in."""
    with ThreadPoolExecutor(1) as beside:  # before any clock runs
        measuring = beside.submit(measure_file, path)
        inputs.preload()  # so that it does not count as the model's memory
        size = measuring.result()
    example = inputs.take([0])
    held, load = reset_peak(), LoadWatch()
    with no_collection():
        began = time.perf_counter()
        runtime = _runtime(path, case, plan)
        loaded = time.perf_counter()
        runtime.predict(example)
        cold_start = ColdStart(load_s=loaded - began, first_call_s=time.perf_counter() - loaded)
    return _Opened(
        path=path,
        runtime=runtime,
        size=size,
        cold_start=cold_start,
        held_bytes=held,
        disturbances=load.disturbances(plan.device.cores),
    )


def _runtime(path: Path, case: Case, plan: MeasurementPlan) -> Runtime:
    return open_artifact(
        path,
        threads=plan.device.threads,
        output=case.output,
        trusted=plan.trusted,
        execution=Execution(case.provider, case.precision),
    )


# --- time


@dataclass(frozen=True, kw_only=True)
class _Times:
    """What was timed of an artifact alone, and the memory that it took.

    Attributes:
        threads: that the runtime said it computed with.
        repeated_pass_s: seconds of a pass when passes were taken anew; None where they were not.
        disturbances: of each part.
    """

    cold_start: ColdStart
    threads: int
    offline_warm_up: WarmUp
    passes: Passes
    single: Single
    repeated_pass_s: float | None
    memory: Memory
    gpu_use: GpuUse | None
    disturbances: Mapping[Section, Sequence[str]]


def _time(
    opened: _Opened, inputs: InputSet, batch: int, plan: MeasurementPlan, whole: LoadWatch, *, is_derived: bool
) -> _Times:
    """Time passes over the examples and single ones, and read the peak of memory behind them.

    Args:
        opened: the artifact.
        inputs: of the test set.
        batch: examples in a call.
        plan: how to measure.
        whole: watches the load of the whole measuring, of which the parts here may be too short to tell.
        is_derived: whether the time over the examples will be worked out from the reference's.
    """
    runtime, gpu, cores = opened.use(), plan.device.gpu, plan.device.cores
    offline_warm_up, load = warm_up(runtime, inputs, batch), LoadWatch(whole)
    with GpuMonitor(gpu.uuid) if gpu else nullcontext() as monitor:  # over the passes, for the energy is theirs
        sampled = monitor.sample if monitor else None
        passes = time_passes(
            runtime, inputs, batch, sampled, _limits_of_a_pass(plan, len(inputs)), decides=not is_derived
        )
    if gpu is None:  # whose driver waits for it on cores of the CPU
        require_cores(runtime.name, passes.busy_cores, runtime.threads)
    offline, load = load.disturbances(cores), LoadWatch(whole)
    single = time_single(runtime, inputs, plan.on_times, plan.latency_s)
    alone, load = load.disturbances(cores), LoadWatch(whole)
    repeat = time_again(runtime, inputs, batch, passes.repeat_s) if passes.repeat_s else None
    if repeat is not None:
        offline = offline or load.disturbances(cores)
    gpu_use = monitor.result() if monitor else None
    disturbances: dict[Section, Sequence[str]] = {
        "cold_start": opened.disturbances,
        "offline": [*offline, *of_gpu(gpu_use), *of_warm_up(offline_warm_up)],
        "single": [*alone, *of_gpu(gpu_use), *of_warm_up(single.warm_up)],
    }
    peak = peak_bytes()
    memory = Memory(
        peak_bytes=peak,
        added_bytes=max(0, peak - opened.held_bytes),
        device_peak_bytes=device_peak_bytes() if gpu else None,
    )
    return _Times(
        cold_start=opened.cold_start,
        threads=runtime.threads,
        offline_warm_up=offline_warm_up,
        passes=passes,
        single=single,
        repeated_pass_s=repeat,
        memory=memory,
        gpu_use=gpu_use,
        disturbances=disturbances,
    )


def _limits_of_a_pass(plan: MeasurementPlan, examples: int) -> SamplingPlan:
    """Return the limits on the time over the reference's examples as limits on that of a pass."""
    scale = examples / plan.reference_samples

    def of_a_pass(limits: Sequence[TimeLimit]) -> tuple[TimeLimit, ...]:
        return tuple(limit._replace(limit=limit.limit * scale) for limit in limits)

    own, others = plan.on_times.limits.get(INFERENCE, ()), plan.on_times.others
    return replace(
        plan.on_times,
        limits={INFERENCE: of_a_pass(own)},
        others=None if others is None else of_a_pass(others),
    )


# --- compare


@dataclass(frozen=True, kw_only=True)
class _Compared:
    """An artifact beside that of its reference and that of the release; None where it was not timed beside one."""

    vs_reference: SideBySide | None
    vs_baseline: SideBySide | None


def _compare(
    opened: _Opened, case: Case, inputs: InputSet, plan: MeasurementPlan, reference: Path | None, release: Path | None
) -> _Compared:
    """Time an artifact in turn with those of its reference and of the release, where they are given."""
    turns = _Alternation(opened, inputs, case, plan)
    return _Compared(
        vs_reference=turns.beside(
            "the reference", reference, case.reference.id, plan.vs_reference, reference_times(plan.reference)
        )
        if reference
        else None,
        vs_baseline=turns.beside("the release", release, case.id, plan.release.sampling)
        if release and plan.release
        else None,
    )


class _Alternation:
    """An artifact that is timed in turn with others.

    Args:
        opened: the artifact; whoever opens it first takes it as it is open already.
        inputs: of the test set.
        case: says how many of them a call of the offline scenario answers, and which output is measured.
        plan: says how many threads a runtime may use, and whether the model is trusted.
    """

    def __init__(self, opened: _Opened, inputs: InputSet, case: Case, plan: MeasurementPlan) -> None:
        self._opened, self._inputs, self._case, self._plan = opened, inputs, case, plan

    def beside(
        self,
        what: str,
        path: Path,
        case_id: str,
        sampling: SamplingPlan,
        times: Mapping[str, Mapping[str, Evidence]] = {},
    ) -> SideBySide:
        """Time the artifact in turn with the one at ``path``.

        Args:
            what: the other one is, in words.
            path: of the other one.
            case_id: of the case that the other one is of.
            sampling: how long to time both.
            times: what is known of those of the other one, by scenario and metric.
        """
        report_progress(f"measuring beside {what}")

        def open_pair(reference_first: bool) -> Pair:
            if reference_first:
                reference = self._open(path)
                return Pair(self._open(self._opened.path), reference)
            return Pair(self._candidate(), self._open(path))

        inputs = self._inputs
        calls = {"offline": inputs.take(range(min(self._case.batch, len(inputs)))), "single": inputs.take([0])}
        return SideBySide(reference=case_id, **compare(open_pair, calls, sampling, times))

    def _open(self, path: Path) -> Runtime:
        with no_collection():  # which would go through what Keras builds again and again
            return _runtime(path, self._case, self._plan)

    def _candidate(self) -> Runtime:
        """The artifact as it is open, or opened anew where somebody has had that one."""
        runtime, self._opened.runtime = self._opened.runtime, None
        return runtime or self._open(self._opened.path)


# --- describe


def _describe(opened: _Opened, built: BuiltArtifact, plan: MeasurementPlan) -> Artifact:
    """What the artifact is, as its file and its runtime say."""
    runtime, size = opened.use(), opened.size
    return Artifact(
        file=built.path.name,
        entry=built.path.parent.name,
        format=kind_of(built.path),
        runtime=runtime.name,
        execution=dict(runtime.execution),
        sha256=size.sha256,
        size_bytes=size.size_bytes,
        deflated_bytes=size.deflated_bytes,
        parameters=runtime.parameters,
        layers=runtime.layers,
        changes=built.changes,
        arithmetic=built.arithmetic,
        trusted=operations_outside(built.path) if plan.trusted else (),
    )


# --- result


def _result(
    case: Case,
    built: BuiltArtifact,
    held_out: HeldOut,
    plan: MeasurementPlan,
    artifact: Artifact,
    times: _Times,
    compared: _Compared,
    other_load: OtherLoad,
) -> Result:
    """Put together what was measured, and work out what follows: quality, the scaled time, the score and the notes."""
    passes, samples, facts = times.passes, len(held_out.labels), FileFacts(case)
    quality = assess(
        passes.probabilities,
        held_out.labels,
        held_out.task,
        held_out.classes,
        facts.output_classes(held_out.classes),
        case.quality,
        held_out.columns,
    )
    scale = plan.reference_samples / samples
    own = TimeFigures(median(passes.seconds).scaled(scale), times.single.latency, _sampling(times, scale))
    inference, latency, sampling = derive(own, plan.reference, compared.vs_reference)
    score = _score(plan, quality.quality, inference, artifact, built.training, samples)
    conditions = _conditions(case, built, times, other_load)
    return Result(
        case=case,
        device=plan.device,
        data_digest=held_out.digest,
        test_samples=samples,
        **quality.as_fields(),
        inference_s=inference,
        passes_s=passes.seconds,
        reference_samples=plan.reference_samples,
        latency_ms=latency,
        cold_start=times.cold_start,
        conditions=conditions,
        vs_reference=compared.vs_reference,
        vs_baseline=compared.vs_baseline,
        training=built.training,
        preparation_s=built.preparation_s,
        artifact=artifact,
        memory=times.memory,
        op_score=score,
        sampling=dict(sampling),
        notes=(
            *quality_warnings(quality, case),
            *facts.notes(held_out),
            *client_notes(case, built.training, len(held_out.classes)),
            *_notes(case, score.error_floored, built.training, plan.device, plan.reference),
            *trust_notes(artifact.trusted),
            *size_notes(built.optimizer_bytes, artifact.size_bytes),
            *timing_notes(conditions, latency, plan.device),
        ),
    )


def _sampling(times: _Times, scale: float) -> dict[str, Sampling]:
    """Say how each time was sampled that a limit is on; ``scale``: from a pass to ``reference_samples`` examples."""
    repeat = times.repeated_pass_s
    passes = Sampling(alpha_share=times.passes.alpha_share, repeat=repeat and repeat * scale)
    return ({} if passes == Sampling() else {INFERENCE: passes}) | dict(times.single.sampling)


def _score(
    plan: MeasurementPlan, quality: Estimate, inference: Estimate, artifact: Artifact, training: Training, samples: int
) -> Score:
    """The OpScore, of the time that the run's weights make up of inference and training."""
    seconds = inference.scaled(plan.time_weights.get("inference", 0.0))
    extra = plan.time_weights.get("training", 0.0) * training.training_s
    seconds = seconds.model_copy(update={end: getattr(seconds, end) + extra for end in ("value", "low", "high")})
    return op_score(quality, seconds, artifact.size_bytes / 1e6, samples=samples)


def _conditions(case: Case, built: BuiltArtifact, times: _Times, other_load: OtherLoad) -> Conditions:
    """What held while the times were taken."""
    disturbed: dict[Section, str] = {section: "; ".join(texts) for section, texts in times.disturbances.items()}
    disturbed |= {"training": built.training.disturbed, "preparation": built.disturbed}
    return Conditions(
        batch=case.batch,
        threads=times.threads,
        busy_cores=times.passes.busy_cores,
        offline_warm_up=times.offline_warm_up,
        single_warm_up=times.single.warm_up,
        other_load=other_load,
        gpu_use=times.gpu_use,
        disturbed={section: text for section, text in disturbed.items() if text},
    )


def _notes(case: Case, floored: bool, training: Training, device: Device, reference: Result | None) -> tuple[str, ...]:
    """What a reader of the score and of the size must know of how the artifact was made."""
    notes = []
    if floored:
        notes.append("less than half a test example was wrong; the score takes half an error for it")
    if training.devices > 1:
        notes.append(f"trained on {training.devices} devices, each with its share of every batch; measured on one")
    if training.made_on not in (None, device.profile):
        notes.append(f"made on {training.made_on}, and measured on {device.profile}")
    kind_of_reference = reference.training.made_on if reference else None
    if training.made_on and kind_of_reference not in (None, training.made_on):
        notes.append(f"its model was trained on {training.made_on}, and that of its reference on {kind_of_reference}")
    steps = [part.split(",") for part in case.technique.split("+")]
    if any(name == "float16" for name, *_ in steps) and not device.float16_in_hardware:
        (name, *given), saves = steps[0], "half precision saves space here, not time"
        for_lack = name == "float16" and "train=float32" not in given and training.policy == "float32"
        trained = "the model was trained in float32, and " if for_lack else ""
        notes.append(f"this device has no float16 arithmetic: {trained}{saves}")
    return tuple(notes)


def client_notes(case: Case, training: Training, classes: int) -> list[str]:
    """What a reader of the quality must know of the client that a model was trained by.

    Args:
        case: of the model.
        training: as the record has it.
        classes: of the data, all of which the test examples are of.
    """
    if case.client is None or training.examples is None:
        return []
    trained = f"trained on the {training.examples:,} examples of client {case.client} of {case.clients}"
    if not training.absent_classes:
        return [trained]
    absent = training.absent_classes
    named = f"{len(absent)} of the {classes} classes" if len(absent) > _MOST_NAMED else f"class {', '.join(absent)}"
    return [f"{trained}; it has no example of {named}"]


def size_notes(optimizer_bytes: int, size_bytes: int) -> list[str]:
    """What a reader of the size must know of the file: that a part of it is of no use to whoever deploys it."""
    share = optimizer_bytes / size_bytes
    if share < _SMALLEST_SHARE:
        return []
    how = "keras.saving.load_model(path, compile=False).save(path)"
    return [f"{100 * share:.0f} % of the file is the optimizer's state; {how} leaves it out"]


def timing_notes(conditions: Conditions, latency: Latency, device: Device) -> list[str]:
    """What a reader of the times must know of how they were taken; nothing for a quiet machine."""
    disturbances = [*of_load(conditions.other_load, device.cores), *of_gpu(conditions.gpu_use)]
    notes = [f"{text} while this was timed" for text in disturbances]
    if stops := conditions.other_load.quota_stops_s:
        notes.append(f"the container's CPU quota stopped the processes for {stops:.1f} s while this was timed")
    if conditions.gpu_use and conditions.gpu_use.problem:
        notes.append(f"the GPU could not be watched: {conditions.gpu_use.problem}")
    if not (conditions.offline_warm_up.settled and conditions.single_warm_up.settled):
        notes.append(f"{UNSETTLED}: the machine or the model is unsteady")
    if lacking := [name for name, value in latency.percentiles.items() if value is None]:
        least = least_samples(percentiles()[lacking[-1]])
        notes.append(f"not enough samples for {lacking[-1]}: {latency.samples} of {least}")
    return notes
