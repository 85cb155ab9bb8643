"""The role of a technique, and what one hands to the next."""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, get_args, get_origin

import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from ..case import Case
from ..datasets.augmentation import augmentations_of
from ..datasets.splits import InputSet, Labels
from ..errors import CaseDefinitionError
from ..measure.arithmetic import NumberFormat
from ..models.batches import OnStep
from ..models.fine_tuning import FineTuning, FineTuningPlan, Statistics, fine_tune
from ..models.learner import Teacher
from ..models.losses import Loss
from ..records.case_record import Unfreeze
from ..records.result import Training
from ..records.validation import first_of, reason_of
from ..tensors import DataSpec
from .model_function import Precision

if TYPE_CHECKING:
    import keras
    from pydantic.fields import FieldInfo
    from typing_extensions import Self

    from ..records.device import Device

_WHOLE = re.compile(r"0|[1-9]\d{0,17}")

Changes = dict[str, float | int | str]


@dataclass(frozen=True)
class ModelState:
    """A model on its way to a file.

    Attributes:
        model: the Keras model as it is now.
        float16_weights: store floating-point weights as float16.
        deflate: store with DEFLATE.
        packed: store weights of few digits in as few bits as they need, and the file with bzip2.
        flatbuffer: a finished file of another format, after which there is no Keras model to go on with.
        suffix: of the file.
        beside: where the format is a folder of files, those beside the one in ``flatbuffer``, by their names.
        training_s: seconds that the techniques so far spent on training.
        changes: what the techniques so far changed, for the record.
    """

    model: keras.Model
    float16_weights: bool = False
    deflate: bool = False
    packed: bool = False
    flatbuffer: bytes | None = None
    suffix: str = ".keras"
    beside: Mapping[str, bytes] = field(default_factory=dict)
    training_s: float = 0.0
    changes: Changes = field(default_factory=dict)


class TrainedModel(NamedTuple):
    """A trained model in a ``.keras`` file of the cache, and how it was trained."""

    file: Path
    training: Training

    def load(self) -> keras.Model:
        """Load a copy of its own for the caller."""
        from ..runtimes.keras_graph import load_keras

        return load_keras(self.file)


class OtherModel(NamedTuple):
    """A model besides the case's own, trained on the same data in the same way but for the layers unfrozen."""

    name: str
    unfreeze: Unfreeze | None = None


@dataclass(frozen=True)
class TrainingContext:
    """What a technique may use besides the model; nothing of the test part.

    Attributes:
        case: that the model was trained for.
        x_train: the training examples, as the model takes them.
        y_train: their labels, in the form of the task.
        spec: what a model must take and give for these data.
        trained: gives another model, trained.
        original: gives the trained model of the case, as it was before any technique; it must not be changed.
    """

    case: Case
    x_train: InputSet
    y_train: Labels
    spec: DataSpec
    trained: Callable[[OtherModel], TrainedModel]
    original: Callable[[], keras.Model]

    def fine_tune(
        self,
        model: Any,
        *,
        epochs: int,
        learning_rate: float,
        top: Unfreeze = "all",
        teach: bool | Teacher = True,
        statistics: Statistics = "fixed",
        on_step: OnStep | None = None,
        settled: float = 0.0,
        targets: npt.NDArray[Any] | None = None,
        loss: Loss | None = None,
    ) -> FineTuning:
        """Train a model on, from the weights it has, on the training examples; see ``models.fine_tuning.fine_tune``.

        Args:
            model: changed in place; a variable with a ``constraint`` keeps to it.
            epochs: passes over the examples, at the most.
            learning_rate: of AdamW at its highest.
            top: how many layers with weights, counted from the output, are trained.
            teach: the trained model of the case, or another teacher, is asked besides the labels.
            statistics: of batch normalisation that was trained before; ``batch``: learnt anew, where what feeds it is
                another network than before.
            on_step: called before each step with its number, from 0, and the count of all: for gradual schedules.
            settled: the share of the steps before which training does not stop and no weights are taken for the best.
            targets: what ``loss`` takes, one row an example; by default the labels.
            loss: of targets and the model's answers instead of its own, without a teacher.

        Returns:
            What it took; the model then has the weights with the least loss on held-out training examples.
        """
        teacher = teach if isinstance(teach, Teacher) else None
        if teach is True and loss is None and epochs:
            teacher = Teacher(self.original())
        plan = FineTuningPlan(
            epochs=epochs,
            batch=self.case.batch,
            seed=self.case.seed,
            learning_rate=learning_rate,
            top=top,
            task=self.spec.task,
            teacher=teacher,
            statistics=statistics,
            on_step=on_step,
            settled=settled,
            loss=loss,
            augment=augmentations_of(self.case),
        )
        return fine_tune(model, self.x_train, self.y_train if targets is None else targets, plan)


def _option(name: str, field: FieldInfo) -> str:
    """An option with its default, as it is written in a chain."""
    if field.is_required() or field.default is None:
        return name
    if isinstance(field.default, bool):
        return f"{name}={'yes' if field.default else 'no'}"
    return f"{name}={field.default:g}" if isinstance(field.default, float) else f"{name}={field.default}"


def _meaning(field: FieldInfo) -> str:
    choices = ", ".join(map(str, get_args(field.annotation))) if get_origin(field.annotation) is Literal else ""
    return ": ".join(filter(None, [field.description, choices]))


def shortened(text: str, most: int = 80) -> str:
    """Return the text, or its beginning where it is too long for a message of one line."""
    return text if len(text) <= most else f"{text[:most]}..."


class Technique(BaseModel, ABC):
    """One step of a chain. Its fields are its options; to override: ``apply``, and what has a default.

    ``cluster-256,skip=ends`` is the technique ``cluster`` with its argument and one option; ``distill:resnet50`` is one
    whose argument is a model.

    Attributes:
        argument: name of the field that stands behind the technique's name, None where nothing does.
        separator: what stands between them: ``-``, or ``:`` before a model.
        ends_chain: nothing can follow, since the result is no Keras model any more.
        preserves_answers: the precision to which the model answers as before, where the step claims that; each run
            compares the answers and refuses a step that does not do as it says. None where it changes them on purpose.
        computes_in: the runtime and number format of the model after the step, whose speed on this hardware goes into
            the record; None for float32.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    argument: ClassVar[str | None] = None
    separator: ClassVar[str] = "-"
    ends_chain: ClassVar[bool] = False
    preserves_answers: ClassVar[Precision | None] = None
    computes_in: ClassVar[NumberFormat | None] = None

    @classmethod
    def parse(cls, name: str, separator: str, argument: str | None, options: dict[str, str]) -> Self:
        """Parse a technique as it is written in a chain.

        Raises:
            CaseDefinitionError: the argument is missing, not wanted or not allowed, or an option is.
        """
        given = "".join(f",{key}={value}" for key, value in options.items())
        written = shortened(f"{name}{separator}{argument or ''}{given}")
        values: dict[str, Any] = dict(options)
        if argument is not None and (cls.argument is None or separator != cls.separator):
            wanted = f"it is written {cls.usage(name)}" if cls.argument else "it takes no argument"
            raise CaseDefinitionError(f"technique {written}: {wanted}")
        if cls.argument is not None:
            if cls.argument in options:
                raise CaseDefinitionError(f"technique {written}: it is written {cls.usage(name)}")
            if argument is not None:
                values[cls.argument] = argument
        try:
            return cls(**values)
        except ValidationError as error:
            raise CaseDefinitionError(f"technique {written}: {cls._reason(name, error)}") from None

    @classmethod
    def usage(cls, name: str) -> str:
        """Return how it is written in a chain, its options aside: ``cluster-CLUSTERS``."""
        return f"{name}{cls.separator}{cls.argument.upper()}" if cls.argument else name

    @classmethod
    def summary(cls) -> str:
        """Return the first line of its docstring, without the name."""
        first = inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]
        text = (first.partition("``: ")[2] or first).replace("``", "")
        return text[:1].upper() + text[1:]

    @classmethod
    def described_options(cls) -> list[tuple[str, str]]:
        """Its argument and then its options with their defaults, and what they are."""
        return [(_option(name, field), _meaning(field)) for name, field in cls.model_fields.items()]

    @classmethod
    def _reason(cls, name: str, error: ValidationError) -> str:
        first = first_of(error)
        key = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "missing":
            described = cls.model_fields[key].description
            return f"it is written {cls.usage(name)}" + (f" ({described})" if described else "")
        if first["type"] == "extra_forbidden":
            options = sorted(option for option in cls.model_fields if option != cls.argument)
            return f"unknown option {key!r}; known: {', '.join(options) or 'none'}"
        described = cls.model_fields[key].description if key in cls.model_fields else None
        shown = f"{key} ({described})" if described else key
        return f"{shown}: {reason_of(first)}, not {shortened(repr(first['input']))}"

    @field_validator("*", mode="before")
    @classmethod
    def _is_written_plainly(cls, value: Any, info: ValidationInfo) -> Any:
        """One way to write each number, since the text is part of the case's id."""
        kinds = cls.model_fields[info.field_name or ""].annotation
        whole = int in (kinds, *get_args(kinds)) and float not in (kinds, *get_args(kinds))
        if isinstance(value, str) and (value != value.strip() or not value.isascii()):
            raise ValueError("must be written without spaces, in ASCII")
        if whole and isinstance(value, str) and re.fullmatch(r"[+-]?\d[\d._]*", value) and not _WHOLE.fullmatch(value):
            raise ValueError("must be a whole number")
        return value

    def training_policy(self, device: Device) -> str:  # noqa: ARG002 - for those that override it
        """Keras' dtype policy that the model is trained under on a device, where this is the first of a chain."""
        return "float32"

    def preserved_precision(self) -> Precision | None:
        """The precision to which the model answers as before, where it depends on the options."""
        return self.preserves_answers

    def number_format(self) -> NumberFormat | None:
        """Return what the model computes in after the step, where it depends on the options; see ``computes_in``."""
        return self.computes_in

    def other_models(self) -> tuple[OtherModel, ...]:
        """Return the models that ``apply`` asks ``TrainingContext.trained`` for."""
        return ()

    def needs_device(self) -> bool:
        """Return whether it must run on the device that the artifact is for, as what times the model there must."""
        return False

    def trains(self) -> bool:
        """Return whether it trains the model on; by default its options ``epochs`` and ``finetune`` say so."""
        return any(getattr(self, name, 0) for name in ("epochs", "finetune"))

    @abstractmethod
    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """Apply this step to a model, and return its state after it, with what was changed added to ``changes``.

        Args:
            state: of the model so far. Its Keras model may be changed in place.
            context: the case, the training images, and other trained models.

        Raises:
            TechniqueError: it cannot be applied to this model, or would change nothing.
        """
