"""Examples on their way into a Keras model: each input of the data to the model's input of its name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..datasets.input_set import InputSet
from ..errors import ModelFileError
from ..tensors import Array, TensorSpec, assigned

if TYPE_CHECKING:
    import keras


def input_specs(model: keras.Model) -> tuple[TensorSpec, ...]:
    """Return the inputs of a functional or sequential model, in the order of ``model.inputs``.

    Their names are the keys of the dict that the model takes, where it takes one, else those of its input layers.
    """
    names = [tensor._keras_history.operation.name for tensor in model.inputs]
    structure = getattr(model, "_inputs_struct", None)
    if isinstance(structure, dict):
        keys = {id(tensor): name for name, tensor in structure.items()}
        names = [keys.get(id(tensor), name) for tensor, name in zip(model.inputs, names, strict=True)]
    return tuple(
        TensorSpec(name, tuple(tensor.shape[1:]), str(tensor.dtype))
        for name, tensor in zip(names, model.inputs, strict=True)
    )


def examples_for(
    model: keras.Model,
    inputs: InputSet,
    batch: int,
    labels: npt.NDArray[Any] | None = None,
    shuffle_seed: int | None = None,
) -> Any:
    """Return a ``tf.data.Dataset`` of examples as a model takes them, with labels where they are given.

    Args:
        model: functional or sequential, with inputs of the names of the data's, or one of any name.
        inputs: the examples.
        batch: examples at a time.
        labels: (n, ...).
        shuffle_seed: draws a new order for every pass.

    Raises:
        ModelFileError: the model's inputs are not those of the data.
    """
    specs = input_specs(model)
    places = assigned(specs, [spec.name for spec in inputs.specs])
    if not places:
        takes, have = ("; ".join(map(str, side)) for side in (specs, inputs.specs))
        raise ModelFileError(f"model {model.name}: takes {takes}; the data have {have}")
    structure = getattr(model, "_inputs_struct", None)

    def arranged(examples: Any) -> Any:
        tensors = {spec.name: _shaped(examples[name] if name else examples, spec) for name, spec in places.items()}
        if isinstance(structure, dict):
            return tensors
        in_turn = tuple(tensors[spec.name] for spec in specs)
        return in_turn if len(in_turn) > 1 else in_turn[0]

    stream = inputs.dataset(batch=batch, labels=labels, shuffle_seed=shuffle_seed)
    return stream.map(arranged) if labels is None else stream.map(lambda x, y: (arranged(x), y))


def _shaped(examples: Any, spec: TensorSpec) -> Any:
    """The examples with the axes of length one that the model has and the data have not."""
    import tensorflow as tf

    if examples.shape.rank == len(spec.shape) + 1:
        return examples
    return tf.reshape(examples, [-1, *(side or -1 for side in spec.shape)])


def predict(model: keras.Model, inputs: InputSet, batch: int) -> Array:
    """Return the figures (n, k) that a model with one output gives for all examples, in order."""
    answers = model.predict(examples_for(model, inputs, batch), verbose=0)
    return np.asarray(next(iter(answers.values())) if isinstance(answers, dict) else answers)


def shuffled(features: list[Array], targets: npt.NDArray[Any], batch: int, seed: int) -> Any:
    """Batches of features and targets in the order in which ``InputSet.dataset`` hands out the examples themselves."""
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
