"""Examples on their way through training: batches of them with their targets, steps and epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..datasets.augmentation import Augmentation
from ..datasets.input_set import InputSet
from ..progress import report_progress
from ..runtimes.threads import read_ahead
from .allocator import reuse_memory
from .features import Features
from .mirrored import divided
from .streams import examples_for
from .unfreeze import Parts, has_own_layers, same_in_training, split_at_frozen, whole

if TYPE_CHECKING:
    import keras

OnStep = Callable[[int, int], None]
OnEpochEnd = Callable[[int, dict[str, float]], bool | None]

_EXAMPLES_COMPARED = 4


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


def frozen_parts(model: keras.Model, inputs: InputSet) -> Parts:
    """Return a model cut where it can be; layers of the user's own may be random in ways that nothing tells."""
    parts = split_at_frozen(model, len(inputs))
    if parts.frozen is None or not has_own_layers(parts.frozen):
        return parts
    with readable(inputs):
        (examples,) = next(iter(examples_for(parts.frozen, inputs, _EXAMPLES_COMPARED)))
        is_same = same_in_training(parts.frozen, examples)
    return parts if is_same else whole(model)


class Examples(NamedTuple):
    """What is trained on.

    Attributes:
        inputs: the examples, or what frozen layers made of them.
        targets: what the loss takes for each, (n, columns); a teacher's answers that go with features follow these.
        augmentation: changes examples, and mixes features, in training.
    """

    inputs: InputSet | Features
    targets: npt.NDArray[np.float32]
    augmentation: Augmentation | None = None

    def subset(self, indices: npt.NDArray[np.intp]) -> Examples:
        """Return the examples with these numbers."""
        return self._replace(inputs=self.inputs.subset(indices), targets=self.targets[indices])

    def in_order(self, model: keras.Model, batch: int) -> Any:
        """Return batches of (inputs, targets) for a model, as they are."""
        if isinstance(self.inputs, InputSet):
            return examples_for(model, self.inputs, batch, self.targets)
        return self._of_features(self.inputs, batch, None)

    def in_training(self, model: keras.Model, batch: int, seed: int) -> Any:
        """Return batches of (inputs, targets) for a model, changed, and in a new order for every pass."""
        if isinstance(self.inputs, InputSet):
            return examples_for(model, self.inputs, batch, self.targets, seed, self.augmentation)
        return self._of_features(self.inputs, batch, seed)

    def _of_features(self, features: Features, batch: int, seed: int | None) -> Any:
        """Batches in the order in which ``InputSet.dataset`` hands out the examples themselves."""
        import tensorflow as tf

        generator, count, turn = None if seed is None else np.random.default_rng(seed), len(features), 0
        mixes = generator is not None and self.augmentation is not None and self.augmentation.mixes

        def batch_of(chosen: npt.NDArray[np.intp], turn: int) -> Any:
            arrays, rows = features.take(chosen, turn), self.targets[chosen]
            if features.taught:
                arrays, rows = arrays[:-1], np.concatenate([rows, arrays[-1]], axis=1)
            if mixes and self.augmentation:
                mixed, rows = self.augmentation.mixed(dict(enumerate(arrays)), rows)  # type: ignore[arg-type]
                arrays = tuple(mixed.values())  # type: ignore[union-attr]
            return arrays if len(arrays) > 1 else arrays[0], rows

        def one_pass() -> Iterator[Any]:
            nonlocal turn
            order = np.arange(count) if generator is None else generator.permutation(count)
            for start in range(0, count, batch):
                yield batch_of(order[start : start + batch], turn)
            turn += generator is not None

        def spec(array: npt.NDArray[Any]) -> Any:
            return tf.TensorSpec((None, *array.shape[1:]), array.dtype)

        arrays, rows = batch_of(np.arange(1), 0)
        signature = (tuple(map(spec, arrays)) if isinstance(arrays, tuple) else spec(arrays), spec(rows))
        stream = tf.data.Dataset.from_generator(one_pass, output_signature=signature)
        return read_ahead(stream.apply(tf.data.experimental.assert_cardinality(math.ceil(count / batch))), 2)


def compile_for_here(model: keras.Model, optimizer: Any) -> None:
    """Compile a learner as it trains fastest on this machine."""
    import tensorflow as tf

    # Keras would compile with XLA by itself; on a CPU that took 8 times as long a step, and most of a minute before it.
    # One program of XLA is for one device.
    has_one_gpu = bool(tf.config.list_physical_devices("GPU")) and model.distribute_strategy.num_replicas_in_sync == 1
    model.compile(optimizer, jit_compile="auto" if has_one_gpu else False)
    # What an optimizer keeps is made now: made in the first step, it would have the step traced a second time.
    model.optimizer.build(model.trainable_variables)


def fit(
    model: keras.Model,
    examples: Any,
    steps: int,
    epochs: int,
    *,
    on_step: OnStep | None = None,
    on_epoch_end: OnEpochEnd | None = None,
    what: str = "training",
) -> None:
    """Train a compiled model.

    Args:
        model: to train, on the devices that it was made for.
        examples: batches of (inputs, targets), in another order in every pass.
        steps: of an epoch.
        epochs: passes over the examples.
        on_step: called with the number of each step, from 0, and the count of all, before the step.
        on_epoch_end: called with the number of the epoch and its figures; training stops where it says ``False``.
        what: is trained, for who watches.
    """
    import keras

    epoch = 0

    def before_step(batch: int, logs: Any) -> None:  # noqa: ARG001 - Keras gives them by name
        report_progress(f"{what}, epoch {epoch + 1} of {epochs}, step", batch + 1, steps)
        if not batch:
            reuse_memory()
        if on_step:
            on_step(epoch * steps + batch, epochs * steps)

    def after_epoch(number: int, logs: dict[str, float]) -> None:
        nonlocal epoch
        epoch = number + 1
        if on_epoch_end and on_epoch_end(number, logs) is False:
            model.stop_training = True

    # After a step it would wait for the step's losses, and a GPU with it.
    callbacks = [keras.callbacks.LambdaCallback(on_train_batch_begin=before_step, on_epoch_end=after_epoch)]
    has_several = (strategy := model.distribute_strategy).num_replicas_in_sync > 1
    stream, length = (divided(examples, strategy), steps) if has_several else (examples, None)
    model.fit(stream, steps_per_epoch=length, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)


def steps_of(examples: int, batch: int) -> int:
    """Return how many steps a pass over so many examples takes."""
    return math.ceil(examples / batch)
