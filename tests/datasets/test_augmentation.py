from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.datasets.augmentation import Augmentation, augmentations_of, check_images, sound
from pytest_opml.errors import CaseDefinitionError
from pytest_opml.tensors import TensorSpec

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 24, 3)).astype(np.uint8)
ROWS = np.eye(40, dtype=np.float32)


def case(augment: str, **fields: Any) -> Case:
    return Case(**{"dataset": "cifar10", "model": "small_cnn", "augment": augment} | fields)


@sound("crop")
def own_loader(data_dir: Any) -> None: ...


@pytest.mark.parametrize("names", [("flip",), ("crop",), ("randaugment",), ("mixup",), ("flip", "crop", "mixup")])
def test_all_that_is_drawn_follows_from_the_seed(names: tuple[str, ...]) -> None:
    one, same, other = (Augmentation(names, seed)(IMAGES, ROWS) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0], other[0])
    assert (one[0].shape, one[0].dtype) == (IMAGES.shape, np.uint8)
    augmentation = Augmentation(names, 0)
    assert not np.array_equal(augmentation(IMAGES, ROWS)[0], augmentation(IMAGES, ROWS)[0])


def test_a_flip_is_of_left_and_right() -> None:
    changed = Augmentation(("flip",), 0).changed(IMAGES)
    flipped = (changed == IMAGES[:, :, ::-1]).all(axis=(1, 2, 3))
    assert ((changed == IMAGES).all(axis=(1, 2, 3)) | flipped).all()
    assert 10 < flipped.sum() < 30


def test_a_crop_shifts_an_image_and_mirrors_what_is_missing() -> None:
    changed = Augmentation(("crop",), 0).changed(IMAGES)
    padded = np.pad(IMAGES, ((0, 0), (2, 2), (3, 3), (0, 0)), mode="reflect")
    shifts = set()
    for image, border in zip(changed, padded, strict=True):
        places = [(y, x) for y in range(5) for x in range(7) if (border[y : y + 16, x : x + 24] == image).all()]
        assert places
        shifts.add(places[0])
    assert len(shifts) > 10


def test_randaugment_leaves_an_image_much_like_it_was() -> None:
    smooth = np.broadcast_to(np.linspace(0, 255, 24, dtype=np.uint8)[None, None, :, None], IMAGES.shape)
    for images in (smooth, smooth[..., :1]):
        changed = Augmentation(("randaugment",), 0).changed(images)
        assert changed.shape == images.shape
        assert (changed != images).any(axis=(1, 2, 3)).sum() > 20
        likeness = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(changed, images, strict=True)]
        assert np.median(likeness) > 0.95


def test_mixup_mixes_labels_as_it_mixes_images() -> None:
    changed, rows = Augmentation(("mixup",), 1)({"image": IMAGES}, ROWS)
    assert np.allclose(rows.sum(axis=1), 1)
    for image, row in zip(changed["image"], rows, strict=True):
        assert np.abs(np.tensordot(row, IMAGES.astype(np.float32), 1) - image).max() <= 0.51


@pytest.mark.parametrize(
    ("augment", "dataset", "names"),
    [
        ("none", "digits", ()),
        ("auto", "digits", ("crop",)),
        ("auto", "cifar100", ("flip", "crop")),
        ("auto", "fashion_mnist", ("flip", "crop")),
        ("mixup+crop", "mnist", ("crop", "mixup")),
        ("flip+randaugment", "photos/", ("flip", "randaugment")),
        ("flip", "photos.npz", ("flip",)),
        ("auto", f"{__name__}:own_loader", ("crop",)),
    ],
)
def test_the_data_say_what_may_be_done(augment: str, dataset: str, names: tuple[str, ...]) -> None:
    assert augmentations_of(case(augment, dataset=dataset)) == names


@pytest.mark.parametrize(
    ("augment", "dataset", "reason"),
    [
        ("flip", "digits", r"augment = 'flip': flip is not sound for digits; sound: crop, mixup"),
        ("blur", "cifar10", r"must be 'none', 'auto', or of flip, crop, randaugment, mixup, each once, joined by '\+'"),
        ("flip+flip", "cifar10", "each once"),
        ("auto", "photos.npz", "augment = 'auto': nothing says what is sound for photos.npz; write which"),
        ("flip+crop", f"{__name__}:own_loader", "flip is not sound for .*; sound: crop"),
    ],
)
def test_what_would_make_something_else_of_them_is_refused(augment: str, dataset: str, reason: str) -> None:
    with pytest.raises(CaseDefinitionError, match=reason):
        augmentations_of(case(augment, dataset=dataset))


@pytest.mark.parametrize(
    ("augment", "spec", "reason"),
    [
        ("crop", TensorSpec("", (10,), "float32"), r"changes images \(height, width, channels\), the data are"),
        ("crop", TensorSpec("", (3, 32, 32), "float32"), "changes images"),
        ("randaugment", TensorSpec("", (32, 32, 3), "float32"), "randaugment takes pixels of 8 bits"),
    ],
)
def test_what_is_no_image_is_refused(augment: str, spec: TensorSpec, reason: str) -> None:
    with pytest.raises(CaseDefinitionError, match=reason) as caught:
        check_images(case(augment), [spec])
    assert "\n" not in str(caught.value)
    check_images(case("none"), [spec])
    check_images(case(augment), [TensorSpec("", (32, 32, 3), "uint8")])
