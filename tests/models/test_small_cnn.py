from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras

from pytest_opml.case import Case
from pytest_opml.errors import CaseDefinitionError, ModelFileError
from pytest_opml.models.small_cnn import build
from pytest_opml.models.training import train
from tests.support.inputs import prepared


def test_it_learns_digits(make_case: Callable[..., Case]) -> None:
    case = make_case(model="pytest_opml.models.small_cnn:build", size=16, epochs=6, unfreeze="all")
    _, training = train(case, prepared(case))
    assert training.epochs[-1].test_accuracy > 0.9


@pytest.mark.parametrize("module", [keras, tf_keras])
def test_it_is_small_under_both_versions(module: Any) -> None:
    model = build(module, 32, 3, weights="none")
    assert 100_000 < model.count_params() < 300_000
    assert model(np.zeros((2, 32, 32, 3), np.uint8)).shape == (2, 128)


def test_weights_come_from_a_file_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(CaseDefinitionError, match='write weights="none"'):
        build(keras, 32, 3, weights="imagenet")
    with pytest.raises(ModelFileError, match="no such weights file"):
        build(keras, 32, 3, weights=str(tmp_path / "none.h5"))
    model = build(keras, 32, 3)
    model.save_weights(tmp_path / "cnn.weights.h5")
    same = build(keras, 32, 3, weights=str(tmp_path / "cnn.weights.h5"))
    for expected, found in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
