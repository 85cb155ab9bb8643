"""What a model ends in: the head for a task, the loss that fits an ending, and how good answers are after an epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from ..errors import CaseDefinitionError, listed
from ..tensors import Array, DataSpec, Task

HEAD = "head_dense"

Ending = Literal["softmax", "sigmoid", "linear"]

# Endings at whose limits figures that differ give the same.
SATURATING = ("softmax", "sigmoid")
ENDINGS: dict[Task, Ending] = {"classification": "softmax", "multilabel": "sigmoid", "regression": "linear"}
# Operations that change the form of figures and not the figures, by the name of their class.
_PASSING = frozenset(("Flatten", "Reshape", "Identity", "Cast", "Squeeze", "ExpandDims", "InputLayer"))


def with_head(inputs: Any, features: Any, spec: DataSpec, seed: int, keras: Any, name: str) -> Any:
    """Return a model that ends in a new dense layer for the task of the data.

    Args:
        inputs: of the model, one, a list or a dict.
        features: tensor (n, k) that the layer takes.
        spec: what the data need.
        seed: of the layer's weights, Glorot-uniform.
        keras: the module to build with.
        name: of the model.

    Returns:
        A model that gives probabilities of classes (softmax), of labels (sigmoid), or figures (linear).
    """
    # it stays in float32 under every policy, as Keras advises
    head = keras.layers.Dense(
        spec.outputs,
        activation=ENDINGS[spec.task],
        name=HEAD,
        kernel_initializer=keras.initializers.GlorotUniform(seed),
        dtype="float32",
    )
    return keras.Model(inputs, head(features), name=name)


def ending_of(model: Any) -> Ending:
    """Return what a model's figures have gone through last; ``linear`` where that is neither softmax nor sigmoid.

    Args:
        model: of Keras 3 or ``tf_keras``, with one output.
    """
    tensor = model.outputs[0]
    while True:
        operation, sources = origin_of(tensor)
        kind = type(operation).__name__
        if hasattr(operation, "layers") and getattr(operation, "outputs", None):
            return ending_of(operation)
        name = kind.lower() if kind in ("Softmax", "Sigmoid") else activation_of(operation)
        if name in SATURATING:
            return "softmax" if name == "softmax" else "sigmoid"
        if len(sources) != 1 or (kind not in _PASSING and not (kind == "Activation" and name == "linear")):
            return "linear"
        tensor = sources[0]


def origin_of(tensor: Any) -> tuple[Any, list[Any]]:
    """Return the operation or layer that gives a tensor, and what that call of it takes."""
    if hasattr(tensor, "_keras_history") and hasattr(tensor._keras_history, "operation"):
        operation, node = tensor._keras_history.operation, tensor._keras_history.node_index
        return operation, list(operation._inbound_nodes[node].input_tensors)
    layer = tensor.node.layer  # tf_keras
    return layer, list(tensor.node.keras_inputs)


def activation_of(operation: Any) -> str:
    """Return the name of the activation in a layer, in small letters; empty where it has none."""
    return str(getattr(getattr(operation, "activation", None), "__name__", "")).lower()


def loss_of(model: Any, task: Task, keras: Any) -> Any:
    """Return the loss to train a model on with, which follows what it ends in.

    It takes whole numbers (n,) or (n, 1) of classes, 0 and 1 (n, labels) of labels, figures (n, targets).

    Args:
        model: with one output (n, k); of classification, k is 1 where there are two classes.
        task: of the data.
        keras: the module that it is built with.

    Raises:
        CaseDefinitionError: nothing can be learnt through such an output.
    """
    ending, losses = ending_of(model), keras.losses
    figures = model.outputs[0].shape[-1]
    if task == "regression":
        return losses.MeanSquaredError()
    if task == "multilabel" or figures == 1:
        if ending == "softmax":
            what = "labels" if task == "multilabel" else "one class"
            raise CaseDefinitionError(f"{model.name} ends in a softmax over {what}, which cannot be trained")
        return losses.BinaryCrossentropy(from_logits=ending == "linear")
    if ending == "sigmoid":
        return _sigmoid_for_each_class(figures, keras)
    return losses.SparseCategoricalCrossentropy(from_logits=ending == "linear")


def _sigmoid_for_each_class(classes: int, keras: Any) -> Callable[[Any, Any], Any]:
    import tensorflow as tf

    crossentropy = keras.losses.BinaryCrossentropy()

    def loss(labels: Any, shares: Any) -> Any:
        return crossentropy(tf.one_hot(tf.cast(tf.reshape(labels, [-1]), tf.int32), classes), shares)

    return loss


def figure_of_error(squared_error: float) -> float:
    """Return 1 minus a mean squared error relative to that of guessing the mean, 0 at least."""
    return max(0.0, 1.0 - squared_error)


def figure(task: Task, answers: Array, targets: Array) -> float:
    """Return how good the answers of a model with a new head are, from 0 to 1.

    Args:
        task: of the data.
        answers: logits or probabilities (n, classes), probabilities (n, labels), or figures (n, targets).
        targets: classes (n,), labels (n, labels), or figures (n, targets) of a variance of about one.

    Returns:
        The share of right answers, or of examples with all labels right; of regression 1 minus the squared error
        relative to guessing the mean, 0 at least.
    """
    if task == "classification":
        return float(np.mean(answers.argmax(axis=1) == targets))
    if task == "multilabel":
        return float(np.mean(((answers > 0.5) == targets.astype(bool)).all(axis=1)))
    variance = targets.var(axis=0, dtype=np.float64)
    varying = variance > 0
    errors = np.mean((answers.astype(np.float64) - targets)[:, varying] ** 2, axis=0)
    return figure_of_error(float(np.mean(errors / variance[varying])))


def in_rows(task: Task, labels: Array) -> Array:
    """Return labels as losses take them: classes (n,), labels (n, labels) as floats, targets (n, targets)."""
    if task == "classification":
        return labels
    return labels.reshape(len(labels), -1).astype(np.float32)


def labels_of_outputs(task: Task, labels: Array, classes: Sequence[str], outputs: Sequence[str]) -> Array:
    """Return labels as a finished model counts them, whose outputs stand in another order or for more than the data's.

    Args:
        task: of the data.
        labels: in the form of the task, by the classes of the data.
        classes: of the data: names of the classes or labels.
        outputs: names of what the model's outputs stand for, in their order; one, of two classes, for its sigmoid.

    Raises:
        CaseDefinitionError: a class of the data has no output, so that no example of it can be learnt.
    """
    if task == "regression":
        return labels
    if task == "classification" and len(outputs) == 1 and len(classes) == 2:
        outputs = [*(name for name in classes if name not in outputs), *outputs]
    lacking = [name for name in classes if name not in outputs]
    if lacking:
        raise CaseDefinitionError(f"case: classes: have no output for {listed(lacking)}, which the data have")
    places = np.array([list(outputs).index(name) for name in classes])
    if task == "classification":
        return np.asarray(places[labels], dtype=labels.dtype)
    rows = np.zeros((len(labels), len(outputs)), dtype=labels.dtype)
    rows[:, places] = labels
    return rows


class TargetScale(NamedTuple):
    """What targets are divided by for training, so that a fresh head of small weights can reach them.

    Attributes:
        mean: of each target over the training examples; None where there are no targets.
        deviation: its standard deviation, 1 where it has none.
        task: of the data.
    """

    mean: Array | None
    deviation: Array | None
    task: Task

    @classmethod
    def of(cls, task: Task, labels: Array) -> TargetScale:
        """Return that of training labels in the form of a task."""
        if task != "regression":
            return cls(None, None, task)
        targets = labels.reshape(len(labels), -1).astype(np.float64)
        deviation = targets.std(axis=0)
        return cls(targets.mean(axis=0), np.where(deviation > 0, deviation, 1.0), task)

    def scaled(self, labels: Array) -> Array:
        """Return labels as losses take them, targets with mean 0 and variance 1 over the training examples."""
        if self.mean is None or self.deviation is None:
            return in_rows(self.task, labels)
        rows = labels.reshape(len(labels), -1).astype(np.float64)
        return ((rows - self.mean) / self.deviation).astype(np.float32)

    def give_to(self, head: Any) -> None:
        """Let a linear head that was trained on scaled targets give them as they are."""
        if self.mean is not None and self.deviation is not None:
            kernel, bias = head.get_weights()
            head.set_weights([kernel * self.deviation, bias * self.deviation + self.mean])
