"""How a finished model wants its images: what is done to the pixels of a data set before the model takes them."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from ..errors import CaseDefinitionError
from .base import Many, Record
from .validation import first_of, reason_of

Channels = Literal["rgb", "bgr", "grey"]
Layout = Literal["nhwc", "nchw"]
Resize = Literal["stretch", "crop", "pad"]
Interpolation = Literal["bilinear", "bicubic", "nearest"]
Figures = float | Many[float]

_COUNTS: dict[Channels, int] = {"rgb": 3, "bgr": 3, "grey": 1}


class Preprocess(Record):
    """What is done to an image: it is decoded, resized, its channels put in order, then each pixel worked out.

    ``value = (pixel * scale - mean) / std``, a pixel being 0 to 255, in float32 and in this order. Where none of the
    three is set, pixels stay as they are.

    Attributes:
        scale: what a pixel is multiplied by, such as ``1/255``; a number, or one for each channel.
        mean: what is then subtracted; likewise, in the order in which the model takes the channels.
        std: what the difference is then divided by; likewise, none of them 0.
        channels: ``rgb``, ``bgr`` or ``grey``; None for the number that the model takes, in the order red, green, blue.
        layout: ``nhwc`` or ``nchw``, where the channels stand; None for what the model's input says.
        resize: ``stretch`` to the model's height and width; ``crop`` the middle after the image was resized to cover
            both; ``pad`` with 0 on both sides after it was resized to fit into both.
        crop_share: with ``crop``: the model's height and width as a share of those that the image was resized to cover,
            such as ``0.875`` for 224 of 256.
        interpolation: of resizing: ``bilinear`` or ``bicubic`` as Pillow has them, which average where images shrink;
            or ``nearest``.

    Raises:
        CaseDefinitionError: a value is not allowed; one line says which, and what is.
    """

    model_config = ConfigDict(strict=True)

    scale: Figures = 1.0
    mean: Figures = 0.0
    std: Figures = 1.0
    channels: Channels | None = None
    layout: Layout | None = None
    resize: Resize = "stretch"
    crop_share: float = Field(default=1.0, gt=0, le=1)
    interpolation: Interpolation = "bilinear"

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise CaseDefinitionError(_described(error)) from None

    @field_validator("scale", "mean", "std", mode="before")
    @classmethod
    def _is_a_number_or_one_for_each_channel(cls, value: Any) -> Any:
        figures = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        if not figures or any(isinstance(one, bool) or not isinstance(one, (int, float)) for one in figures):
            raise ValueError("must be a number, or a list with one number for each channel")
        return tuple(map(float, figures)) if isinstance(value, (list, tuple)) else float(value)

    @field_validator("scale", "std")
    @classmethod
    def _is_not_0(cls, value: Figures) -> Figures:
        if 0.0 in (value if isinstance(value, tuple) else (value,)):
            raise ValueError("must not be 0")
        return value

    @field_validator("crop_share", mode="before")
    @classmethod
    def _is_a_number(cls, value: Any) -> Any:
        return float(value) if type(value) is int else value

    @model_validator(mode="after")
    def _fits_together(self) -> Preprocess:
        counts = {len(value) for value in (self.scale, self.mean, self.std) if isinstance(value, tuple)}
        if self.channels:
            counts.add(_COUNTS[self.channels])
        if len(counts) > 1:
            raise ValueError("scale, mean and std must each be a number or have one for each channel, as many for each")
        if self.crop_share != 1 and self.resize != "crop":
            raise ValueError(f'crop_share = {self.crop_share:g} goes with resize="crop", not with "{self.resize}"')
        return self

    @property
    def is_arithmetic(self) -> bool:
        """Whether pixels are worked out, and become float32."""
        return (self.scale, self.mean, self.std) != (1.0, 0.0, 1.0)

    @property
    def channel_count(self) -> int | None:
        """How many channels it makes; None where it leaves that to the model."""
        if self.channels:
            return _COUNTS[self.channels]
        lists = (value for value in (self.scale, self.mean, self.std) if isinstance(value, tuple))
        return next(map(len, lists), None)

    @property
    def digest(self) -> str:
        """Six hexadecimal digits that stand for it in an id."""
        return digest_of(self.model_dump_json())


def digest_of(text: str) -> str:
    """Return six hexadecimal digits that stand for a text in an id."""
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def _described(error: ValidationError) -> str:
    first = first_of(error)
    reason = reason_of(first)
    if first["type"] == "extra_forbidden":
        reason = f"is no part of it; known: {', '.join(Preprocess.model_fields)}"
    where = f"{first['loc'][0]} = {first['input']!r}: " if first["loc"] else ""
    return f"preprocess: {where}{reason}"
