"""The model of a case before training: a backbone with a new head, a complete classifier, or a user's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import registry
from ..case import Case
from ..errors import CaseDefinitionError, ModelFileError

HEAD = "head_dense"
SIZE = 64  # of a builder that takes any, where the case does not say


def input_size(case: Case) -> int:
    """Return height and width of the images that the case's model takes, pixels.

    Raises:
        CaseDefinitionError: ``size`` is not what the model's file was made for, or is ``own`` and the file takes any.
        ModelFileError: the file is no model.
    """
    where = f"case: size = {case.size!r}: {case.model}"
    is_file = registry.is_path("model", case.model)
    own = _size_of_file(Path(case.model)) if is_file else _size_of_builder(case.model) or SIZE
    if case.size == "own":
        if own is None:
            raise CaseDefinitionError(f"{where} takes any size; write a number")
        return own
    if isinstance(case.size, str):
        raise CaseDefinitionError(f"{where} takes square images only; write a number")
    if is_file and own not in (None, case.size):
        raise CaseDefinitionError(f"{where} takes images of {own} x {own} pixels; write size={own} or size='own'")
    return case.size


def _size_of_builder(name: str) -> int | None:
    own: int | None = getattr(registry.get("model", name), "own_size", None)
    return own


def _size_of_file(path: Path) -> int | None:
    if path.suffix == ".keras":
        from ..runtimes.keras_graph import load_keras

        return _square(path, load_keras(path).input_shape)
    from ..runtimes.loader import open_artifact

    return open_artifact(path, threads=1).image_size


def _square(path: Path, shape: Any) -> int | None:
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2]:
        raise ModelFileError(f"{path}: must take square images (n, size, size, 3), its input is {shape}")
    size: int | None = shape[1]
    return size


def build_classifier(case: Case, classes: int, size: int, keras: Any) -> Any:
    """Return the model of a case, ready to be trained; with ``unfreeze = 0``, ready to be measured.

    Args:
        case: names the builder or the file, its weights and the seed of the new head.
        classes: how many the data have.
        size: height and width of the images, pixels.
        keras: the module to build with: Keras 3 or ``tf_keras``.

    Returns:
        A model from images (n, size, size, 3) of 0 to 255 to probabilities (n, classes); a new head is a dense
        layer with softmax and Glorot-uniform weights.

    Raises:
        CaseDefinitionError: the model cannot be trained, or is no complete classifier where one is needed.
        ModelFileError: the file or the weights are missing, or not those of the architecture.
    """
    keras.utils.set_random_seed(case.seed)
    if registry.is_path("model", case.model):
        return _from_file(case, classes, keras)
    builder = registry.get("model", case.model)
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
