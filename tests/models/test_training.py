from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.models import training, unfreeze
from pytest_opml.models.classifier import build_classifier
from tests.conftest import Trained
from tests.support.inputs import image_spec, prepared

MakeCase = Callable[..., Case]


@pytest.mark.parametrize("top", [1, 2, 3, 4])
def test_computing_features_once_gives_what_full_passes_give(
    make_case: MakeCase, top: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case(unfreeze=top)
    data = prepared(case)
    once, record = training.train(case, data)
    monkeypatch.setattr(unfreeze, "_MAX_FEATURE_BYTES", 0)
    full, full_record = training.train(case, data)
    assert (record.training_mode, full_record.training_mode) == ("features_once", "full_forward")
    for one, other in zip(once.get_weights(), full.get_weights(), strict=True):
        assert np.allclose(one, other, atol=1e-3)
    assert record.epochs[-1].test_accuracy == pytest.approx(full_record.epochs[-1].test_accuracy, abs=0.01)


def test_frozen_layers_keep_their_weights_and_trained_ones_do_not(make_case: MakeCase) -> None:
    case = make_case(unfreeze=2)
    before = build_classifier(case, image_spec(16), keras)
    after, record = training.train(case, prepared(case))
    changed = {
        layer.name
        for layer, new in zip(before.layers, after.layers, strict=True)
        if any(not np.array_equal(a, b) for a, b in zip(layer.get_weights(), new.get_weights(), strict=True))
    }
    assert changed == set(record.trained_layers) == {"third_bn", "head_dense"}


def test_each_epoch_leaves_both_accuracies(trained: Trained) -> None:
    epochs = trained.training.epochs
    assert len(epochs) == trained.case.epochs
    assert epochs[-1].test_accuracy > epochs[0].test_accuracy
    predicted = trained.load().predict(trained.x_test, verbose=0).argmax(axis=1)
    assert epochs[-1].test_accuracy == pytest.approx(np.mean(predicted == trained.data.y_test))


def test_training_the_whole_network_runs_all_of_it_in_every_epoch(trained: Trained) -> None:
    record = trained.training
    assert (record.training_mode, record.policy) == ("full_forward", "float32")
    assert record.training_s > 0
    trainable = sum(int(np.prod(v.shape)) for v in trained.load().trainable_variables)
    assert record.trained_parameters == trainable
