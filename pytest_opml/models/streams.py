"""Examples on their way into a Keras model: each input of the data to the model's input of its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..datasets.input_set import Change, InputSet
from ..errors import ModelFileError
from ..runtimes.fit import Shape, fitting_shape
from ..runtimes.keras_graph import keras_signature, structure_of
from ..tensors import Array, TensorSpec, assigned, by_name

if TYPE_CHECKING:
    import keras


def input_specs(model: keras.Model) -> tuple[TensorSpec, ...]:
    """Return the inputs of a functional or sequential model, in the order of ``model.inputs``."""
    return keras_signature(Path(model.name), model).inputs


def examples_for(
    model: keras.Model,
    inputs: InputSet,
    batch: int,
    labels: npt.NDArray[Any] | None = None,
    shuffle_seed: int | None = None,
    change: Change | None = None,
) -> Any:
    """Return a ``tf.data.Dataset`` of (examples,) as a model takes them, or of (examples, labels).

    Args:
        model: functional or sequential, with inputs of the names of the data's, or one of any name.
        inputs: the examples.
        batch: examples at a time.
        labels: (n, ...).
        shuffle_seed: draws a new order for every pass.
        change: see ``InputSet.dataset``.

    Raises:
        ModelFileError: the model's inputs are not those of the data.
    """
    specs = input_specs(model)
    places = assigned(specs, [spec.name for spec in inputs.specs])
    shapes = {spec.name: fitting_shape(spec.shape, own) for spec in inputs.specs if (own := places.get(spec.name))}
    if not places or None in shapes.values():
        takes, have = ("; ".join(map(str, side)) for side in (specs, inputs.specs))
        raise ModelFileError(f"model {model.name}: takes {takes}; the data have {have}")
    is_dict = isinstance(structure_of(model), dict)

    def arranged(examples: Any) -> Any:
        given = by_name(examples)
        tensors = {own.name: _shaped(given[name], shapes[name]) for name, own in places.items()}
        if is_dict:
            return tensors
        in_turn = tuple(tensors[spec.name] for spec in specs)
        return in_turn if len(in_turn) > 1 else in_turn[0]

    stream = inputs.dataset(batch=batch, labels=labels, shuffle_seed=shuffle_seed, change=change)
    # in a tuple of one: Keras takes two inputs without it for an input and labels
    return stream.map(lambda x: (arranged(x),)) if labels is None else stream.map(lambda x, y: (arranged(x), y))


def _shaped(examples: Any, shape: Shape | None) -> Any:
    """Examples in a shape that differs from theirs in axes of length one, if at all."""
    import tensorflow as tf

    if shape is None or examples.shape.rank == len(shape) + 1:
        return examples
    return tf.reshape(examples, [-1, *(side or -1 for side in shape)])


def compiled_call(model: keras.Model) -> Any:
    """Return a function that calls a model as outside of training, compiled for this machine.

    ``Model.predict`` would compile with XLA, which takes longer on a CPU than it saves.
    """
    import tensorflow as tf

    return tf.function(lambda examples: model(examples, training=False), autograph=False, reduce_retracing=True)


def predict(model: keras.Model, inputs: InputSet, batch: int) -> Array:
    """Return the figures (n, k) that a model with one output gives for all examples, in order."""
    run, answers = compiled_call(model), []
    for (examples,) in examples_for(model, inputs, batch):
        given = run(examples)
        answers.append(np.asarray(next(iter(given.values())) if isinstance(given, dict) else given))
    return np.concatenate(answers)
