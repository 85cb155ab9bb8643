"""Transfer learning: a new dense head on a pretrained backbone, with the top N layers unfrozen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import registry
from ..datasets.images import ImageSet, Labels, Split
from ..domain.case import Case, Unfreeze
from ..domain.records import Epoch, Training
from ..errors import CaseDefinitionError, ModelFileError

if TYPE_CHECKING:
    import keras

# A fresh head alone bears a larger step than pretrained layers do.
_HEAD_RATE, _LAYER_RATE = 3e-3, 1e-3
_MOMENTUM = 0.9
_MAX_FEATURE_BYTES = 2 * 10**9

Array = npt.NDArray[np.float32]


class _Parts(NamedTuple):
    frozen: keras.Model | None
    trained: keras.Model
    mode: Literal["features_once", "full_forward"]


def build_classifier(case: Case, classes: int) -> keras.Model:
    """The case's backbone with a new softmax head whose weights are Glorot-uniform.

    Returns:
        A model from uint8 images (n, size, size, 3) to probabilities (n, classes).

    Raises:
        ModelFileError: the weights are missing or not those of the architecture.
    """
    import keras

    keras.utils.set_random_seed(case.seed)
    backbone = registry.get("model", case.model)(case.size, 3, weights=case.weights)
    if not isinstance(backbone, keras.Model) or len(backbone.output.shape) != 2:
        raise ModelFileError(f"model {case.model}: its builder must return a Keras model with features (n, k)")
    head = keras.layers.Dense(
        classes, activation="softmax", name="head_dense", kernel_initializer=keras.initializers.GlorotUniform(case.seed)
    )
    return keras.Model(backbone.inputs, head(backbone.output), name=backbone.name)


def unfreeze(model: keras.Model, top: Unfreeze) -> list[keras.layers.Layer]:
    """Make the top N layers with weights trainable and freeze the others; returns the trainable ones.

    Frozen batch normalisation runs in inference mode, which Keras does by itself. Trained batch normalisation forgets
    its old statistics faster than in pretraining, since transfer learning takes hundreds of steps and not millions.

    Raises:
        CaseDefinitionError: there are fewer than N such layers.
    """
    import keras

    weighted = [layer for layer in model.layers if layer.weights]
    count = len(weighted) if top == "all" else top
    if count > len(weighted):
        raise CaseDefinitionError(f"unfreeze = {top}: {model.name} has {len(weighted)} layers with weights")
    for layer in model.layers:
        layer.trainable = False
    for layer in weighted[-count:]:
        layer.trainable = True
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = _MOMENTUM
    return weighted[-count:]


def _split_at_frozen(model: keras.Model, samples: int) -> _Parts:
    """Cut the graph where frozen layers feed those that depend on a trained one.

    The frozen part is the same in every epoch, so its output need be computed once only, if it fits into memory.
    """
    import keras

    whole = _Parts(None, model, "full_forward")
    producers: dict[int, str] = {}
    trained: set[str | None] = set()
    cut: dict[int, Any] = {}
    try:
        # model.layers is in topological order
        for layer in model.layers:
            sources = layer.input if isinstance(layer.input, list) else [layer.input]
            origins = [producers.get(id(tensor)) for tensor in sources]
            producers[id(layer.output)] = layer.name
            if (layer.trainable and layer.weights) or any(origin in trained for origin in origins):
                trained.add(layer.name)
                cut.update({id(t): t for t, origin in zip(sources, origins, strict=True) if origin not in trained})
    except (AttributeError, ValueError):
        return whole  # a layer that is used twice has no single input
    frozen = any(layer.weights for layer in model.layers if layer.name not in trained)
    size = sum(4 * samples * int(np.prod(tensor.shape[1:])) for tensor in cut.values())
    if not frozen or size > _MAX_FEATURE_BYTES:
        return whole
    boundary = list(cut.values())
    return _Parts(keras.Model(model.inputs, boundary), keras.Model(boundary, model.outputs), "features_once")


def _features(parts: _Parts, images: ImageSet, batch: int) -> Any:
    pixels = images.take(range(len(images)))
    return pixels if parts.frozen is None else parts.frozen.predict(pixels, batch_size=batch, verbose=0)


def _fit(parts: _Parts, case: Case, data: Split) -> tuple[list[Epoch], float]:
    """Train and return the accuracy after each epoch, and the seconds that training took."""
    import keras

    started = time.perf_counter()
    x_train = _features(parts, data.x_train, case.batch)
    paused = time.perf_counter()
    x_test = _features(parts, data.x_test, case.batch)
    evaluating = time.perf_counter() - paused
    epochs: list[Epoch] = []

    def evaluate(_epoch: int, logs: dict[str, float]) -> None:
        nonlocal evaluating
        paused = time.perf_counter()
        epochs.append(
            Epoch(
                train_accuracy=float(logs["accuracy"]),
                test_accuracy=_accuracy(parts.trained, x_test, data.y_test, case.batch),
            )
        )
        evaluating += time.perf_counter() - paused

    parts.trained.fit(
        x_train,
        data.y_train,
        batch_size=case.batch,
        epochs=case.epochs,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=evaluate)],
    )
    return epochs, time.perf_counter() - started - evaluating


def _accuracy(model: keras.Model, inputs: Any, labels: Labels, batch: int) -> float:
    found: Array = model.predict(inputs, batch_size=batch, verbose=0)
    return float(np.mean(found.argmax(axis=1) == labels))


def train(case: Case, data: Split) -> tuple[keras.Model, Training]:
    """Build and train the model of a case.

    Raises:
        CaseDefinitionError: more layers were to be unfrozen than there are.
        ModelFileError: the weights are missing or not those of the architecture.
    """
    import keras

    model = build_classifier(case, len(data.classes))
    trained = unfreeze(model, case.unfreeze)
    rate = _HEAD_RATE if len(trained) == 1 else _LAYER_RATE
    parts = _split_at_frozen(model, len(data.x_train))
    parts.trained.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    epochs, seconds = _fit(parts, case, data)
    record = Training(
        training_s=seconds,
        training_mode=parts.mode,
        trained_layers=tuple(layer.name for layer in trained),
        trained_parameters=int(sum(np.prod(v.shape) for layer in trained for v in layer.trainable_weights)),
        learning_rate=rate,
        epochs=tuple(epochs),
    )
    return model, record
