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
from ..tensors import Task
from .classifier import build_classifier
from .dtype_policy import under_policy
from .heads import HEAD, TargetScale, figure, figure_metric, figure_of_error, in_rows, loss_of
from .streams import examples_for, predict, shuffled
from .unfreeze import (
    Parts,
    check_trained,
    fingerprints,
    has_own_layers,
    same_in_training,
    split_at_frozen,
    unfreeze,
    whole,
)

if TYPE_CHECKING:
    import keras

# A fresh head alone bears a larger step than pretrained layers do.
_HEAD_RATE, _LAYER_RATE = 3e-3, 1e-3
# Frozen layers give the same output in batches of any size; these keep their activations within some 500 MB.
_FROZEN_BATCH_BYTES = 128 * 96 * 96 * 3
_EXAMPLES_COMPARED = 4


def train(case: Case, data: Split, *, policy: str = "float32") -> tuple[keras.Model, Training]:
    """Build and train the model of a case.

    Args:
        case: says what to build and how to train it.
        data: to train on, and to report the quality after each epoch for.
        policy: Keras' dtype policy of every layer but the last.

    Raises:
        CaseDefinitionError: more layers were to be unfrozen than there are, or none can be.
        ModelFileError: the weights are missing or not those of the architecture.
        TrainingError: a layer was not trained, or was left with weights that are no numbers.
    """
    import keras

    model = build_classifier(case, data.spec, keras)
    if policy != "float32":
        model = under_policy(model, policy).model
    trained = unfreeze(model, case.unfreeze)
    rate = _HEAD_RATE if len(trained) == 1 else _LAYER_RATE
    described = {
        "trained_layers": tuple(name for name, _ in trained),
        "trained_parameters": int(sum(np.prod(v.shape) for _, layer in trained for v in layer.trainable_weights)),
        "learning_rate": rate,
    }
    if not trained:
        return model, Training(training_s=0.0, training_mode="none", epochs=(), **described)
    parts, before = _parts(model, data.x_train), fingerprints(trained)
    optimizer: Any = keras.optimizers.Adam(rate)
    if policy == "mixed_float16":  # small gradients would be zero in half precision
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    _compile(parts.trained, optimizer, loss_of(model, data.task, keras), metrics=[figure_metric(data.task, keras)])
    scale = TargetScale.of(data.task, data.y_train)
    watch, started = _EpochWatch(parts, data, scale.scaled(data.y_test), case.batch), time.perf_counter()
    with readable(data.x_train), readable(data.x_test):
        x_train = _inputs(parts, data.x_train, case.batch)
        watch.prepare()
        _fit(parts.trained, x_train, scale.scaled(data.y_train), case.epochs, case.batch, case.seed, watch)
    seconds = time.perf_counter() - started - watch.seconds
    check_trained(trained, before)
    scale.give_to(model.get_layer(HEAD))
    return model, Training(
        training_s=seconds, training_mode=parts.mode, policy=policy, epochs=tuple(watch.epochs), **described
    )


class _EpochWatch:
    """Measures the quality after each epoch, and how long that takes."""

    def __init__(self, parts: Parts, data: Split, targets: Labels, batch: int) -> None:
        self._parts, self._data, self._targets, self._batch = parts, data, targets, batch
        self._inputs: Any = None
        self.epochs: list[Epoch] = []
        self.seconds = 0.0

    def prepare(self) -> None:
        """Have the test examples ready."""
        started = time.perf_counter()
        self._inputs = _inputs(self._parts, self._data.x_test, self._batch)
        self.seconds += time.perf_counter() - started

    def __call__(self, _epoch: int, logs: dict[str, float]) -> None:
        """Take down the figures of an epoch, and work out that on the test examples."""
        started, task = time.perf_counter(), self._data.task
        if isinstance(self._inputs, InputSet):
            answers = predict(self._parts.trained, self._inputs, self._batch)
        else:
            answers = np.asarray(self._parts.trained.predict(self._inputs, batch_size=self._batch, verbose=0))
        on_train = float(logs["figure"])
        self.epochs.append(
            Epoch(
                train_accuracy=figure_of_error(on_train) if task == "regression" else on_train,
                test_accuracy=figure(task, answers, self._targets),
            )
        )
        self.seconds += time.perf_counter() - started


def fine_tune(
    model: keras.Model,
    inputs: InputSet,
    targets: npt.NDArray[Any],
    *,
    epochs: int,
    batch: int,
    seed: int,
    learning_rate: float,
    top: Unfreeze = "all",
    task: Task = "classification",
    loss: Any = None,
) -> float:
    """Train a model on from the weights it has; they are changed in place.

    The rate falls to zero along a cosine, so that the last steps settle. A variable with a ``constraint`` keeps to it.

    Args:
        model: functional or sequential, with one output.
        inputs: examples to train on.
        targets: what ``loss`` takes for each example: labels in the form of the task by default.
        epochs: passes over the examples.
        batch: examples a step.
        seed: of the order of the examples.
        learning_rate: of Adam at the first step.
        top: how many layers with weights, counted from the output, are trained.
        task: of the data.
        loss: a Keras loss; by default that of the task and of what the model ends in (probabilities or logits).

    Returns:
        The seconds it took.

    Raises:
        CaseDefinitionError: more layers were to be trained than there are, or the model's output cannot be trained.
    """
    import keras

    if not epochs:
        return 0.0
    unfreeze(model, top)
    parts = _parts(model, inputs)
    steps = epochs * math.ceil(len(inputs) / batch)
    keras.utils.set_random_seed(seed)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    if loss is None:
        loss, targets = loss_of(model, task, keras), in_rows(task, targets)
    _compile(parts.trained, keras.optimizers.Adam(rate), loss)
    started = time.perf_counter()
    with readable(inputs):
        _fit(parts.trained, _inputs(parts, inputs, batch), targets, epochs, batch, seed)
    return time.perf_counter() - started


@contextmanager
def readable(inputs: InputSet) -> Iterator[None]:
    """Around what takes examples through TensorFlow, which hides why one of them cannot be read.

    Raises:
        DatasetError: the reason.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        raise inputs.failure or error from error


def _compile(model: keras.Model, optimizer: Any, loss: Any, **more: Any) -> None:
    import tensorflow as tf

    # Keras would compile with XLA by itself; on a CPU that took 8 times as long a step, and most of a minute before it.
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    model.compile(optimizer, loss, jit_compile="auto" if has_gpu else False, **more)


def _parts(model: keras.Model, inputs: InputSet) -> Parts:
    """The model cut where it can be; layers of the user's own may be random in training in ways that nothing tells."""
    parts = split_at_frozen(model, len(inputs))
    if parts.frozen is None or not has_own_layers(parts.frozen):
        return parts
    with readable(inputs):
        (examples,) = next(iter(examples_for(parts.frozen, inputs, _EXAMPLES_COMPARED)))
        is_same = same_in_training(parts.frozen, examples)
    return parts if is_same else whole(model)


def _inputs(parts: Parts, inputs: InputSet, batch: int) -> Any:
    """The examples themselves, or what the frozen layers make of them."""
    if parts.frozen is None:
        return inputs
    report_progress("computing the output of the frozen layers")
    frozen_batch = max(1, min(batch, _FROZEN_BATCH_BYTES // inputs.example_bytes))
    return parts.frozen.predict(examples_for(parts.frozen, inputs, frozen_batch), verbose=0)


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
        stream = examples_for(model, inputs, batch, targets, seed)
    else:
        stream = shuffled(inputs if isinstance(inputs, list) else [inputs], targets, batch, seed)
    model.fit(stream, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)
