from __future__ import annotations

import keras
import numpy as np
import pytest

from pytest_opml.datasets.augmentation import Augmentation
from pytest_opml.models import features
from pytest_opml.models.features import Features, features_of
from tests.support.inputs import image_set

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3)).astype(np.uint8)


def frozen() -> keras.Model:
    inputs = keras.Input((8, 8, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    return keras.Model(inputs, [keras.layers.Flatten()(x), keras.layers.GlobalAveragePooling2D()(x)])


def test_the_first_view_is_plain_and_the_others_are_changed() -> None:
    inputs = image_set(IMAGES, 8)
    stored = features_of(frozen(), inputs, 8, augmentation=Augmentation(("flip",), 0))
    assert len(stored.views) == 4
    flat, pooled = stored.take(np.arange(20))
    assert np.allclose(flat, IMAGES.reshape(20, -1) / 255, atol=1e-6)
    assert pooled.shape == (20, 3)
    for view in stored.views[1:]:
        flipped = ~np.isclose(view[0], flat).all(axis=1)
        assert 0 < flipped.sum() < 20
        assert np.allclose(view[0][flipped], IMAGES[flipped, :, ::-1].reshape(-1, 192) / 255, atol=1e-6)
        assert np.allclose(view[1], pooled, atol=1e-5)


def test_a_teacher_answers_for_each_view() -> None:
    inputs = image_set(IMAGES, 8)
    model = frozen()
    teacher = keras.Model(model.inputs, model.outputs[0])
    stored = features_of(model, inputs, 8, augmentation=Augmentation(("crop",), 0), teacher=teacher)
    assert all(np.allclose(view[0], taught) for view, taught in zip(stored.views, stored.taught, strict=True))
    *_, taught = stored.subset(np.array([3, 4])).take(np.array([1]), turn=2)
    assert any(np.array_equal(taught[0], one[4]) for one in stored.taught)


@pytest.mark.parametrize("in_memory", [10**9, 0])
def test_many_are_kept_in_half_precision_and_very_many_in_a_file(
    in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "_MOST_FLOAT32", 10_000)
    monkeypatch.setattr(features, "_MOST_IN_MEMORY", in_memory)
    stored = features_of(frozen(), image_set(IMAGES, 8), 8)
    flat, _ = stored.views[0]
    assert flat.dtype == np.float16
    assert isinstance(flat, np.memmap) == (in_memory == 0)
    assert np.allclose(flat, IMAGES.reshape(20, -1) / 255, atol=1e-3)


def test_what_would_fill_the_disk_has_fewer_views(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_MOST_ON_DISK", 20 * 195 * 2 * 2)
    stored = features_of(frozen(), image_set(IMAGES, 8), 8, augmentation=Augmentation(("flip",), 0))
    assert len(stored.views) == 2


def test_examples_of_one_view_need_no_turns() -> None:
    x = np.arange(6, dtype=np.float32)[:, None]
    part = Features([[x]]).subset(np.array([5, 1, 3])).subset(np.array([2, 0]))
    assert len(part) == 2
    assert part.take(np.array([0, 1]), turn=3)[0].tolist() == [[3], [5]]
