from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pytest_opml.datasets.images import prepare
from pytest_opml.domain.case import Case
from pytest_opml.errors import CaseDefinitionError, ModelFileError
from pytest_opml.models import training
from tests import small
from tests.conftest import Trained

MakeCase = Callable[..., Case]


def test_the_top_layer_is_the_dense_head(make_case: MakeCase) -> None:
    model = training.build_classifier(make_case(), 10)
    assert [layer.name for layer in training.unfreeze(model, 1)] == ["head_dense"]
    assert [v.path.split("/")[-2] for v in model.trainable_variables] == ["head_dense"] * 2


def test_layers_with_weights_are_counted_from_the_output(make_case: MakeCase) -> None:
    model = training.build_classifier(make_case(), 10)
    names = [layer.name for layer in training.unfreeze(model, 4)]
    assert names == ["second_bn", "third", "third_bn", "head_dense"]


def test_all_unfreezes_every_layer(make_case: MakeCase) -> None:
    model = training.build_classifier(make_case(), 10)
    assert len(training.unfreeze(model, "all")) == small.LAYERS_WITH_WEIGHTS


def test_more_layers_than_there_are_is_refused(make_case: MakeCase) -> None:
    model = training.build_classifier(make_case(), 10)
    with pytest.raises(CaseDefinitionError, match="unfreeze = 7: small has 6 layers with weights"):
        training.unfreeze(model, 7)


def test_the_head_is_glorot_uniform_and_follows_the_seed(make_case: MakeCase) -> None:
    heads = [training.build_classifier(make_case(seed=seed), 10).layers[-1].get_weights()[0] for seed in (3, 3, 4)]
    limit = np.sqrt(6 / sum(heads[0].shape))
    assert np.abs(heads[0]).max() <= limit
    assert np.std(heads[0]) == pytest.approx(limit / np.sqrt(3), rel=0.05)
    assert np.array_equal(heads[0], heads[1])
    assert not np.array_equal(heads[0], heads[2])


@pytest.mark.parametrize("top", [1, 2, 3, 4])
def test_computing_features_once_gives_what_full_passes_give(
    make_case: MakeCase, top: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case(unfreeze=top)
    data = prepare(case, None)
    once, record = training.train(case, data)
    monkeypatch.setattr(training, "_MAX_FEATURE_BYTES", 0)
    full, full_record = training.train(case, data)
    assert (record.training_mode, full_record.training_mode) == ("features_once", "full_forward")
    for one, other in zip(once.get_weights(), full.get_weights(), strict=True):
        assert np.allclose(one, other, atol=1e-3)
    assert record.epochs[-1].test_accuracy == pytest.approx(full_record.epochs[-1].test_accuracy, abs=0.01)


def test_frozen_layers_keep_their_weights_and_trained_ones_do_not(make_case: MakeCase) -> None:
    case = make_case(unfreeze=2)
    before = training.build_classifier(case, 10)
    after, record = training.train(case, prepare(case, None))
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
    predicted = (
        trained.load().predict(trained.data.x_test.take(range(len(trained.data.x_test))), verbose=0).argmax(axis=1)
    )
    assert epochs[-1].test_accuracy == pytest.approx(np.mean(predicted == trained.data.y_test))


def test_training_the_whole_network_runs_all_of_it_in_every_epoch(trained: Trained) -> None:
    record = trained.training
    assert record.training_mode == "full_forward"
    assert record.training_s > 0
    trainable = sum(int(np.prod(v.shape)) for v in trained.load().trainable_variables)
    assert record.trained_parameters == trainable


def test_a_builder_that_returns_no_model_is_refused(make_case: MakeCase) -> None:
    with pytest.raises(ModelFileError, match="must return a Keras model"):
        training.build_classifier(make_case(model="tests.small:not_a_model"), 10)
