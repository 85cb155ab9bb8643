"""Changes to training images that leave them what they are, so that a model learns more from as many.

Sources: E. D. Cubuk et al., "RandAugment: practical automated data augmentation with a reduced search space", 2020;
H. Zhang et al., "mixup: beyond empirical risk minimization", 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .. import registry
from ..case import Case, check_augment
from ..errors import CaseDefinitionError
from ..tensors import Array, Batch, TensorSpec, arrays, mapped
from .images import CHANNELS
from .pixels import Images

_Loader = TypeVar("_Loader", bound=Callable[..., Any])
_Rows = npt.NDArray[np.float32]

PHOTOS = ("flip", "crop", "randaugment", "mixup")
# ``auto``: what changes more makes each epoch teach less, and pays where there are many.
_FEW_EPOCHS, _FOR_FEW = 30, ("flip", "crop")
# An image is shifted by up to this part of its side; what is then missing is mirrored.
_SHIFT = 1 / 8
_OPERATIONS, _MIXING = 2, 0.2


def sound(*names: str) -> Callable[[_Loader], _Loader]:
    """Decorator: what may be done to the images that a loader returns without making something else of them."""

    def mark(loader: _Loader) -> _Loader:
        loader.augmentations = names  # type: ignore[attr-defined]
        return loader

    return mark


def augmentations_of(case: Case) -> tuple[str, ...]:
    """Return what is done to the training images of a case, in the order in which it is done.

    Raises:
        CaseDefinitionError: it is not sound for the data set.
    """
    if case.augment == "none":
        return ()
    allowed: Sequence[str] | None
    if registry.is_path("dataset", case.dataset):
        allowed = None if case.dataset.endswith(".npz") else PHOTOS
    else:
        allowed = getattr(registry.get("dataset", case.dataset), "augmentations", None)
    check_augment(case.augment, case.dataset, allowed)
    if case.augment != "auto":
        return tuple(case.augment.split("+"))
    return tuple(name for name in allowed or () if name in _FOR_FEW or case.epochs >= _FEW_EPOCHS)


def check_images(case: Case, specs: Sequence[TensorSpec]) -> None:
    """Check that the examples of a case that asks for augmentation are images.

    Args:
        case: names what is done.
        specs: of the examples, as the model takes them.

    Raises:
        CaseDefinitionError: they are none, or are worked out already where whole pixels are needed.
    """
    names = augmentations_of(case)
    if not names:
        return
    shape = specs[0].shape
    if len(specs) != 1 or len(shape) != 3 or shape[2] not in CHANNELS or specs[0].dtype == "string":
        has = "; ".join(map(str, specs))
        raise CaseDefinitionError(
            f"case: augment = {case.augment!r}: changes images (height, width, channels), the data are {has}"
        )
    if "randaugment" in names and (specs[0].dtype != "uint8" or shape[2] == 4):
        raise CaseDefinitionError(
            f"case: augment = {case.augment!r}: randaugment takes pixels of 8 bits, grey or colour, the data are "
            f"{specs[0]}; write another"
        )


class Augmentation:
    """Changes batches of images, each time in another way; all of it follows from the seed.

    Args:
        names: of ``flip``, ``crop``, ``randaugment`` and ``mixup``.
        seed: of what is drawn.
    """

    def __init__(self, names: Sequence[str], seed: int) -> None:
        self.names = tuple(names)
        self._random = np.random.default_rng((seed, 0xA06))

    @property
    def mixes(self) -> bool:
        """Whether labels are mixed, so that they have to be rows of shares."""
        return "mixup" in self.names

    def __call__(self, batch: Batch, rows: Any) -> tuple[Batch, Any]:
        """Return examples and the rows of their targets, changed."""
        return self.mixed(self.changed(batch), rows)

    def changed(self, batch: Batch) -> Batch:
        """Return images (n, height, width, channels) each changed in itself, of the same dtype."""
        changed: Batch = mapped(self._changed, batch)
        return changed

    def mixed(self, batch: Batch, rows: Any) -> tuple[Batch, Any]:
        """Return each example mixed with another of the batch, and its targets likewise."""
        count = len(arrays(batch)[0])
        if not self.mixes or count < 2:
            return batch, rows
        share, order = float(self._random.beta(_MIXING, _MIXING)), self._random.permutation(count)

        def mix(array: Array) -> Array:
            values = share * array.astype(np.float32) + (1 - share) * array[order].astype(np.float32)
            return np.rint(values).astype(array.dtype) if array.dtype.kind in "iu" else values.astype(array.dtype)

        return mapped(mix, batch), mix(rows)

    def _changed(self, images: Images) -> Images:
        if "flip" in self.names:
            flipped = self._random.random(len(images)) < 0.5
            images = np.where(flipped[:, None, None, None], images[:, :, ::-1], images)
        if "crop" in self.names:
            images = self._shifted(images)
        if "randaugment" in self.names:
            images = np.stack([self._operated(image) for image in images])
        return np.ascontiguousarray(images)

    def _shifted(self, images: Images) -> Images:
        height, width = images.shape[1:3]
        most = max(1, round(height * _SHIFT)), max(1, round(width * _SHIFT))
        padded = np.pad(images, ((0, 0), (most[0],) * 2, (most[1],) * 2, (0, 0)), mode="reflect")
        tops = self._random.integers(0, 2 * most[0] + 1, len(images))
        lefts = self._random.integers(0, 2 * most[1] + 1, len(images))
        shifted = np.empty_like(images)
        for place, (top, left) in enumerate(zip(tops, lefts, strict=True)):
            shifted[place] = padded[place, top : top + height, left : left + width]
        return shifted

    def _operated(self, image: Images) -> Images:
        """Two of RandAugment's operations on one image, each about as strong as a third of what it may be."""
        from PIL import Image

        is_grey = image.shape[2] == 1
        picture = Image.fromarray(image[..., 0] if is_grey else image)
        for operation in self._random.choice(len(_CHANGES), _OPERATIONS):
            picture = _CHANGES[operation](picture, float(self._random.uniform(-1, 1)))
        pixels = np.asarray(picture)
        return pixels[..., None] if is_grey else pixels


def _affine(picture: Any, a: float, b: float, c: float, d: float, e: float, f: float) -> Any:
    from PIL import Image

    grey = 127 if picture.mode == "L" else (127, 127, 127)
    coefficients = (a, b, c, d, e, f)
    return picture.transform(
        picture.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR, fillcolor=grey
    )


def _rotated(picture: Any, strength: float) -> Any:
    from PIL import Image

    grey = 127 if picture.mode == "L" else (127, 127, 127)
    return picture.rotate(15 * strength, Image.Resampling.BILINEAR, fillcolor=grey)


def _sheared_x(picture: Any, strength: float) -> Any:
    shear = 0.15 * strength
    return _affine(picture, 1, shear, -shear * picture.height / 2, 0, 1, 0)


def _sheared_y(picture: Any, strength: float) -> Any:
    shear = 0.15 * strength
    return _affine(picture, 1, 0, 0, shear, 1, -shear * picture.width / 2)


def _enhanced(name: str) -> Callable[[Any, float], Any]:
    def enhance(picture: Any, strength: float) -> Any:
        from PIL import ImageEnhance

        return getattr(ImageEnhance, name)(picture).enhance(1 + 0.5 * strength)

    return enhance


def _operation(name: str) -> Callable[[Any, float], Any]:
    def operate(picture: Any, strength: float) -> Any:
        from PIL import ImageOps

        if name == "posterize":
            return ImageOps.posterize(picture, 6 if strength < 0 else 5)
        return getattr(ImageOps, name)(picture)

    return operate


_CHANGES: tuple[Callable[[Any, float], Any], ...] = (
    lambda picture, strength: picture,  # noqa: ARG005 - nothing is one of RandAugment's operations
    *map(_operation, ("autocontrast", "equalize", "posterize")),
    *map(_enhanced, ("Color", "Contrast", "Brightness", "Sharpness")),
    _rotated,
    _sheared_x,
    _sheared_y,
)
