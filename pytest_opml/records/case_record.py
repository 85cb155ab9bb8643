"""A case as records hold it: checked for its form alone, so that reading one needs no registered name and no plugin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ..errors import CaseDefinitionError

if TYPE_CHECKING:
    from typing_extensions import Self

Unfreeze = int | Literal["all"]
ImageSize = int | str

_ID_FIELDS = ("dataset", "model", "unfreeze", "technique")
_SPLIT = re.compile(r"([1-9]\d?)-([1-9]\d?)|0-100", re.ASCII)
_SIDES = re.compile(r"([1-9]\d{0,3})x([1-9]\d{0,3})", re.ASCII)
_SIZES = (8, 2_048)
_NAME = r"(?:[^/{}]+|\{[^{}]+\})"
_ID = re.compile(
    rf"(?P<dataset>{_NAME})/(?P<model>{_NAME})/(?P<top>all|top\d{{1,999}})/(?P<technique>[^/]+)(?:/(?P<rest>.*))?",
    re.ASCII | re.DOTALL,
)


class IdParts(NamedTuple):
    """The parts of a case's id; ``extras`` are the fields that differ from their defaults, as ``name=value``."""

    dataset: str
    model: str
    top: str
    technique: str
    extras: tuple[str, ...]


class CaseRecord(BaseModel):
    """The fields of a case, with its ``id``; frozen.

    Its types, ranges and the grammar of its id are checked, its names are not: what they stood for may be gone by the
    time that a record is read. ``Case``, which users construct, checks them too. The two are equal where their fields
    are, and a record that is given a ``Case`` holds a ``CaseRecord``.

    Attributes:
        dataset: name of a data set, ``package.module:load``, a ``.npz`` file or a folder of images (``data/pets``).
        model: name of a model, ``package.module:build``, or the path of a model file or of a SavedModel folder.
        technique: a technique, or a chain of them applied left to right (``prune-0.5+cluster-64``).
        unfreeze: how many layers with weights, counted from the output, are trained (1 is the new dense head); ``all``;
            0 for a complete classifier that is measured as it is.
        epochs: passes over the training images.
        batch: images per step, in training and in inference over the test set.
        size: height and width of images, pixels, or both as in ``96x128`` (height x width); ``own``: what the model was
            made for, which is 64 for one that is built for any size.
        split: ``own`` (the data set's) or ``train-test`` in percent, such as ``70-30``; ``0-100``: all are test data.
        subset: images in all, as many of each class to one, train to test as the split has it; None for all.
        label_skew: class shares, the same in both parts, are drawn from a symmetric Dirichlet distribution with this
            concentration (above 0; the smaller, the less even).
        quantity_skew: the largest class's size over the smallest's, exponential in between (at least 1).
        seed: of the split, the head's initial weights and the order of training.
        weights: ``imagenet``, ``none``, or the path of a checkpoint of the same architecture.
    """

    # a Case is handed to records, which are to hold what can be read without a registry
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, revalidate_instances="subclass-instances")

    dataset: str
    model: str
    technique: str = "baseline"
    unfreeze: Unfreeze = 1
    epochs: int = Field(default=10, ge=1, le=10_000)
    batch: int = Field(default=128, ge=1, le=65_536)
    size: ImageSize = "own"
    split: str = "own"
    subset: int | None = Field(default=None, ge=2, lt=10**9)
    label_skew: float | None = Field(default=None, gt=0, le=1e6)
    quantity_skew: float | None = Field(default=None, ge=1, le=1e6)
    seed: int = Field(default=0, ge=0, lt=2**31)
    weights: str = "imagenet"

    @field_validator("dataset", "model")
    @classmethod
    def _can_stand_in_an_id(cls, value: str) -> str:
        if set(value) & set("{},") or not value.isprintable():
            raise ValueError("must not contain braces, commas or control characters")
        return value

    @field_validator("technique")
    @classmethod
    def _is_one_part_of_an_id(cls, value: str) -> str:
        if "/" in value:
            raise ValueError("must not contain '/'")
        if not value.isprintable():
            raise ValueError("must not contain control characters")
        return value

    @field_validator("unfreeze", mode="before")
    @classmethod
    def _counts_layers(cls, value: Any) -> Any:
        if value != "all" and (type(value) is not int or value < 0):
            raise ValueError("must be 'all' or at least 0 (a whole number; 1 is the new dense head)")
        return value

    @field_validator("size", mode="before")
    @classmethod
    def _is_a_size(cls, value: Any) -> Any:
        least, most = _SIZES
        sides = image_sides(value) if isinstance(value, str) else (value, value)
        if value != "own" and not (sides and all(type(side) is int and least <= side <= most for side in sides)):
            form = "a whole number, or height x width such as '96x128'"
            raise ValueError(f"must be 'own', {form}, from {least} to {most} (pixels)")
        return sides[0] if sides and sides[0] == sides[1] else value

    @field_validator("split")
    @classmethod
    def _split_is_valid(cls, value: str) -> str:
        parts = _SPLIT.fullmatch(value)
        if value not in ("own", "0-100") and not (parts and int(parts[1]) + int(parts[2]) == 100):
            raise ValueError("must be 'own' or train-test percentages that add up to 100, such as '70-30'")
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
        if not value or not value.isprintable() or "," in value:
            raise ValueError("must be 'imagenet', 'none' or a path without commas and control characters")
        return value

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if not (self.dataset and self.model and self.technique):
            raise ValueError("dataset, model and technique must not be empty")
        return self

    def __eq__(self, value: object, /) -> bool:
        """Tell whether the fields are equal; a ``Case`` and the record of it are the same case."""
        return self.__dict__ == value.__dict__ if isinstance(value, CaseRecord) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    @property
    def parts(self) -> IdParts:
        """What the id is made of."""
        return IdParts(
            dataset=_in_braces(self.dataset),
            model=_in_braces(self.model),
            top="all" if self.unfreeze == "all" else f"top{self.unfreeze}",
            technique=self.technique,
            extras=tuple(
                f"{name}={getattr(self, name)}"
                for name, field in type(self).model_fields.items()
                if name not in _ID_FIELDS and getattr(self, name) != field.default
            ),
        )

    @property
    def id(self) -> str:
        """``dataset/model/topN/technique``, and what differs from the defaults: ``.../epochs=5,seed=1``.

        A path with a ``/`` in it stands in braces: ``digits/{models/cat.keras}/top0/baseline``.
        """
        *names, extras = self.parts
        return "/".join([*names, ",".join(extras)] if extras else names)

    def __str__(self) -> str:
        return self.id

    @property
    def reference(self) -> Self:
        """The case that this one is compared with: the same, as trained."""
        return self.model_copy(update={"technique": "baseline"})

    @property
    def test_share(self) -> float | None:
        """The part of the images that is held out, or None for the data set's own split."""
        return None if self.split == "own" else int(self.split.partition("-")[2]) / 100

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the case that an ``id`` names.

        Raises:
            CaseDefinitionError: the text is no id, or names an impossible case; of a ``Case`` also what its
                construction raises.
        """
        try:
            return cls(**_fields_of(text, cls.model_fields))
        except ValidationError as error:
            raise CaseDefinitionError(described(error)) from None


def image_sides(size: ImageSize) -> tuple[int, int] | None:
    """Return height and width of a case's size; None for ``own`` and for what is no size."""
    if isinstance(size, int):
        return size, size
    sides = _SIDES.fullmatch(size)
    return (int(sides[1]), int(sides[2])) if sides else None


def described(error: ValidationError) -> str:
    """Say in one line what is wrong with the fields of a case."""
    first = error.errors()[0]
    context = first.get("ctx") or {}
    where = f"{first['loc'][0]} = {first['input']!r}: " if first["loc"] else ""
    return f"case: {where}{context['error'] if 'error' in context else first['msg']}"


def _fields_of(text: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    match = _ID.fullmatch(text)
    if not match:
        raise CaseDefinitionError(f"{text!r} is no case id: dataset/model/topN/technique[/key=value,...]")
    values: dict[str, Any] = {name: match[name].strip("{}") for name in ("dataset", "model", "technique")}
    top = match["top"]
    values["unfreeze"] = top if top == "all" else int(top[3:])
    for pair in match["rest"].split(",") if match["rest"] is not None else []:
        key, equals, value = pair.partition("=")
        if not equals or key in _ID_FIELDS or key not in fields:
            raise CaseDefinitionError(f"case id {text!r}: {pair!r} is no key=value of a case")
        values[key] = _read(value, fields[key].annotation)
    return values


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
