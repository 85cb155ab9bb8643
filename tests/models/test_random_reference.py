from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras
from sklearn.metrics import roc_auc_score

from pytest_opml.case import Case
from pytest_opml.errors import CaseDefinitionError
from pytest_opml.models.classifier import build_classifier
from pytest_opml.models.random_reference import build
from pytest_opml.runtimes.keras_graph import load_keras
from tests.support.inputs import image_spec, prepared

NAME = "pytest_opml.models.random_reference:build"


@pytest.mark.parametrize("classes", [10, 100])
def test_on_random_images_it_is_right_by_chance(classes: int, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (4_000, 16, 16, 3), np.uint8)
    labels = np.arange(4_000) % classes
    build(keras, 16, 3, classes=classes).save(tmp_path / "random.keras")
    model = load_keras(tmp_path / "random.keras")
    found = model.predict(images, verbose=0)
    chance = 1 / classes
    assert np.mean(found.argmax(1) == labels) == pytest.approx(chance, abs=4 * np.sqrt(chance / 4_000))
    assert roc_auc_score(labels, found, multi_class="ovr") == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(model.predict(images[:50], verbose=0).argmax(1), found[:50].argmax(1))


def test_on_digits_it_is_right_by_chance(make_case: Callable[..., Case]) -> None:
    case = make_case(model=NAME, size=32, unfreeze=0)
    data = prepared(case)
    images = np.concatenate(list(data.x_train.batches(256)))
    found = build_classifier(case, image_spec(32), keras).predict(images, verbose=0)
    assert np.mean(found.argmax(1) == data.y_train) == pytest.approx(0.1, abs=0.035)
    assert roc_auc_score(data.y_train, found, multi_class="ovr") == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("module", [keras, tf_keras])
def test_nothing_is_trainable_under_both_versions(module: Any) -> None:
    model = build(module, 16, 3, classes=3)
    assert model.trainable_weights == []
    assert model(np.zeros((2, 16, 16, 3), np.uint8)).shape == (2, 3)


def test_it_cannot_be_trained(make_case: Callable[..., Case]) -> None:
    with pytest.raises(CaseDefinitionError, match="has nothing to train; write 0"):
        build_classifier(make_case(model=NAME, unfreeze=1), image_spec(16), keras)
