"""Transfer learning: training the top N layers of a model, and training an optimised one on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..case import Case
from ..datasets.splits import InputSet, Labels, Split
from ..progress import report_progress
from ..records.case_record import Unfreeze
from ..records.result import Epoch, Training
from .classifier import build_classifier
from .dtype_policy import under_policy
from .unfreeze import Parts, split_at_frozen, unfreeze

if TYPE_CHECKING:
    import keras

# A fresh head alone bears a larger step than pretrained layers do.
_HEAD_RATE, _LAYER_RATE = 3e-3, 1e-3
# Frozen layers give the same output in batches of any size; these keep their activations within some 500 MB.
_FROZEN_BATCH_BYTES = 128 * 96 * 96 * 3

Array = npt.NDArray[np.float32]


def train(case: Case, data: Split, *, policy: str = "float32") -> tuple[keras.Model, Training]:
    """Build and train the model of a case.

    Args:
        case: says what to build and how to train it.
        data: to train on, and to report the accuracy after each epoch for.
        policy: Keras' dtype policy of every layer but the last.

    Raises:
        CaseDefinitionError: more layers were to be unfrozen than there are, or none can be.
        ModelFileError: the weights are missing or not those of the architecture.
    """
    import keras

    model = build_classifier(case, data.spec, keras)
    if policy != "float32":
        model = under_policy(model, policy).model
    trained = unfreeze(model, case.unfreeze)
    rate = _HEAD_RATE if len(trained) == 1 else _LAYER_RATE
    described = {
        "trained_layers": tuple(layer.name for layer in trained),
        "trained_parameters": int(sum(np.prod(v.shape) for layer in trained for v in layer.trainable_weights)),
        "learning_rate": rate,
    }
    if not trained:
        return model, Training(training_s=0.0, training_mode="none", epochs=(), **described)
    parts = split_at_frozen(model, len(data.x_train))
    optimizer: Any = keras.optimizers.Adam(rate)
    if policy == "mixed_float16":  # small gradients would be zero in half precision
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    _compile(parts.trained, optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])

    evaluating = 0.0
    epochs: list[Epoch] = []
    x_test: Any = None

    def evaluate(_epoch: int, logs: dict[str, float]) -> None:
        nonlocal evaluating
        paused = time.perf_counter()
        accuracy = _accuracy(parts.trained, x_test, data.y_test, case.batch)
        epochs.append(Epoch(train_accuracy=float(logs["accuracy"]), test_accuracy=accuracy))
        evaluating += time.perf_counter() - paused

    started = time.perf_counter()
    with readable(data.x_train), readable(data.x_test):
        x_train = _inputs(parts, data.x_train, case.batch)
        paused = time.perf_counter()
        x_test = _inputs(parts, data.x_test, case.batch)
        evaluating = time.perf_counter() - paused
        _fit(parts.trained, x_train, data.y_train, case.epochs, case.batch, case.seed, evaluate)
    seconds = time.perf_counter() - started - evaluating
    return model, Training(
        training_s=seconds, training_mode=parts.mode, policy=policy, epochs=tuple(epochs), **described
    )


def fine_tune(
    model: keras.Model,
    images: InputSet,
    targets: npt.NDArray[Any],
    *,
    epochs: int,
    batch: int,
    seed: int,
    learning_rate: float,
    top: Unfreeze = "all",
    loss: Any = "sparse_categorical_crossentropy",
) -> float:
    """Train a model on from the weights it has; they are changed in place.

    The rate falls to zero along a cosine, so that the last steps settle. A variable with a ``constraint`` keeps to it.

    Args:
        model: a classifier.
        images: to train on.
        targets: what ``loss`` takes for each image: labels (n,) by default.
        epochs: passes over the images.
        batch: images a step.
        seed: of the order of the images.
        learning_rate: of Adam at the first step.
        top: how many layers with weights, counted from the output, are trained.
        loss: a Keras loss.

    Returns:
        The seconds it took.

    Raises:
        CaseDefinitionError: more layers were to be trained than there are.
    """
    import keras

    if not epochs:
        return 0.0
    unfreeze(model, top)
    parts = split_at_frozen(model, len(images))
    steps = epochs * math.ceil(len(images) / batch)
    keras.utils.set_random_seed(seed)
    _compile(parts.trained, keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps)), loss)
    started = time.perf_counter()
    with readable(images):
        _fit(parts.trained, _inputs(parts, images, batch), targets, epochs, batch, seed)
    return time.perf_counter() - started


@contextmanager
def readable(images: InputSet) -> Iterator[None]:
    """Around what takes images through TensorFlow, which hides why one of them cannot be read.

    Raises:
        DatasetError: the reason.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        raise images.failure or error from error


def _compile(model: keras.Model, optimizer: Any, loss: Any, **more: Any) -> None:
    import tensorflow as tf

    # Keras would compile with XLA by itself; on a CPU that took 8 times as long a step, and most of a minute before it.
    model.compile(optimizer, loss, jit_compile=bool(tf.config.list_physical_devices("GPU")), **more)


def _inputs(parts: Parts, images: InputSet, batch: int) -> Any:
    """The images themselves, or what the frozen layers make of them."""
    if parts.frozen is None:
        return images
    report_progress("computing the output of the frozen layers")
    frozen_batch = max(1, min(batch, _FROZEN_BATCH_BYTES // images.example_bytes))
    return parts.frozen.predict(images.dataset(batch=frozen_batch), verbose=0)


def _fit(
    model: keras.Model,
    inputs: Any,
    targets: npt.NDArray[Any],
    epochs: int,
    batch: int,
    seed: int,
    on_epoch_end: Callable[[int, dict[str, float]], None] | None = None,
) -> None:
    import keras

    steps = math.ceil(len(targets) / batch)
    epoch = 0

    def before_step(batch: int, logs: Any) -> None:  # noqa: ARG001 - Keras gives them by name
        report_progress(f"training, epoch {epoch + 1} of {epochs}, step", batch + 1, steps)

    def after_epoch(number: int, logs: dict[str, float]) -> None:
        nonlocal epoch
        epoch = number + 1
        if on_epoch_end:
            on_epoch_end(number, logs)

    # After a step it would wait for the step's losses, and a GPU with it.
    callbacks = [keras.callbacks.LambdaCallback(on_train_batch_begin=before_step, on_epoch_end=after_epoch)]
    if isinstance(inputs, InputSet):
        stream = inputs.dataset(batch=batch, labels=targets, shuffle_seed=seed)
    else:
        stream = _shuffled(inputs if isinstance(inputs, list) else [inputs], targets, batch, seed)
    model.fit(stream, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)


def _shuffled(features: list[Array], targets: npt.NDArray[Any], batch: int, seed: int) -> Any:
    """Batches of features and targets in the order in which ``InputSet.dataset`` hands out the images themselves."""
    import tensorflow as tf

    generator, count = np.random.default_rng(seed), len(targets)

    def one_pass() -> Iterator[Any]:
        order = generator.permutation(count)
        for start in range(0, count, batch):
            chosen = order[start : start + batch]
            yield tuple(array[chosen] for array in features), targets[chosen]

    def spec(array: npt.NDArray[Any]) -> Any:
        return tf.TensorSpec((None, *array.shape[1:]), array.dtype)

    stream = tf.data.Dataset.from_generator(one_pass, output_signature=(tuple(map(spec, features)), spec(targets)))
    counted = stream.apply(tf.data.experimental.assert_cardinality(math.ceil(count / batch)))
    return counted.prefetch(2)


def _accuracy(model: keras.Model, inputs: Any, labels: Labels, batch: int) -> float:
    if isinstance(inputs, InputSet):
        probabilities: Array = model.predict(inputs.dataset(batch=batch), verbose=0)
    else:
        probabilities = model.predict(inputs, batch_size=batch, verbose=0)
    return float(np.mean(probabilities.argmax(axis=1) == labels))
