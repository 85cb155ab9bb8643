"""The result of a case and its parts, as frozen records that serialise to plain JSON.

Times end in ``_s`` or ``_ms``, sizes in ``_mb`` (10^6 bytes) or ``_bytes``.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    computed_field,
    model_serializer,
    model_validator,
)

from ..tensors import Task
from .base import Many, Moment, Named, NotTooMany, Record
from .case_record import CaseRecord
from .device import Device, GpuUse
from .pretrained import PretrainedWeights
from .recipe import Recipe

# An answer is stored in 16 bits; labels and targets are fewer than this as well.
_MOST_CLASSES = 1_000_000


class Key(NamedTuple):
    """A case on a kind of hardware."""

    case_id: str
    profile: str


class Estimate(Record):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> Estimate:
        """Return the estimate in other units."""
        return Estimate(value=self.value * factor, low=self.low * factor, high=self.high * factor)


# What a figure of quality is worked out from, and so how sure it is: right answers, figures of the examples, averages
# over the classes or labels, areas under the ROC curve, or squared errors.
QualityKind = Literal["right", "figures", "recall", "precision", "f1", "auc", "errors"]


class QualityFigure(Estimate):
    """The declared quality, which OpScore takes the error from: 1 minus it."""

    name: str = Field(description="accuracy, f1, ..., or package.module:function of the user's")
    kind: QualityKind = "right"


class Slice(Record):
    """Some of the test examples: those of a class, or with a value in a column of the data."""

    by: str = Field(description="class, or the name of a column")
    value: str
    samples: int = Field(ge=1)
    quality: Estimate | None = Field(
        description="None where the declared quality means nothing on these examples alone"
    )
    accuracy: Estimate | None = None

    @property
    def name(self) -> str:
        """As checks name it: ``class=cat``."""
        return f"{self.by}={self.value}"


class ExampleColumn(Record):
    """A column of the test data with few values."""

    values: Many[str]
    codes: str = Field(description="place of each test example's value, in order: see stats/predictions.py")


class ConfusionMatrix(Record):
    """How many test examples of each class were taken for which."""

    labels: Many[str] = Field(description="a row for each class of the data")
    answers: Many[str] = Field(
        description="a column for each answer: the classes, then what was answered that is none of them"
    )
    counts: Many[Many[int]]


class Sampling(Record):
    """How a time was sampled that a budget is on: at planned interim analyses, and anew where it seemed to fail."""

    alpha_share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="of the error alpha that the gate allows, what the interim analysis spent that ended sampling",
    )
    repeat: float | None = Field(
        default=None,
        description="the same figure sampled anew, where a budget seemed to fail; None: it was not repeated",
    )


class Ladder(Record):
    """The intervals of a quantile at many levels, from the order statistics of its samples."""

    value: float = Field(description="the quantile of the samples")
    rungs: Many[tuple[float, float | None, float | None]] = Field(
        description="the error of an interval, both sides together, and its ends; None: the samples cannot say so much"
    )
    lowest: float = Field(description="the smallest sample")
    highest: float = Field(description="the largest sample")
    least_low: float = Field(ge=0, description="the least error at which the smallest sample is the low end")
    least_high: float = Field(ge=0, description="the least error at which the largest sample is the high end")


class Ratio(Estimate, Sampling):
    """A candidate's time divided by its reference's, both timed in turn in one process, with its 95 % interval."""

    value: float = Field(gt=0)
    low: float = Field(gt=0)
    high: float = Field(gt=0)
    error: float = Field(ge=0, description="standard error of the ratio's natural logarithm")
    degrees: int = Field(ge=1, description="degrees of freedom of that error")
    quads: int = Field(description="times that the two were timed as A B B A; each gives one ratio")
    openings: int = Field(description="times that both files were opened anew")
    seconds: float = Field(description="spent on sampling, without opening and warming up")

    @property
    def half_width(self) -> float:
        """Half of the interval's width, as a share of the ratio."""
        return (self.high - self.low) / 2 / self.value

    @property
    def inverse(self) -> Ratio:
        """The ratio of what falls as the time rises, such as the throughput."""
        ends = {"value": 1 / self.value, "low": 1 / self.high, "high": 1 / self.low}
        return self.model_copy(update=ends | {"repeat": self.repeat and 1 / self.repeat})


# Of a number that is told from 0 and whose reciprocal is one too; beyond, 10 to the power of it is none any more.
_LARGEST_LOG = 300.0
_Logarithm = Annotated[float, Field(ge=-_LARGEST_LOG, le=_LARGEST_LOG)]
_SumOfLogarithms = Annotated[float, Field(ge=-3 * _LARGEST_LOG, le=3 * _LARGEST_LOG)]


class Score(Record):
    """An OpScore with its interval, and the base-10 logarithms that it is the sum of."""

    value: _SumOfLogarithms
    low: _SumOfLogarithms
    high: _SumOfLogarithms
    log_error: _Logarithm
    log_seconds: _Logarithm
    log_megabytes: _Logarithm
    error_floored: bool = Field(description="no test sample was wrong, so 1 / (2 n) stands for the error")


class Epoch(Record):
    """How good the answers were after one pass over the training examples, from 0 to 1.

    The share of right answers; of several labels that of examples with all of them right; of a regression 1 minus the
    squared error relative to guessing the mean, 0 at least.
    """

    train_accuracy: float
    test_accuracy: float


class Training(Record):
    """How the model was trained and what that took."""

    training_s: float = Field(
        description="seconds spent on training, that of the techniques included, without evaluation on test examples"
    )
    training_mode: Literal["features_once", "full_forward", "none"] = Field(
        description="whether the frozen layers were run once in all, or in every epoch; none: measured as it is"
    )
    policy: str | None = Field(
        default=None, description="Keras' dtype policy that the model was trained under; None where it was not trained"
    )
    devices: int = Field(default=1, description="of the node, among which each batch was divided")
    made_on: str | None = Field(
        default=None,
        description="the kind of hardware that it was made on; None for a file that is measured as it is",
    )
    trained_layers: Many[str]
    trained_parameters: int
    examples: int | None = Field(
        default=None, description="training examples, those held out from them included; None where it was not trained"
    )
    absent_classes: Many[str] = Field(
        default=(), description="classes or labels of the data that none of these was an example of"
    )
    learning_rate: float
    recipe: Recipe | None = Field(default=None, description="all figures of the training; None where there was none")
    epochs: Many[Epoch]
    pretrained: PretrainedWeights | None = Field(
        default=None, description="the weights that it started from, where they were trained here (weights='opml')"
    )
    disturbed: str = Field(default="", description="what disturbed the machine meanwhile; empty where it was quiet")


_PERCENTILE = re.compile(r"p[1-9]\d?")


def _describe_percentiles(schema: dict[str, Any]) -> None:
    """Make the JSON schema say what is read and written: each percentile is a key of its own."""
    del schema["properties"]["percentiles"]
    schema["required"].remove("percentiles")
    schema["patternProperties"] = {f"^{_PERCENTILE.pattern}$": {"anyOf": [{"type": "number"}, {"type": "null"}]}}


class Latency(Record):
    """Milliseconds to answer for one example: percentiles ``p50``, ``p90``, ... as they were asked for.

    Of a candidate that was timed in turn with its reference, ``p50`` is the reference's times the ratio of the two.
    Which there are is for the table of metrics to say. Each is a key of its own in the JSON and an attribute here, None
    where there were too few samples for it, or where it was not asked for.
    """

    model_config = ConfigDict(json_schema_extra=_describe_percentiles)

    percentiles: Named[float | None]
    samples: int
    intervals: Named[tuple[float, float]] = Field(
        default={}, description="the 95 % interval of each percentile that is known, by its order statistics"
    )
    ladders: Named[Ladder] = Field(default={}, description="its intervals at other levels, which verdicts rest on")

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "percentiles" in values:
            return values
        percentiles = {name: value for name, value in values.items() if _PERCENTILE.fullmatch(str(name))}
        return {name: value for name, value in values.items() if name not in percentiles} | {"percentiles": percentiles}

    @model_validator(mode="after")
    def _are_percentiles(self) -> Latency:
        for name in (*self.percentiles, *self.intervals, *self.ladders):
            if not _PERCENTILE.fullmatch(name):
                raise ValueError(f"{name!r} is no percentile, such as p99")
        return self

    # With a type of its own for what it returns, the JSON schema would be that of any mapping.
    @model_serializer(mode="wrap")
    def _flatten(self, handler: SerializerFunctionWrapHandler):  # type: ignore[no-untyped-def]
        written: dict[str, Any] = handler(self)
        return written.pop("percentiles", {}) | written

    def __getattr__(self, name: str) -> float | None:
        """Give a percentile by its name.

        Raises:
            AttributeError: the name is not that of a percentile.
        """
        if _PERCENTILE.fullmatch(name):
            return self.percentiles.get(name)
        parent: Any = super()
        value: float | None = parent.__getattr__(name)
        return value


class WarmUp(Record):
    """The calls before the clock counted."""

    rounds: int
    settled: bool = Field(description="whether the last three took the same time within 10 %")


class ColdStart(Record):
    """What the first answer of a fresh process takes, its imports apart; the file is in the system's cache."""

    load_s: float = Field(description="opening the file until it can be called")
    first_call_s: float = Field(description="answering for one example, the first call")


class SideBySide(Record):
    """The candidate beside its reference."""

    reference: str = Field(description="id of the case that it was timed in turn with")
    offline: Ratio = Field(description="of a batch of test examples")
    single: Ratio = Field(description="of one example at a time")


class OtherLoad(Record):
    """What else ran on the processors that the case could use, while it was timed."""

    cores: float = Field(description="processors' worth of other work, on average")
    stolen_cores: float = Field(description="processors' worth that the hypervisor gave to others, on average")
    throttle_events: int | None = Field(description="times that a processor was slowed for its heat; None: not told")
    quota_stops_s: float | None = Field(
        default=None, description="seconds for which the container's CPU quota let nothing run; None without a quota"
    )


# The parts of measuring and making a case whose times are taken one after the other.
Section = Literal["offline", "single", "cold_start", "training", "preparation"]


class Conditions(Record):
    """Under what the case was timed."""

    batch: int = Field(description="examples in a call of the offline scenario")
    threads: int = Field(description="that the runtime said it computed with")
    busy_cores: float | None = Field(
        default=None,
        description="that its process kept busy in the passes: CPU by wall time; None for less than a second",
    )
    garbage_collector: Literal["off while timing"] = "off while timing"
    offline_warm_up: WarmUp
    single_warm_up: WarmUp
    other_load: OtherLoad
    gpu_use: GpuUse | None = Field(default=None, description="during the passes; None on a CPU")
    disturbed: Annotated[dict[Section, str], NotTooMany] = Field(
        default={},
        description="what disturbed each part of measuring while its times were taken; of quiet ones nothing",
    )


class ModelSource(Record):
    """Where MLflow had a model that was named by its address there."""

    address: str = Field(description="as it was written: models:/NAME@ALIAS, models:/NAME/VERSION, runs:/RUN/path")
    name: str | None = Field(default=None, description="of the registered model")
    alias: str | None = None
    version: int | None = Field(default=None, description="that the alias stood for")
    run_id: str | None = Field(default=None, description="the run of MLflow that logged it")
    created: Moment | None = Field(default=None, description="when the version was registered, or the run began")

    @property
    def described(self) -> str:
        """The address, and the version that it stood for."""
        return self.address if self.version is None else f"{self.address}, version {self.version}"


class Artifact(Record):
    """The file that would be deployed."""

    file: str
    entry: str | None = Field(default=None, description="of the cache that holds it")
    format: Literal["keras", "tflite", "onnx", "savedmodel", "openvino"]
    runtime: str
    execution: Named[str] = Field(
        default={}, description="what the runtime said that it computed with, such as its provider or its precision"
    )
    sha256: str
    size_bytes: int
    deflated_bytes: int
    parameters: int
    layers: int
    changes: Named[float | int | str] = Field(description="what the techniques changed")
    arithmetic: Named[float] = Field(
        default={},
        description="what the hardware does for the number formats of the techniques: the time of a small convolution "
        "network in each, by runtime and format, as a share of that in float32 in the same runtime",
    )
    trusted: tuple[str, ...] = Field(
        default=(), description="its operations that may reach outside it, and that the run was told to trust it with"
    )
    source: ModelSource | None = Field(default=None, description="of a model of MLflow's: which one it was then")


class Memory(Record):
    """Resident memory of the measuring process."""

    peak_bytes: int
    added_bytes: int = Field(description="the peak above what the process held before it opened the artifact")
    device_peak_bytes: int | None = Field(
        default=None, description="most that TensorFlow held on the GPU; None on a CPU and for other runtimes"
    )


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

    data_digest: str = Field(description="SHA-256 of the test examples and their labels")
    test_samples: int
    classes: int = Field(ge=1, le=_MOST_CLASSES, description="classes, labels or targets of the data")
    task: Task = "classification"
    class_names: Many[str] = Field(
        default=(), description="of the classes, labels or targets, in order; empty where they are too many to be told"
    )
    predictions: str | None = Field(
        default=None,
        description="label and predicted class of each test example, in order: see stats/predictions.py; of several "
        "labels an example: see stats/label_sets.py",
    )
    figures: str | None = Field(
        default=None,
        description="the declared quality of each test example, in order; of a regression the squared errors and those "
        "of guessing the mean: see stats/example_figures.py",
    )
    columns: Named[ExampleColumn] = Field(default={}, description="of the test data, which slices are made by")
    quality: QualityFigure
    accuracy: Estimate | None = Field(
        description="share of the examples that are answered right, with all of their labels; None for a regression"
    )
    recall: float | None = Field(description="macro average over the classes or labels; None for a regression")
    precision: float | None = Field(description="macro average over the classes or labels; None for a regression")
    f1: float | None = Field(description="macro average over the classes or labels; None for a regression")
    auc: float | None = Field(description="one against the rest, macro average; None for a regression")
    auc_error: float = Field(default=0.0, ge=0, description="standard error of the auc")
    slices: Many[Slice] = ()
    confusion: ConfusionMatrix | None = Field(
        default=None, description="of a classification with at most 100 classes; None for all else"
    )
    inference_s: Estimate = Field(
        description="scaled to reference_samples examples: median over the passes; of a candidate timed in turn "
        "with its reference, the reference's inference_s times the ratio of the two"
    )
    passes_s: Many[float] = Field(min_length=1, description="seconds of each pass over the test examples, not scaled")
    reference_samples: int
    latency_ms: Latency
    cold_start: ColdStart
    conditions: Conditions
    vs_reference: SideBySide | None = Field(
        default=None, description="None for a reference, and where the reference has no result"
    )
    vs_baseline: SideBySide | None = Field(
        default=None, description="beside the stored artifact of the released run, where that was measured again"
    )
    training: Training
    preparation_s: float = Field(description="seconds that the techniques took")
    artifact: Artifact
    memory: Memory
    op_score: Score
    sampling: Named[Sampling] = Field(
        default={},
        description="of each time that a budget is on, whose sampling did not have a fixed length: inference_s, and "
        "latencies by metric",
    )
    notes: Many[str] = ()

    @model_validator(mode="after")
    def _can_be_worked_out(self) -> Result:
        """What follows from the figures is a number as well: nothing is divided by 0 or leaves the range of floats."""
        scores = (
            self.quality.value,
            self.accuracy and self.accuracy.value,
            self.recall,
            self.precision,
            self.f1,
            self.auc,
        )
        parts = [(one, part.samples) for part in self.slices for one in (part.quality, part.accuracy) if one]
        try:
            figures = (self.throughput, self.energy_j or 0.0, self.size_mb, self.deflated_mb, self.peak_memory_mb)
            counts = [(score or 0.0) * self.test_samples for score in scores]
            counts += [share.value * samples for share, samples in parts]
        except (ZeroDivisionError, OverflowError) as error:
            raise ValueError(f"what follows from its figures cannot be worked out: {error}") from None
        if not all(map(math.isfinite, (*figures, *counts))):
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
        """Images a second, from ``inference_s``."""
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
