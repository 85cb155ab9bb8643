from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_opml.models import efficientnet_lite0
from pytest_opml.models.cloning import assign, clone
from pytest_opml.techniques.channel_allocation import nearest_allowed
from pytest_opml.techniques.channel_groups import Channels, Ids
from pytest_opml.techniques.channel_removal import cut, multiply_accumulates
from tests.support import small


def randomised(model: Any, seed: int = 0) -> Any:
    """Weights without symmetries, and normalisation that does something."""
    random = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.dtype == "float32":
            noise = random.uniform(0.5, 1.5, variable.shape) if len(variable.shape) == 1 else None
            variable.assign(variable.numpy() * random.uniform(0.5, 1.5, variable.shape) if noise is None else noise)
    assign(model, model.get_weights())  # a layer of fixed normalisation works with figures made of its weights
    return model


def least_important(model: Any, channels: Channels, share: float) -> Ids:
    """The same share of each space, those whose filters weigh least in the first layer that gives them."""
    removed = [np.empty(0, np.intp)]
    for space in channels.spaces():
        name = next(name for name, ids in channels.produced.items() if np.isin(channels.roots(ids), space).any())
        roots, kernel = channels.roots(channels.produced[name]), model.get_layer(name).get_weights()[0]
        norms = dict(zip(roots.tolist(), np.abs(kernel).sum(axis=tuple(range(kernel.ndim - 1))), strict=True))
        order = sorted(space.tolist(), key=lambda root: norms.get(root, np.inf))
        left = nearest_allowed(len(space), len(space) * (1 - share))
        removed.append(np.array(order[: len(space) - left], dtype=np.intp))
    return np.concatenate(removed)


def without_contributions(model: Any, channels: Channels, removed: Any) -> Any:
    """The same model whose convolutions and dense layers take in nothing of the removed channels."""
    copy = clone(model)
    for name in channels.produced:
        layer = copy.get_layer(name)
        kernel, *rest = layer.get_weights()
        kernel[..., np.isin(channels.roots(channels.inputs[name]), removed), :] = 0
        layer.set_weights([kernel, *rest])
    return copy


def check(model: Any, share: float = 0.4) -> Any:
    """Cut a model and compare; returns the smaller one."""
    randomised(model)
    channels = Channels(model)
    removed = least_important(model, channels, share)
    assert removed.size
    smaller = cut(model, channels, removed)
    assert smaller.count_params() < model.count_params()
    assert multiply_accumulates(smaller) < multiply_accumulates(model)
    images = np.random.default_rng(1).integers(0, 256, (3, *model.input_shape[1:])).astype(model.inputs[0].dtype)
    expected = without_contributions(model, channels, removed)(images).numpy()
    found = smaller(images).numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-5 * max(1.0, float(np.abs(expected).max()))
    assert not np.allclose(expected, model(images).numpy(), rtol=1e-3, atol=0)
    return smaller


def with_head(features: Any) -> Any:
    import keras

    return keras.Model(features.input, keras.layers.Dense(10, activation="softmax")(features.output))


def test_the_small_model() -> None:
    import keras

    model = with_head(small.build(keras, 16, 3, weights="none"))
    model.get_layer("first").trainable = False
    smaller = check(model)
    assert [layer.name for layer in smaller.layers] == [layer.name for layer in model.layers]
    assert [layer.trainable for layer in smaller.layers] == [layer.trainable for layer in model.layers]
    assert smaller.inputs[0].dtype == "uint8"
    # the two that are added lose the same filters
    assert smaller.get_layer("second").filters == smaller.get_layer("third").filters == 16
    assert smaller.get_layer("first").filters == 10


def test_efficientnet_lite0() -> None:
    import keras

    check(with_head(efficientnet_lite0.build(keras, 32, 3, weights="none")))


@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small", "EfficientNetB0"])
def test_models_of_keras(name: str) -> None:
    import keras

    model = getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3), classes=10)
    check(model)


def test_concatenation_flattening_and_squeeze_and_excite() -> None:
    import keras
    from keras import layers

    inputs = keras.Input((8, 8, 3), dtype="uint8")
    x = layers.Conv2D(24, 3, activation="relu", name="a")(layers.Rescaling(1 / 255)(inputs))
    y = layers.Conv2D(16, 3, padding="same", name="b")(x)
    x = layers.BatchNormalization()(layers.Concatenate()([x, y]))
    gate = layers.Reshape((1, 1, 40))(layers.GlobalAveragePooling2D()(x))
    gate = layers.Conv2D(40, 1, activation="sigmoid", name="gate")(gate)
    x = layers.Multiply()([x, gate])
    outputs = layers.Dense(4, name="classes")(layers.Flatten()(layers.MaxPooling2D(2)(x)))
    model = keras.Model(inputs, outputs)
    smaller = check(model, 0.5)
    filters = {name: smaller.get_layer(name).filters for name in ("a", "b", "gate")}
    assert filters["a"] + filters["b"] == filters["gate"] == 24
    assert smaller.get_layer("classes").units == 4


def test_what_is_not_understood_stays_whole() -> None:
    import keras
    from keras import layers

    inputs = keras.Input((8, 8, 3))
    shared = layers.Conv2D(16, 3, padding="same", name="shared")
    x = shared(layers.Conv2D(3, 1, name="before")(inputs))
    x = layers.Concatenate()([x, shared(inputs)])
    x = layers.Conv2D(16, 3, name="seen")(x)
    x = layers.Conv2D(16, 3, name="normed")(x)
    x = layers.Conv2D(16, 1, name="softmax", activation="softmax")(layers.LayerNormalization()(x))
    x = layers.Dense(16, name="last")(layers.GlobalAveragePooling2D()(x))
    smaller = check(keras.Model(inputs, x), 0.5)
    filters = {layer.name: layer.filters for layer in smaller.layers if hasattr(layer, "filters")}
    assert filters == {"before": 3, "shared": 16, "seen": 8, "normed": 16, "softmax": 16}
    assert smaller.get_layer("last").units == 16


def test_a_sequential_model_in_half_precision() -> None:
    import keras
    from keras import layers

    convolutions = [layers.Conv2D(32, 3, dtype="mixed_float16"), layers.Conv2D(32, 3, name="second")]
    model = keras.Sequential([keras.Input((8, 8, 3)), *convolutions, layers.GlobalMaxPooling2D(), layers.Dense(5)])
    channels = Channels(model)
    smaller = cut(model, channels, least_important(model, channels, 0.5))
    assert [layer.dtype_policy for layer in smaller.layers[1:]] == [layer.dtype_policy for layer in model.layers]
    assert smaller.get_layer("second").kernel.shape == (3, 3, 16, 16)


def test_multiply_accumulates_are_counted_by_hand() -> None:
    import keras
    from keras import layers

    inputs = keras.Input((8, 8, 3))
    x = layers.DepthwiseConv2D(3, padding="same")(layers.Conv2D(4, 3, 2, padding="same")(inputs))
    model = keras.Model(inputs, layers.Dense(5)(layers.Flatten()(x)))
    assert multiply_accumulates(model) == 4 * 4 * (9 * 3 * 4) + 4 * 4 * 9 * 4 + 64 * 5
