"""A case as records hold it: checked for its form alone, so that reading one needs no registered name and no plugin."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from ..errors import CaseDefinitionError
from ..printable import shows
from .base import check_fields
from .case_ids import ID, IdParts, checked_name, named_id
from .clients import check_clients
from .preprocess import Preprocess, digest_of
from .recipe import RecipeName, check_recipe, read_augment
from .validation import first_of, reason_of

if TYPE_CHECKING:
    from typing_extensions import Self

_ID_FIELDS = ("dataset", "model", "unfreeze", "technique")
_NOT_EXTRAS = (*_ID_FIELDS, "name")
_SPLIT = re.compile(r"([1-9]\d?)-([1-9]\d?)|0-100", re.ASCII)
_SIDES = re.compile(r"([1-9]\d{0,3})x([1-9]\d{0,3})", re.ASCII)
_SIZES = (8, 2_048)


def _read_unfreeze(value: Any) -> Any:
    if value != "all" and (type(value) is not int or value < 0):
        raise ValueError("must be 'all' or at least 0 (a whole number; 1 is the new dense head)")
    return value


def _checked_split(value: str) -> str:
    parts = _SPLIT.fullmatch(value)
    if value not in ("own", "0-100") and not (parts and int(parts[1]) + int(parts[2]) == 100):
        raise ValueError("must be 'own' or train-test percentages that add up to 100, such as '70-30'")
    return value


def _read_size(value: Any) -> Any:
    """A size in its one form: ``32x32`` is 32."""
    least, most = _SIZES
    sides = image_sides(value) if isinstance(value, str) else (value, value)
    if value in ("own", "default"):
        return value
    if not (sides and all(type(side) is int and least <= side <= most for side in sides)):
        raise ValueError(
            f"must be 'own', a whole number from {least} to {most} (pixels), or height x width such as '96x128'"
        )
    return sides[0] if sides and sides[0] == sides[1] else value


def _read_classes(value: Any) -> Any:
    """The classes of a model's outputs, in their order, or for each output's name; a list of TOML is a tuple here."""
    names = [*value, *value.values()] if isinstance(value, dict) else value
    if value is None:
        return None
    if not isinstance(names, (list, tuple)) or not names or not all(type(one) is str and one for one in names):
        raise ValueError("must be a list with the class of each output, or a table from an output's name to its class")
    if unshown := next((one for one in names if not shows(one)), None):
        raise ValueError(f"{unshown!r} cannot be the name of a class or of an output: it has control characters")
    return value if isinstance(value, dict) else tuple(value)


def _read_preprocess(value: Any) -> Any:
    return Preprocess(**value) if isinstance(value, dict) and all(type(key) is str for key in value) else value


def _reads_on_one_line(value: str) -> str:
    if not value or not shows(value) or "," in value:
        raise ValueError("must be a text without commas and control characters")
    return value


Unfreeze = int | Literal["all"]
# ONNX Runtime's execution providers, by short names.
Provider = Literal["cpu", "cuda", "tensorrt", "openvino", "migraphx", "dnnl", "xnnpack", "coreml", "directml", "qnn"]
# In what OpenVINO computes what a model has in floats; auto leaves the choice to it.
NumberPrecision = Literal["f32", "f16", "bf16", "auto"]
ImageSize = Annotated[int | str, BeforeValidator(_read_size)]
Classes = tuple[str, ...] | dict[str, str]
_Text = Annotated[str, AfterValidator(_reads_on_one_line)]


class CaseRecord(BaseModel):
    """The fields of a case, with its ``id``; frozen.

    Its types, ranges and the grammar of its id are checked, its names are not: what they stood for may be gone by the
    time that a record is read. ``Case``, which users construct, checks them too. The two are equal where their fields
    are, and a record that is given a ``Case`` holds a ``CaseRecord``.

    Attributes:
        dataset: name of a data set, ``package.module:load``, a ``.npz`` file or a folder of images (``data/pets``).
        model: name of a model, ``package.module:build``, or the path of a model file or of a SavedModel folder.
        technique: a technique, or a chain of them applied left to right (``prune-0.5+cluster-64``).
        unfreeze: how many layers with weights, counted from the output, are trained (1 is the new dense head), those of
            models in the model one by one; ``all``; 0 for a complete classifier that is measured as it is.
        epochs: passes over the training examples.
        batch: examples per step, in training and in inference over the test set.
        devices: on how many devices of the node the model is trained: GPUs of one kind, or logical CPUs of TensorFlow's
            where it has no GPU. A batch is divided among them. Techniques and measuring stay on one.
        size: height and width of images, pixels, or both as in ``96x128`` (height x width); ``own``: what the model was
            made for. By default 64 for a model that is built, and ``own`` for a file.
        split: ``own`` (the data set's) or ``train-test`` in percent, such as ``70-30``; ``0-100``: all are test data.
        subset: examples in all, as many of each class to one, train to test as the split has it; None for all.
        label_skew: class shares, the same in both parts, are drawn from a symmetric Dirichlet distribution with this
            concentration (above 0; the smaller, the less even).
        quantity_skew: the largest class's size over the smallest's, exponential in between (at least 1).
        clients: among how many the training examples are divided; the test examples are everybody's.
        client: which of them the model is trained by, from 0; None for all together.
        client_label_skew: each class is divided by shares from a symmetric Dirichlet distribution with this
            concentration (above 0; the smaller, the less alike the clients); None with the next: they are alike.
        client_quantity_skew: the clients' sizes are drawn so.
        seed: of the split, the head's initial weights and the order of training.
        weights: ``imagenet``, ``none``, ``opml`` (trained on this machine by ``opml paper pretrain``), or the path of a
            checkpoint of the same architecture.
        recipe: ``standard``, or ``paper``: Adam at a constant rate and nothing else.
        augment: what is done to training images: ``none``, ``auto``, or names of it joined by ``+``.
        learning_rate: at its highest. Of this and of all that follows, None is the recipe's own figure.
        layer_decay: the rate of the network's first layer over that of its head; in between geometric.
        weight_decay: of kernels, times the rate, in each step.
        warm_up: the share of the steps in which the rate rises.
        label_smoothing: the share of a label that is spread over all classes.
        head_epochs: in which the new head alone is trained first.
        patience: epochs without a gain on held-out examples, after which training stops; None: it does not.
        name: of the model, chosen by the user, which then is the case's id; with a technique, ``NAME/technique``.
        preprocess: what is done to the pixels of images; None: as the model's file says, or nothing.
        classes: the class of the data that each of the model's outputs stands for: a list in the outputs' order, or by
            the outputs' names where the file has them; None: as the file says, or the classes of the data in order. An
            output whose class the data do not have (a background class) is wrong wherever it is chosen.
        output: name of the output that is measured, of a model with several.
        quality: what counts as the quality of the answers; None for that of the task.
        provider: ONNX Runtime's execution provider, of a finished ``.onnx`` file; None: a GPU where there is one.
        precision: in what OpenVINO computes, of a finished model of its own; None: as the file says, or ``f32``.
    """

    # a Case is handed to records, which are to hold what can be read without a registry
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, revalidate_instances="subclass-instances")

    dataset: str
    model: str
    technique: str = "baseline"
    unfreeze: Annotated[Unfreeze, BeforeValidator(_read_unfreeze)] = 1
    epochs: int = Field(default=10, ge=1, le=10_000)
    batch: int = Field(default=128, ge=1, le=65_536)
    devices: int = Field(default=1, ge=1, le=64)
    size: ImageSize = "default"
    split: Annotated[str, AfterValidator(_checked_split)] = "own"
    subset: int | None = Field(default=None, ge=2, lt=10**9)
    label_skew: float | None = Field(default=None, gt=0, le=1e6)
    quantity_skew: float | None = Field(default=None, ge=1, le=1e6)
    clients: int | None = Field(default=None, ge=1, le=10_000)
    client: int | None = Field(default=None, ge=0)
    client_label_skew: float | None = Field(default=None, gt=0, le=1e6)
    client_quantity_skew: float | None = Field(default=None, gt=0, le=1e6)
    seed: int = Field(default=0, ge=0, lt=2**31)
    weights: str = "imagenet"
    recipe: RecipeName = "standard"
    augment: Annotated[str, BeforeValidator(read_augment)] = "none"
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    layer_decay: float | None = Field(default=None, gt=0, le=1)
    weight_decay: float | None = Field(default=None, ge=0, le=1)
    warm_up: float | None = Field(default=None, ge=0, lt=1)
    label_smoothing: float | None = Field(default=None, ge=0, lt=1)
    head_epochs: int | None = Field(default=None, ge=0, le=1_000)
    patience: int | None = Field(default=None, ge=1, le=1_000)
    name: Annotated[str, AfterValidator(checked_name)] | None = None
    preprocess: Annotated[Preprocess | None, BeforeValidator(_read_preprocess)] = None
    classes: Annotated[Classes | None, BeforeValidator(_read_classes)] = None
    output: _Text | None = None
    quality: _Text | None = None
    provider: Provider | None = None
    precision: NumberPrecision | None = None
    _worked_out: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, values: Any) -> Any:
        check_fields(values)
        return values

    @field_validator("dataset", "model")
    @classmethod
    def _can_stand_in_an_id(cls, value: str) -> str:
        if set(value) & set("{},") or not shows(value):
            raise ValueError("must not contain braces, commas or control characters")
        return value

    @field_validator("technique")
    @classmethod
    def _is_one_part_of_an_id(cls, value: str) -> str:
        if "/" in value:
            raise ValueError("must not contain '/'")
        if not shows(value):
            raise ValueError("must not contain control characters")
        return value

    @field_validator("quantity_skew")
    @classmethod
    def _one_skew(cls, value: float | None, info: Any) -> float | None:
        if value is not None and info.data.get("label_skew") is not None:
            raise ValueError("label_skew and quantity_skew cannot both be set; each says how large the classes are")
        return value

    @field_validator("weights")
    @classmethod
    def _fits_an_id(cls, value: str) -> str:
        if not value or not shows(value) or "," in value:
            raise ValueError("must be 'imagenet', 'none', 'opml' or a path without commas and control characters")
        return value

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if not (self.dataset and self.model and self.technique):
            raise ValueError("dataset, model and technique must not be empty")
        check_recipe(self)
        check_clients(self)
        return self

    def __eq__(self, value: object, /) -> bool:
        """Tell whether the fields are equal; a ``Case`` and the record of it are the same case."""
        return self._as_key() == value._as_key() if isinstance(value, CaseRecord) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._as_key())

    def _as_key(self) -> tuple[Any, ...]:
        """The fields, of which a table counts in its order: it is that of the outputs."""
        return tuple(tuple(v.items()) if isinstance(v, dict) else v for v in self.__dict__.values())

    @property
    def parts(self) -> IdParts:
        """What the id is made of."""
        return cast("IdParts", self._once("parts", _parts_of))

    @property
    def id(self) -> str:
        """``dataset/model/topN/technique``, and what differs from the defaults: ``.../epochs=5,seed=1``.

        A path with a ``/`` in it stands in braces: ``digits/{models/cat.keras}/top0/baseline``. A ``Preprocess`` or
        classes stand as a digest: ``.../preprocess=3f2a91``. The id of a case with a name is ``NAME`` as trained, and
        ``NAME/technique`` else.
        """
        return cast("str", self._once("id", _id_of))

    def _once(self, name: str, work_out: Callable[[Any], Any]) -> Any:
        """Work out what every table of a run asks for; an attribute of pydantic would not be found any quicker."""
        worked_out = (self.__pydantic_private__ or {})["_worked_out"]
        if name not in worked_out:
            worked_out[name] = work_out(self)
        return worked_out[name]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other values of some fields, and with the id of those."""
        copied = super().model_copy(update=update, deep=deep)
        copied._worked_out = {}
        return copied

    def __str__(self) -> str:
        return self.id

    @property
    def reference(self) -> Self:
        """The case that this one is compared with: the same, as trained."""
        return cast("Self", self._once("reference", lambda case: case.model_copy(update={"technique": "baseline"})))

    @property
    def test_share(self) -> float | None:
        """The part of the images that is held out, or None for the data set's own split."""
        return None if self.split == "own" else int(self.split.partition("-")[2]) / 100

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the case that an ``id`` without a name and without digests stands for.

        Raises:
            CaseDefinitionError: the text is no such id, or names an impossible case; of a ``Case`` also what its
                construction raises.
        """
        try:
            return cls(**_fields_of(text, cls.model_fields))
        except ValidationError as error:
            raise CaseDefinitionError(described(error)) from None


def _parts_of(case: CaseRecord) -> IdParts:
    return IdParts(
        dataset=_in_braces(case.dataset),
        model=_in_braces(case.model),
        top="all" if case.unfreeze == "all" else f"top{case.unfreeze}",
        technique=case.technique,
        extras=tuple(
            f"{name}={_in_short(getattr(case, name))}"
            for name, field in type(case).model_fields.items()
            if name not in _NOT_EXTRAS and getattr(case, name) != field.default
        ),
    )


def _id_of(case: CaseRecord) -> str:
    if case.name is not None:
        return named_id(case.name, case.technique)
    *names, extras = case.parts
    return "/".join([*names, ",".join(extras)] if extras else names)


def image_sides(size: ImageSize) -> tuple[int, int] | None:
    """Return height and width of a case's size; None for ``own`` and for what is no size."""
    if isinstance(size, int):
        return size, size
    sides = _SIDES.fullmatch(size)
    return (int(sides[1]), int(sides[2])) if sides else None


def described(error: ValidationError) -> str:
    """Say in one line what is wrong with the fields of a case."""
    first = first_of(error)
    if first["type"] == "missing":
        return f"case: {first['loc'][0]} is required"
    where = f"{first['loc'][0]} = {first['input']!r}: " if first["loc"] else ""
    return f"case: {where}{reason_of(first)}"


def _fields_of(text: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    match = ID.fullmatch(text)
    if not match:
        raise CaseDefinitionError(f"{text!r} is no case id: dataset/model/topN/technique[/key=value,...]")
    values: dict[str, Any] = {name: match[name].strip("{}") for name in ("dataset", "model", "technique")}
    top = match["top"]
    values["unfreeze"] = top if top == "all" else int(top[3:])
    for pair in match["rest"].split(",") if match["rest"] is not None else []:
        key, equals, value = pair.partition("=")
        if not equals or key in _NOT_EXTRAS or key not in fields:
            raise CaseDefinitionError(f"case id {text!r}: {pair!r} is no key=value of a case")
        if key in ("preprocess", "classes"):
            raise CaseDefinitionError(f"case id {text!r}: {pair} is a digest, from which no case can be made")
        values[key] = _read(value, fields[key].annotation)
    return values


def _in_short(value: Any) -> str:
    if isinstance(value, Preprocess):
        return value.digest
    return digest_of(json.dumps(value)) if isinstance(value, (tuple, dict)) else str(value)


def _in_braces(name: str) -> str:
    return f"{{{name}}}" if "/" in name else name


def _read(value: str, annotation: Any) -> int | float | str:
    """Return the value of a field as its type has it; text where it has none of these forms."""
    kinds = {annotation, *get_args(annotation)}
    if int in kinds and re.fullmatch(r"\d{1,19}", value, re.ASCII):
        return int(value)
    if float in kinds and re.fullmatch(r"\d{1,19}(\.\d{1,25})?(e[+-]?\d{1,3})?", value, re.ASCII):
        return float(value)
    return value
