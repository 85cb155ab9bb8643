from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.errors import CaseDefinitionError, TrainingError
from pytest_opml.models.classifier import build_classifier
from pytest_opml.models.unfreeze import check_trained, fingerprints, is_random, split_at_frozen, unfreeze
from tests.support import small
from tests.support.inputs import image_spec

MakeCase = Callable[..., Case]
layers = keras.layers
IMAGES = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3)).astype(np.float32)


def attention(dropout: float) -> Any:
    layer = layers.MultiHeadAttention(1, 2, dropout=dropout)
    layer(query=keras.Input((2, 2)), value=keras.Input((2, 2)))
    return layer


def base_model() -> Any:
    return keras.Sequential([keras.Input((4,)), layers.Dense(2), layers.BatchNormalization()])


def test_the_top_layer_is_the_dense_head(make_case: MakeCase) -> None:
    model = build_classifier(make_case(), image_spec(16), keras)
    assert [layer.name for layer in unfreeze(model, 1)] == ["head_dense"]
    assert [v.path.split("/")[-2] for v in model.trainable_variables] == ["head_dense"] * 2


def test_layers_with_weights_are_counted_from_the_output(make_case: MakeCase) -> None:
    model = build_classifier(make_case(), image_spec(16), keras)
    names = [layer.name for layer in unfreeze(model, 4)]
    assert names == ["second_bn", "third", "third_bn", "head_dense"]


def test_all_unfreezes_every_layer(make_case: MakeCase) -> None:
    model = build_classifier(make_case(), image_spec(16), keras)
    assert len(unfreeze(model, "all")) == small.LAYERS_WITH_WEIGHTS


def test_more_layers_than_there_are_is_refused(make_case: MakeCase) -> None:
    model = build_classifier(make_case(), image_spec(16), keras)
    with pytest.raises(CaseDefinitionError, match="unfreeze = 7: small has 6 layers with weights"):
        unfreeze(model, 7)


def network(build: Callable[[Any], Any]) -> Any:
    """Images, a frozen stem, what ``build`` makes of its features (n, 16), and a head."""
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(16, 3, name="stem")(layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, layers.Dense(10, name="head")(build(layers.GlobalAveragePooling2D(name="pool")(x))))


def dense(name: str, units: int = 16) -> Any:
    return layers.Dense(units, activation="relu", name=name)


def with_plus(x: Any) -> Any:
    return dense("upper")(x + dense("lower")(x))


def with_several_outputs(x: Any) -> Any:
    sequence = layers.Reshape((4, 4))(x)
    whole, state = layers.GRU(16, return_sequences=True, return_state=True, name="lower")(sequence)
    return dense("upper")(layers.Concatenate()([state, keras.ops.max(whole, axis=1)]))


def with_a_shared_layer(x: Any) -> Any:
    lower = dense("lower")
    return dense("upper")(layers.Add()([lower(x), lower(lower(x * 0.5)), x]))


def with_a_model_inside(x: Any) -> Any:
    first = keras.Input((16,))
    inner = keras.Model(first, dense("upper")(first + dense("lower")(first)), name="inner")
    return inner(keras.ops.tanh(x)) + x


def with_arguments_by_name(x: Any) -> Any:
    sequence = layers.Reshape((4, 4))(x)
    y = layers.MultiHeadAttention(1, 4, name="lower")(query=sequence, value=sequence)
    return dense("upper")(layers.Flatten()(y))


@pytest.mark.parametrize(
    "build", [with_plus, with_several_outputs, with_a_shared_layer, with_a_model_inside, with_arguments_by_name]
)
def test_the_two_parts_compute_what_the_whole_does_and_all_that_is_counted_is_trained(build: Any) -> None:
    model = network(build)
    trained = unfreeze(model, 3)
    assert [name.rpartition("/")[2] for name, _ in trained] == ["lower", "upper", "head"]
    parts = split_at_frozen(model, 100)
    assert (parts.mode, parts.frozen is not None) == ("features_once", True)
    features = parts.frozen.predict(IMAGES, verbose=0)
    np.testing.assert_allclose(
        parts.trained.predict(features, verbose=0), model.predict(IMAGES, verbose=0), rtol=1e-4, atol=1e-5
    )
    before = fingerprints(trained)
    parts.trained.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    parts.trained.fit(features, np.arange(8), verbose=0)
    check_trained(trained, before)


def test_layers_of_a_model_inside_have_the_path_to_them_and_count_each() -> None:
    model = network(with_a_model_inside)
    assert [name for name, _ in unfreeze(model, 2)] == ["inner/upper", "head"]
    assert [weight.path.rpartition("/")[0].rpartition("/")[2] for weight in model.trainable_weights] == [
        *["upper"] * 2,
        *["head"] * 2,
    ]
    with pytest.raises(CaseDefinitionError, match="has 4 layers with weights"):
        unfreeze(model, 5)


def test_statistics_are_no_layer_that_can_be_trained() -> None:
    statistics = layers.Normalization()
    statistics.adapt(IMAGES)
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, layers.Dense(2, name="head")(layers.Flatten()(statistics(inputs))))
    assert [name for name, _ in unfreeze(model, "all")] == ["head"]
    # to keep them out of the epochs would be to keep all images in memory as floats
    assert split_at_frozen(model, 100).mode == "full_forward"


@pytest.mark.parametrize(
    "random",
    [
        layers.Dropout(0.5),
        layers.SpatialDropout1D(0.5),
        layers.GaussianNoise(0.1),
        layers.GaussianDropout(0.5),
        layers.AlphaDropout(0.5),
        layers.RandomFlip(),
        layers.RandomRotation(0.1),
        keras.Sequential([keras.Sequential([layers.RandomContrast(0.2)])]),
        layers.LSTM(2, dropout=0.5),
        layers.Bidirectional(layers.GRU(2, recurrent_dropout=0.5)),
        layers.TimeDistributed(layers.Dropout(0.5)),
        attention(dropout=0.5),
    ],
)
def test_what_is_random_in_training_is_seen(random: Any) -> None:
    assert is_random(random)


@pytest.mark.parametrize(
    "steady",
    [layers.Dropout(0.0), layers.LSTM(2), layers.BatchNormalization(), attention(dropout=0.0), base_model()],
)
def test_what_is_the_same_in_training_is_seen(steady: Any) -> None:
    assert not is_random(steady)


def test_frozen_layers_behind_augmentation_run_in_every_epoch() -> None:
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3)(keras.Sequential([layers.RandomFlip()])(inputs))
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    unfreeze(model, 1)
    assert split_at_frozen(model, 100).mode == "full_forward"


def test_dropout_above_frozen_layers_is_drawn_in_every_epoch() -> None:
    model = network(lambda x: dense("upper")(layers.Dropout(0.5, name="drop")(x)))
    unfreeze(model, 1)
    parts = split_at_frozen(model, 100)
    assert parts.mode == "features_once"
    assert [layer.name for layer in parts.trained.layers[1:]] == ["drop", "upper", "head"]
    assert "stem" in [layer.name for layer in parts.frozen.layers]


@pytest.mark.parametrize("build", [lambda: keras.Input((6,), dtype="int32"), lambda: keras.Input((None,))])
def test_what_no_array_can_hold_is_computed_in_every_epoch(build: Any) -> None:
    tokens = build()
    x = layers.Embedding(9, 4, mask_zero=tokens.shape[1] is not None)(tokens)
    model = keras.Model(tokens, layers.Dense(2)(layers.LSTM(4)(x)))
    unfreeze(model, 2)
    assert split_at_frozen(model, 100).mode == "full_forward"


def test_a_layer_that_did_not_move_is_named() -> None:
    model = network(lambda x: dense("upper")(keras.ops.floor(dense("lower")(x))))
    trained = unfreeze(model, 3)
    before = fingerprints(trained)
    with pytest.raises(TrainingError, match="did not change layer lower and 2 more, which unfreeze counts") as caught:
        check_trained(trained, before)
    assert len(str(caught.value).splitlines()) == 1
    for _, layer in trained:
        layer.kernel.assign(np.full(layer.kernel.shape, np.nan))
    with pytest.raises(TrainingError, match="no numbers in layer lower and 2 more"):
        check_trained(trained, before)
