"""What a run leaves behind, as frozen records that serialise to plain JSON.

Times end in ``_s`` or ``_ms``, sizes in ``_mb`` (10^6 bytes) or ``_bytes``.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import AfterValidator, Field, computed_field, model_validator

from .base import Moment, Record
from .case_record import CaseRecord
from .device import Device, GpuUse

FORMAT_VERSION: Literal[1] = 1

FailureKind = Literal["usage", "error", "crash", "out_of_memory", "killed", "timeout"]
Verdict = Literal["pass", "fail", "inconclusive", "unjudged"]
Rule = Literal["min", "max", "max_drop", "max_increase", "max_regression"]


class Key(NamedTuple):
    """A case on a kind of hardware."""

    case_id: str
    profile: str


def _in_one_line(name: str) -> str:
    if not name.isprintable():
        raise ValueError("must not contain control characters")
    return name


class Estimate(Record):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> Estimate:
        """The same in other units."""
        return Estimate(value=self.value * factor, low=self.low * factor, high=self.high * factor)


class Ratio(Estimate):
    """A candidate's time divided by its reference's, both timed in turn in one process, with its 95 % interval."""

    error: float = Field(ge=0, description="standard error of the ratio's natural logarithm")
    degrees: int = Field(ge=1, description="degrees of freedom of that error")
    quads: int = Field(description="times that the two were timed as A B B A; each gives one ratio")
    openings: int = Field(description="times that both files were opened anew")
    seconds: float = Field(description="spent on sampling, without opening and warming up")
    share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="of the error that the gate allows, the part that was planned for the look at which sampling ended",
    )
    second: float | None = Field(
        default=None, description="the ratio sampled anew, where a budget seemed broken; None: no second look was taken"
    )

    @property
    def half_width(self) -> float:
        """Half of the interval's width, as a share of the ratio."""
        return (self.high - self.low) / 2 / self.value

    @property
    def inverse(self) -> Ratio:
        """That of what falls as the time rises."""
        ends = {"value": 1 / self.value, "low": 1 / self.high, "high": 1 / self.low}
        return self.model_copy(update=ends | {"second": self.second and 1 / self.second})


class Score(Record):
    """An OpScore with its interval, and the base-10 logarithms that it is the sum of."""

    value: float
    low: float
    high: float
    log_error: float
    log_seconds: float
    log_megabytes: float
    error_floored: bool = Field(description="no test sample was wrong, so 1 / (2 n) stands for the error")


class Epoch(Record):
    """Accuracies after one pass over the training images."""

    train_accuracy: float
    test_accuracy: float


class Training(Record):
    """How the model was trained and what that took."""

    training_s: float = Field(
        description="seconds spent on training, that of the techniques included, without evaluation on the test images"
    )
    training_mode: Literal["features_once", "full_forward", "none"] = Field(
        description="whether the frozen layers were run once in all, or in every epoch; none: measured as it is"
    )
    policy: str | None = Field(
        default=None, description="Keras' dtype policy that the model was trained under; None where it was not trained"
    )
    trained_layers: tuple[str, ...]
    trained_parameters: int
    learning_rate: float
    epochs: tuple[Epoch, ...]


class Latency(Record):
    """Milliseconds to answer for one image; a percentile is None where there were too few samples for it."""

    # MLPerf's early stopping: below these, a percentile is not known with 99 % confidence.
    LEAST_SAMPLES: ClassVar[dict[str, int]] = {"p50": 1, "p90": 64, "p99": 662}

    p50: float | None
    p90: float | None
    p99: float | None
    samples: int
    intervals: dict[Literal["p50", "p90", "p99"], tuple[float, float]] = Field(
        default={}, description="the 95 % interval of each percentile that is known, by its order statistics"
    )


class WarmUp(Record):
    """The calls before the clock counted."""

    rounds: int
    settled: bool = Field(description="whether the last three took the same time within 10 %")


class ColdStart(Record):
    """What the first answer of a fresh process takes, its imports apart; the file is in the system's cache."""

    load_s: float = Field(description="opening the file until it can be called")
    first_call_s: float = Field(description="answering for one image, the first call")


class SideBySide(Record):
    """The candidate beside its reference."""

    reference: str = Field(description="id of the case that it was timed in turn with")
    offline: Ratio = Field(description="of a batch of test images")
    single: Ratio = Field(description="of one image at a time")


class OtherLoad(Record):
    """What else ran on the processors that the case could use, while it was timed."""

    cores: float = Field(description="processors' worth of other work, on average")
    stolen_cores: float = Field(description="processors' worth that the hypervisor gave to others, on average")
    throttle_events: int | None = Field(description="times that a processor was slowed for its heat; None: not told")


class Conditions(Record):
    """Under what the case was timed."""

    batch: int = Field(description="images in a call of the offline scenario")
    threads: int = Field(description="that the runtime might use")
    garbage_collector: Literal["off while timing"] = "off while timing"
    offline_warm_up: WarmUp
    single_warm_up: WarmUp
    other_load: OtherLoad
    gpu_use: GpuUse | None = Field(default=None, description="during the passes; None on a CPU")


class Artifact(Record):
    """The file that would be deployed."""

    file: str
    entry: str | None = Field(default=None, description="of the cache that holds it")
    format: Literal["keras", "tflite", "onnx", "savedmodel"]
    runtime: str
    sha256: str
    size_bytes: int
    deflated_bytes: int
    parameters: int
    layers: int
    changes: dict[str, float | int | str] = Field(description="what the techniques changed")


class Memory(Record):
    """Resident memory of the measuring process."""

    peak_bytes: int
    added_bytes: int = Field(description="the peak above what the process held before it opened the artifact")
    device_peak_bytes: int | None = Field(
        default=None, description="most that TensorFlow held on the GPU; None on a CPU and for other runtimes"
    )


class Looks(Record):
    """How the times that an absolute budget is on were sampled: in planned looks, and anew where one seemed broken."""

    passes_share: float = Field(
        default=1.0, gt=0, le=1, description="of the gate's error, the last look's at the passes"
    )
    single_share: float = Field(
        default=1.0, gt=0, le=1, description="of the gate's error, the last look's at latencies"
    )
    second_inference_s: float | None = Field(default=None, description="of passes taken anew, scaled as inference_s")
    second_ms: dict[Literal["p50", "p90", "p99"], float] = Field(default={}, description="of single images taken anew")


class CaseOutcome(Record):
    """What became of a case on a device: a result, or a failure."""

    case: CaseRecord
    device: Device = Field(description="that the case ran on")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def id(self) -> str:
        """The case's id."""
        return self.case.id

    @property
    def key(self) -> Key:
        """What a run has one of: a case on a kind of hardware."""
        return Key(self.case.id, self.device.profile)


class Result(CaseOutcome):
    """A measured case. Every figure was measured on the artifact's file and on nothing else."""

    data_digest: str = Field(description="SHA-256 of the test images and their labels")
    test_samples: int
    classes: int
    answers: str | None = Field(
        default=None, description="label and predicted class of each test image, in order: see stats/predictions.py"
    )
    accuracy: Estimate
    recall: float = Field(description="macro average over the classes")
    precision: float = Field(description="macro average over the classes")
    f1: float = Field(description="macro average over the classes")
    auc: float = Field(description="one against the rest, macro average")
    auc_error: float = Field(default=0.0, ge=0, description="standard error of the auc")
    inference_s: Estimate = Field(description="median over the passes, scaled to reference_samples images")
    passes_s: tuple[float, ...] = Field(description="seconds of each pass over the test images, not scaled")
    reference_samples: int
    latency_ms: Latency
    cold_start: ColdStart
    conditions: Conditions
    side_by_side: SideBySide | None = Field(
        default=None, description="None for a reference, and where the reference has no result"
    )
    beside_baseline: SideBySide | None = Field(
        default=None, description="beside the kept artifact of the released run, where that was measured again"
    )
    training: Training
    preparation_s: float = Field(description="seconds that the techniques took")
    artifact: Artifact
    memory: Memory
    op_score: Score
    looks: Looks = Looks()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _can_be_worked_out(self) -> Result:
        """What follows from the figures is a number as well: nothing is divided by 0 or leaves the range of floats."""
        try:
            found = (self.throughput, self.energy_j or 0.0, self.size_mb, self.deflated_mb, self.peak_memory_mb)
        except (ZeroDivisionError, OverflowError) as error:
            raise ValueError(f"what follows from its figures cannot be worked out: {error}") from None
        if not all(map(math.isfinite, found)):
            raise ValueError("what follows from its figures is beyond all numbers")
        return self

    @property
    def energy_j(self) -> float | None:
        """Joules of the GPU for inference over ``reference_samples`` images; None where they are not known."""
        use = self.conditions.gpu_use
        if use is None or use.energy_j is None:
            return None
        return use.energy_j * self.reference_samples / (len(self.passes_s) * self.test_samples)

    @property
    def throughput(self) -> float:
        """Images a second, from the median over the passes."""
        return self.reference_samples / self.inference_s.value

    @property
    def training_s(self) -> float:
        """Seconds spent on training."""
        return self.training.training_s

    @property
    def size_mb(self) -> float:
        """Size of the artifact, 10^6 bytes."""
        return self.artifact.size_bytes / 1e6

    @property
    def deflated_mb(self) -> float:
        """Size of the artifact after DEFLATE, 10^6 bytes."""
        return self.artifact.deflated_bytes / 1e6

    @property
    def peak_memory_mb(self) -> float:
        """Peak resident memory of the measuring process, 10^6 bytes."""
        return self.memory.peak_bytes / 1e6


class Failure(CaseOutcome):
    """A case without a result."""

    kind: FailureKind
    message: str
    log_tail: str = ""


class Check(Record):
    """One budget held against one case."""

    case_id: str
    profile: str | None = Field(
        default=None,
        description="the kind of hardware that the case was measured on; None for a case that is not there",
    )
    metric: str
    rule: Rule | Literal["case"] = Field(description="case: the budget names a case that is not there")
    limit: float = Field(description="the bound on the value itself; relative budgets are resolved into it")
    budget: str = Field(description="as the user wrote it")
    source: str = Field(description="where it was written: a key of pyproject.toml, a marker or an option")
    value: float | None
    low: float | None = Field(default=None, description="of the value's interval, at the gate's confidence")
    high: float | None = Field(default=None, description="of the value's interval, at the gate's confidence")
    reference: str | None = Field(
        default=None, description="id of the case, or the run, that a relative budget compares with"
    )
    reference_value: float | None = None
    verdict: Verdict
    blocking: bool = Field(description="whether this verdict keeps the run from exiting with 0")
    sure: float | None = Field(
        default=None, description="confidence at which the interval just leaves the limit out; None without an interval"
    )
    detectable: float | None = Field(
        default=None,
        description="smallest excess over the limit that this run would have called broken in 80 % of cases",
    )
    reason: str = ""

    def is_of(self, member: CaseOutcome) -> bool:
        """Whether it is on this case, on this kind of hardware."""
        return self.case_id == member.case.id and self.profile in (None, member.device.profile)


class CiRun(Record):
    """The job of a CI service that a run was part of, as its variables tell."""

    service: str
    url: str | None = Field(default=None, description="of the job's page")
    pull_request: str | None = Field(default=None, description="number of the pull or merge request")
    target: str | None = Field(default=None, description="branch that the request is to be merged into")


class Commit(Record):
    """The state of the user's repository."""

    commit: str
    branch: str | None
    dirty: bool | None = Field(description="whether tracked files differ from the commit; None where git is not there")
    parents: tuple[str, ...] = ()
    authored: Moment | None = None
    shallow: bool = Field(default=False, description="whether the clone holds only the newest commits")
    ci: CiRun | None = None


class Baseline(Record):
    """An earlier result of a case, that ``max_regression`` compares with."""

    name: str = Field(default="last", description="what was asked for: last, best, release, a commit, a branch, a file")
    run_id: str
    started: Moment
    commit: Commit | None
    device: Device = Field(
        description="that the stored result was measured on, which one that was measured again is not"
    )
    result: Result = Field(description="as it was stored, or as its kept artifact was measured again")
    again: bool = Field(
        default=False,
        description="whether the artifact was measured again in this session, in turn with the candidate's",
    )
    note: str = Field(default="", description="why a released artifact was not measured again")

    @property
    def described(self) -> str:
        """Which run it is, and how it is compared with, in words."""
        commit = f", commit {self.commit.commit[:10]}" if self.commit else ""
        how = "its artifact measured again in this session" if self.again else "as it was stored"
        return f"run {self.run_id[:12]} of {self.started:%Y-%m-%d %H:%M}{commit}, {how}"


class Timing(Record):
    """A function that pytest-benchmark timed, imported from one of its saved files; times of one call."""

    name: str = Field(description="the test's node id")
    call_s: float = Field(description="median over the rounds")
    mean_s: float
    stddev_s: float
    min_s: float
    max_s: float
    rounds: int
    figures: dict[str, float] = Field(default={}, description="numbers that the test left in extra_info")


class RunRecord(Record):
    """One pytest session: the document that ``--opml-json`` writes. A case has one result on each kind of hardware."""

    format_version: Literal[1] = FORMAT_VERSION
    run_id: Annotated[str, AfterValidator(_in_one_line)] = Field(min_length=1)
    started: Moment
    seconds: float
    device: Device = Field(description="of the session; each result has its own")
    versions: dict[str, str]
    commit: Commit | None
    results: tuple[Result, ...]
    failures: tuple[Failure, ...]
    checks: tuple[Check, ...]
    uncollected: tuple[str, ...] = Field(description="ids of references that were measured although not collected")
    planned: dict[str, str] = Field(default={}, description="ids of the cases that were collected, and their tests")
    deselected: tuple[str, ...] = Field(default=(), description="ids of cases that the command line left out")
    selection: bool = Field(
        default=False, description="whether the command line named single tests, so that others were never collected"
    )
    marked: dict[str, dict[str, Any]] = Field(
        default={}, description="budgets on the marker of a case's test, by the case's id, as they were written"
    )
    baseline: str | None = Field(
        default=None,
        description="what was asked for as baseline, and taken for; None: the last run",
    )
    baselines: tuple[Baseline, ...] = Field(default=(), description="what the cases were compared with")
    unread: dict[str, str] = Field(
        default={}, description="ids of cases whose baseline could not be read while the run went on, and why"
    )
    timings: tuple[Timing, ...] = Field(default=(), description="of an imported run of pytest-benchmark")

    @property
    def devices(self) -> tuple[Device, ...]:
        """What its cases ran on, one of each machine; that of the session where there are none."""
        members: tuple[CaseOutcome, ...] = (*self.results, *self.failures)
        return tuple({member.device.machine: member.device for member in members}.values()) or (self.device,)
