"""The model of a case before training: a backbone with a new head, a complete classifier, or a user's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import registry
from ..case import Case
from ..errors import CaseDefinitionError, DatasetError, ModelFileError
from ..records.case_record import image_sides
from ..tensors import DataSpec, Signature, TensorSpec
from .builders import takes_inputs

HEAD = "head_dense"


# The size of images where neither the case nor the builder has one, pixels.
_DEFAULT_SIZE = 64


def model_signature(case: Case) -> Signature | None:
    """Return what the case's model takes and gives; None where it is built for the data as they are.

    Raises:
        ModelFileError: the file is no model.
    """
    if registry.is_path("model", case.model):
        from ..runtimes.loader import read_signature

        return read_signature(Path(case.model))
    builder = registry.get("model", case.model)
    if takes_inputs(builder):
        return None
    default = getattr(builder, "own_size", None) or _DEFAULT_SIZE
    height, width = image_sides(case.size) or (default, default)
    return Signature((TensorSpec("", (height, width, 3), "uint8"),))


def check_data(case: Case, signature: Signature | None, spec: DataSpec) -> None:
    """Refuse data that the case's model cannot take.

    Args:
        case: names the model.
        signature: what the model takes; None where it is built for the data as they are.
        spec: what the data have, as they are handed out.

    Raises:
        DatasetError: they are of another kind or shape.
    """
    if signature is None or registry.is_path("model", case.model):
        return
    (wanted,), given = signature.inputs, spec.inputs
    if len(given) != 1 or given[0].shape != wanted.shape or given[0].dtype != wanted.dtype:
        has = "; ".join(map(str, given))
        raise DatasetError(
            f"data set {case.dataset}: {case.model} takes images, uint8 (n, height, width[, 1 or 3]) or files; "
            f"the data are {has}; a builder with a parameter 'inputs' takes data of any kind"
        )


def build_classifier(case: Case, spec: DataSpec, keras: Any) -> Any:
    """Return the model of a case, ready to be trained; with ``unfreeze = 0``, ready to be measured.

    Args:
        case: names the builder or the file, its weights and the seed of the new head.
        spec: what the data have and need.
        keras: the module to build with: Keras 3 or ``tf_keras``.

    Returns:
        A model from the inputs to a figure for each class; a new head is a dense layer with softmax and
        Glorot-uniform weights.

    Raises:
        CaseDefinitionError: the model cannot be trained, or is no complete classifier where one is needed.
        ModelFileError: the file or the weights are missing, or not those of the architecture.
    """
    classes = spec.outputs
    keras.utils.set_random_seed(case.seed)
    if registry.is_path("model", case.model):
        return _from_file(case, classes, keras)
    builder, size = registry.get("model", case.model), _side(case, spec)
    if getattr(builder, "is_classifier", False):
        if case.unfreeze != 0:
            raise CaseDefinitionError(f"case: unfreeze = {case.unfreeze!r}: {case.model} has nothing to train; write 0")
        return builder(keras, size, 3, classes=classes)
    if case.unfreeze == 0:
        raise CaseDefinitionError(
            f"case: unfreeze = 0: {case.model} gives features; only a complete classifier is measured as it is"
        )
    backbone = builder(keras, size, 3, weights=case.weights)
    if not isinstance(backbone, keras.Model) or len(getattr(backbone, "output_shape", ())) != 2:
        raise ModelFileError(f"model {case.model}: its builder must return a Keras model with features (n, k)")
    return _with_head(backbone, backbone.outputs[0], classes, case.seed, keras)


def _side(case: Case, spec: DataSpec) -> int:
    height, width = spec.inputs[0].shape[:2]
    if len(spec.inputs) != 1 or height is None or height != width:
        raise CaseDefinitionError(f"model {case.model}: is built for square images, the data are {spec.inputs[0]}")
    return height


def _with_head(backbone: Any, features: Any, classes: int, seed: int, keras: Any) -> Any:
    glorot = keras.initializers.GlorotUniform(seed)
    # softmax stays in float32 under every policy, as Keras advises
    head = keras.layers.Dense(classes, activation="softmax", name=HEAD, kernel_initializer=glorot, dtype="float32")
    return keras.Model(backbone.inputs, head(features), name=backbone.name)


def _from_file(case: Case, classes: int, keras: Any) -> Any:
    from ..runtimes.keras_graph import load_keras

    path = Path(case.model)
    if keras.__name__ != "keras":
        raise CaseDefinitionError(
            f"model {case.model}: exists as a Keras 3 file only, which {keras.__name__} cannot build; "
            "use cluster-K, prune-S or int8, or a builder package.module:build(keras, ...)"
        )
    model = load_keras(path)
    if "layers" not in model.get_config() or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelFileError(f"{path}: must be a functional or sequential model of one input and one output")
    if case.unfreeze == 0:
        if model.output_shape[1:] != (classes,):
            raise ModelFileError(f"{path}: must end in {classes} classes, its output is {model.output_shape}")
        return model
    features = keras.Model(model.inputs, _features_of(model, keras), name=model.name)
    if any(layer.name == HEAD for layer in features.layers):
        raise ModelFileError(f"{path}: a layer has the name {HEAD}, which the new head takes; rename it")
    return _with_head(features, features.outputs[0], classes, case.seed, keras)


def _features_of(model: Any, keras: Any) -> Any:
    """What the model's own head is fed with, or its output where it has none."""
    features = model.outputs[0]
    for layer in reversed(model.layers):
        if isinstance(layer, (keras.layers.Activation, keras.layers.Softmax)):
            continue
        if isinstance(layer, keras.layers.Dense):
            features = layer.input
        break
    return keras.layers.GlobalAveragePooling2D(name="head_pool")(features) if len(features.shape) == 4 else features
