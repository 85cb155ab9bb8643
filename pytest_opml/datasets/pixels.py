"""The pixels of images: channels, size, and the arithmetic that a model wants, as a ``Preprocess`` says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..records.preprocess import Interpolation, Preprocess

Images = npt.NDArray[Any]

# Luma of ITU-R BT.601, which Pillow has for grey too.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def with_channels(images: Images, channels: int) -> Images:
    """Return images (..., c) with as many channels: grey in each of three, colour as its luma, transparency dropped."""
    given = images.shape[-1]
    if given == channels:
        return images
    if given == 4:
        return with_channels(images[..., :3], channels)
    if given == 1:
        return np.broadcast_to(images, (*images.shape[:-1], channels))
    luma = images[..., :3].astype(np.float32) @ _LUMA
    return _as_dtype(luma, images.dtype)[..., None]


def is_resized(sides: tuple[int, ...], height: int, width: int, treatment: Preprocess | None) -> bool:
    """Tell whether ``resized`` does anything to images of this height and width."""
    return sides != (height, width) or (treatment is not None and treatment.crop_share != 1)


def resized(image: Images, height: int, width: int, treatment: Preprocess | None = None) -> Images:
    """Return an image (h, w, c) as (height, width, c), of the same dtype.

    Without a treatment it is stretched, bilinearly, with antialiasing where it becomes smaller. With one, images of 8
    bits are resized bit by bit as Pillow does, and with it torchvision.
    """
    if not is_resized(image.shape[:2], height, width, treatment):
        return image
    if treatment is None:
        return _in_floats(image, height, width, "bilinear")
    scaled = _in_8_bits if image.dtype == np.uint8 else _in_floats
    if treatment.resize == "stretch":
        return scaled(image, height, width, treatment.interpolation)
    if treatment.resize == "crop":
        inner = _covering(image.shape[:2], height, width, treatment.crop_share)
        return _centre(scaled(image, *inner, treatment.interpolation), height, width)
    inner = _fitting(image.shape[:2], height, width)
    return _padded(scaled(image, *inner, treatment.interpolation), height, width)


def _covering(sides: tuple[int, ...], height: int, width: int, share: float) -> tuple[int, int]:
    """The size of an image that just covers what is then cut: torchvision's ``Resize`` of its shorter side."""
    least_height, least_width = max(height, math.floor(height / share)), max(width, math.floor(width / share))
    if least_height * sides[1] >= least_width * sides[0]:
        return least_height, least_height * sides[1] // sides[0]
    return least_width * sides[0] // sides[1], least_width


def _fitting(sides: tuple[int, ...], height: int, width: int) -> tuple[int, int]:
    """The size of an image that just fits into what is then padded."""
    if height * sides[1] <= width * sides[0]:
        return height, max(1, round(height * sides[1] / sides[0]))
    return max(1, round(width * sides[0] / sides[1])), width


def _centre(image: Images, height: int, width: int) -> Images:
    """The middle of an image; of an odd rest as torchvision's ``CenterCrop`` has it."""
    top, left = round((image.shape[0] - height) / 2), round((image.shape[1] - width) / 2)
    return image[top : top + height, left : left + width]


def _padded(image: Images, height: int, width: int) -> Images:
    out = np.zeros((height, width, image.shape[2]), image.dtype)
    top, left = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
    out[top : top + image.shape[0], left : left + image.shape[1]] = image
    return out


def _in_8_bits(image: Images, height: int, width: int, interpolation: Interpolation) -> Images:
    from PIL import Image

    if image.shape[:2] == (height, width):
        return image
    method = Image.Resampling[interpolation.upper()]
    if image.shape[2] == 3:
        return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((width, height), method))
    planes = (Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(image, -1, 0))
    return np.stack([np.asarray(plane.resize((width, height), method)) for plane in planes], axis=-1)


def _in_floats(image: Images, height: int, width: int, interpolation: Interpolation) -> Images:
    from PIL import Image

    out = np.empty((height, width, image.shape[2]), dtype=np.float32)
    for channel in range(image.shape[2]):  # as floats, for Pillow rounds 8 bits twice
        plane = Image.fromarray(image[..., channel].astype(np.float32))
        out[..., channel] = np.asarray(plane.resize((width, height), Image.Resampling[interpolation.upper()]))
    return _as_dtype(out, image.dtype)


def worked_out(images: Images, treatment: Preprocess) -> Images:
    """Return images (..., c) with their channels in the order that the model takes, and their pixels worked out.

    Pixels are float32 where the treatment has any arithmetic, and else of the dtype that they had.
    """
    ordered = images[..., ::-1] if treatment.channels == "bgr" else images
    if not treatment.is_arithmetic:
        return ordered
    values = np.multiply(ordered, np.asarray(treatment.scale, np.float32), dtype=np.float32)
    values -= np.asarray(treatment.mean, np.float32)
    values /= np.asarray(treatment.std, np.float32)
    return values


def _as_dtype(values: npt.NDArray[np.float32], dtype: np.dtype[Any]) -> Images:
    if dtype.kind not in "iu":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
