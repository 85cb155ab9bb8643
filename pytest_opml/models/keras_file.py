"""A user's own ``.keras`` file: what can be wrong with it, which output is meant, and its network without the head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelFileError
from ..runtimes.fit import measured_output
from ..runtimes.keras_graph import keras_signature, load_keras, structure_of
from .heads import HEAD

_ACTIVATIONS = frozenset(("Activation", "Softmax", "Sigmoid"))


def open_keras_file(path: Path, output: str | None) -> Any:
    """Load a model that can be trained, or measured as it is, with the one output that counts.

    Args:
        path: of a ``.keras`` file.
        output: name of the output, of a model with several.

    Raises:
        ModelFileError: it is no functional or sequential model, its weights are no numbers, or it is not clear which
            output counts.
    """
    model = load_keras(path)
    if "layers" not in model.get_config() or not model.built:
        raise ModelFileError(
            f"{path}: must be a functional or sequential model with its inputs declared, for nothing is known of the "
            "layers of another one; build it with keras.Input and save it again"
        )
    _check_weights(path, model)
    return _with_one_output(path, model, output)


def _check_weights(path: Path, model: Any) -> None:
    for variable in model.weights:
        array = np.asarray(variable)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            count = int(np.count_nonzero(~np.isfinite(array)))
            raise ModelFileError(
                f"{path}: {count:,} of the {array.size:,} weights in {variable.path} are no finite numbers; the "
                "training that wrote it went wrong: use an earlier checkpoint"
            )


def _with_one_output(path: Path, model: Any, output: str | None) -> Any:
    import keras

    outputs = keras_signature(path, model).outputs
    is_plain = isinstance(model, keras.Sequential) or hasattr(model.output, "shape")
    if len(outputs) == 1 and is_plain:
        return model
    # also of one in a dict or list: what trains and converts gives the tensor itself
    return keras.Model(structure_of(model), model.outputs[measured_output(path, outputs, output)], name=model.name)


def without_head(path: Path, model: Any) -> Any:
    """Return a model of the features (n, k) that a model's own head is fed with, or of its output where it has none.

    A head is a dense layer, with activations behind it or none. Maps and sequences of features are averaged.

    Args:
        path: of its file, which errors name.
        model: functional or sequential, with one output.

    Raises:
        ModelFileError: the layer that the new head takes the name of is there already.
    """
    import keras

    features = _features(model.outputs[0])
    pooling = {3: "GlobalAveragePooling1D", 4: "GlobalAveragePooling2D", 5: "GlobalAveragePooling3D"}
    if len(features.shape) in pooling:
        features = getattr(keras.layers, pooling[len(features.shape)])(name="head_pool")(features)
    elif len(features.shape) != 2:
        raise ModelFileError(f"{path}: gives {tuple(features.shape)}, which no head can be put on")
    body = keras.Model(structure_of(model), features, name=model.name)
    if any(layer.name == HEAD for layer in body.layers):
        raise ModelFileError(f"{path}: a layer has the name {HEAD}, which the new head takes; rename it")
    return body


def _features(output: Any) -> Any:
    import keras

    tensor = output
    while True:
        history = tensor._keras_history
        operation = history.operation
        sources = operation._inbound_nodes[history.node_index].input_tensors
        if isinstance(operation, keras.Model):  # a head in a model of its own
            inner = operation.outputs[history.tensor_index]
            features = _features(inner)
            if features is inner:
                return output
            return keras.Model(operation.inputs, features, name=operation.name)(list(sources))
        if isinstance(operation, keras.layers.Dense):
            return sources[0]
        if type(operation).__name__ not in _ACTIVATIONS or len(sources) != 1:
            return output
        tensor = sources[0]
