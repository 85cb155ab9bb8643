"""The model of a case before training: a backbone with a new head, a complete classifier, or a user's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import registry
from ..case import Case
from ..errors import CaseDefinitionError, DatasetError, ModelFileError
from ..records.case_record import image_sides
from ..runtimes.fit import check_fits, check_inputs, check_output
from ..runtimes.keras_graph import structure_of
from ..tensors import DataSpec, Signature, TensorSpec, as_batch
from .builders import DEFAULT_SIZE, is_finished_function, takes, takes_inputs
from .cloning import assign, clone, inputs_like
from .heads import with_head
from .keras_file import open_keras_file, without_head


def model_signature(case: Case, *, trusted: bool = False) -> Signature | None:
    """Return what the case's model takes and gives; None where it is built for the data as they are.

    Args:
        case: names the model.
        trusted: whether a file may do more than compute.

    Raises:
        ModelFileError: the file is no model, or does more and is not trusted.
    """
    if registry.is_path("model", case.model):
        from ..runtimes.loader import read_signature

        return read_signature(Path(case.model), trusted=trusted)
    builder = registry.get("model", case.model)
    if takes_inputs(builder) or is_finished_function(builder):
        return None
    own = getattr(builder, "own_size", None) if case.size == "own" else None
    default = own or DEFAULT_SIZE
    height, width = image_sides(case.size) or (default, default)
    return Signature((TensorSpec("", (height, width, 3), "uint8"),))


def check_data(case: Case, signature: Signature | None, spec: DataSpec) -> None:
    """Refuse data that the case's model cannot take.

    Args:
        case: names the model.
        signature: what the model takes; None where it is built for the data as they are.
        spec: what the data have, as they are handed out.

    Raises:
        CaseDefinitionError: their pixels are worked out for a model that does so itself.
        DatasetError: they are of another kind or shape.
        ModelFileError: likewise, of a file; or its output cannot stand for the labels.
    """
    if signature is None:
        return
    if registry.is_path("model", case.model):
        _check_file(case, signature, spec)
        return
    (wanted,), given = signature.inputs, spec.inputs
    if case.preprocess and case.preprocess.is_arithmetic:
        raise CaseDefinitionError(
            f"case: preprocess: {case.model} takes pixels of 0 to 255 and works them out itself; leave out scale, mean "
            "and std"
        )
    if len(given) != 1 or given[0].shape != wanted.shape or given[0].dtype != wanted.dtype:
        has = "; ".join(map(str, given))
        raise DatasetError(
            f"data set {case.dataset}: {case.model} takes images, uint8 (n, height, width[, 1 or 3]) or files; "
            f"the data are {has}; a builder with a parameter 'inputs' takes data of any kind"
        )


def _check_file(case: Case, signature: Signature, spec: DataSpec) -> None:
    """Refuse a file that does not fit the data; one that is given a new head may end in anything."""
    path = Path(case.model)
    if case.unfreeze == 0:
        check_fits(path, signature, spec, output=case.output, classes=case.classes)
    else:
        check_inputs(path, signature, spec)


def build_classifier(case: Case, spec: DataSpec, keras: Any) -> Any:
    """Return the model of a case, ready to be trained; with ``unfreeze = 0``, ready to be measured.

    Args:
        case: names the builder or the file, its weights and the seed of the new head.
        spec: what the data have and need.
        keras: the module to build with: Keras 3 or ``tf_keras``.

    Returns:
        A model with one output, from the inputs to a figure for each class, label or target. A new head is a dense
        layer with Glorot-uniform weights: softmax for classes, sigmoid for labels, linear for targets.

    Raises:
        CaseDefinitionError: the model cannot be trained, or is no complete classifier where one is needed.
        ModelFileError: the file or the weights are missing, or not those of the architecture.
    """
    keras.utils.set_random_seed(case.seed)
    if case.unfreeze != 0 and case.classes is not None:
        raise CaseDefinitionError(
            f"case: classes: name the outputs of a finished model, and unfreeze = {case.unfreeze!r} gives "
            f"{case.model} a new head; leave one out"
        )
    if registry.is_path("model", case.model):
        return _from_file(case, spec, keras)
    builder = registry.get("model", case.model)
    if getattr(builder, "is_classifier", False):
        return _built_classifier(case, builder, spec, keras)
    if case.unfreeze == 0:
        raise CaseDefinitionError(
            f"case: unfreeze = 0: {case.model} gives features; only a complete classifier is measured as it is"
        )
    backbone = _built(case, builder, spec, keras, {"weights": case.weights})
    if not isinstance(backbone, keras.Model) or len(getattr(backbone, "output_shape", ())) != 2:
        raise ModelFileError(f"model {case.model}: its builder must return a Keras model with features (n, k)")
    inputs = structure_of(backbone) if keras.__name__ == "keras" else backbone.input
    return with_head(inputs, backbone.outputs[0], spec, case.seed, keras, backbone.name)


def _built_classifier(case: Case, builder: Any, spec: DataSpec, keras: Any) -> Any:
    """What the builder of a complete classifier gives."""
    if case.unfreeze != 0:
        raise CaseDefinitionError(f"case: unfreeze = {case.unfreeze!r}: {case.model} has nothing to train; write 0")
    more: dict[str, Any] = {"classes": spec.outputs}
    if takes(builder, "task"):
        more["task"] = spec.task
    elif spec.task != "classification":
        raise CaseDefinitionError(
            f"model {case.model}: classifies, and the task of data set {case.dataset} is {spec.task}; "
            "a builder with a parameter 'task' can do others"
        )
    model = _built(case, builder, spec, keras, more)
    if not isinstance(model, keras.Model) or len(model.outputs) != 1:
        raise ModelFileError(f"model {case.model}: its builder must return a Keras model with one output")
    _check_output(case, model, spec)
    return model


def _check_output(case: Case, model: Any, spec: DataSpec) -> None:
    """Refuse a finished model whose output does not stand for the labels of the data."""
    (tensor,) = model.outputs
    dtype = tensor.dtype if isinstance(tensor.dtype, str) else tensor.dtype.name  # of Keras 3 and of tf_keras
    output = TensorSpec("", tuple(tensor.shape[1:]), dtype)
    check_output(Path(case.model), output, spec, case.classes)


def _built(case: Case, builder: Any, spec: DataSpec, keras: Any, more: dict[str, Any]) -> Any:
    """What a builder makes for the inputs of the data, or for images of their size."""
    if not takes_inputs(builder):
        model = builder(keras, _size(case, builder, spec), 3, **more)
        return model if spec.inputs[0].dtype == "uint8" else _taking_floats(model, keras)
    inputs = _new_inputs(spec, keras)
    more = {name: value for name, value in more.items() if takes(builder, name)}
    model = builder(keras, inputs=inputs, **more)
    if isinstance(model, keras.Model) or not hasattr(model, "shape"):
        return model
    return keras.Model(inputs, model, name=case.model.rpartition(":")[0].rpartition(".")[2] or case.model)


def _taking_floats(model: Any, keras: Any) -> Any:
    """A model of pixels for pixels that were scaled already; Keras would cut them to whole numbers at its input."""
    if not isinstance(model, keras.Model) or all("float" in str(tensor.dtype) for tensor in model.inputs):
        return model
    if keras.__name__ == "keras":
        return clone(model, input_tensors=inputs_like(model, "float32"))
    (tensor,) = model.inputs
    copied = keras.models.clone_model(model, input_tensors=keras.Input(tensor.shape[1:], dtype="float32"))
    assign(copied, model.get_weights())
    return copied


def _new_inputs(spec: DataSpec, keras: Any) -> Any:
    """An input tensor for each input of the data: one, or a dict by name."""
    tensors = {one.name: keras.Input(one.shape, dtype=one.dtype, name=one.name or "input") for one in spec.inputs}
    return as_batch(tensors)


def _size(case: Case, builder: Any, spec: DataSpec) -> int | tuple[int, int]:
    """Height and width of the images as a builder is given them."""
    height, width = spec.inputs[0].shape[:2] if len(spec.inputs[0].shape) == 3 else (None, None)
    if len(spec.inputs) != 1 or height is None or width is None:
        raise CaseDefinitionError(f"model {case.model}: is built for images, the data are {spec.inputs[0]}")
    if height == width:
        return height
    if not getattr(builder, "any_shape", False):
        raise CaseDefinitionError(
            f"case: size = {case.size!r}: {case.model} is built for square images, these are {height} x {width}; write "
            "one number, or mark the builder with pytest_opml.models.builders.any_shape"
        )
    return height, width


def _from_file(case: Case, spec: DataSpec, keras: Any) -> Any:
    path = Path(case.model)
    if keras.__name__ != "keras":
        raise CaseDefinitionError(
            f"model {case.model}: exists as a Keras 3 file only, which {keras.__name__} cannot build; "
            "use cluster-K, prune-S or int8, or a builder package.module:build(keras, ...)"
        )
    model = open_keras_file(path, case.output)
    if case.unfreeze == 0:
        _check_output(case, model, spec)
        return model
    body = without_head(path, model)
    return with_head(structure_of(body), body.outputs[0], spec, case.seed, keras, body.name)
