"""What an ``.onnx`` file says of itself, read without running it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MissingDependencyError, ModelFileError, listed
from ..records.case_record import Provider
from ..storage.regular_files import open_regular
from ..tensors import Signature, TensorSpec
from .execution import PROVIDER_KEY, as_provider
from .fit import MAPPINGS
from .onnx_operations import external_tensors, operations_outside
from .trust import check_operations

if TYPE_CHECKING:
    import onnx


def read_onnx(path: Path, *, trusted: bool = False) -> onnx.ModelProto:
    """Read an ``.onnx`` file; nothing of it is run.

    Args:
        path: of the file.
        trusted: whether it may hold operations that are neither ONNX's nor built into its runtime.

    Raises:
        ModelFileError: it is none, keeps weights in other files, or holds such operations and is not trusted.
        MissingDependencyError: onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingDependencyError(f"opening {path}", "onnx", extra="onnx") from error
    from google.protobuf.message import DecodeError

    try:
        with open_regular(path) as stream:
            model = onnx.load(stream, load_external_data=False)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error
    except (DecodeError, RuntimeError) as error:
        text = "is damaged, or no ONNX file"
        raise ModelFileError(f"{path}: not a model that ONNX Runtime can run: {text}") from error
    if not model.graph.input or not model.graph.output:
        raise ModelFileError(f"{path}: not a model that ONNX Runtime can run: has no inputs or no outputs")
    if outside := external_tensors(model):
        raise ModelFileError(
            f"{path}: keeps {len(outside)} of its weights in other files, which an artifact of one file cannot;"
            f" save it with the weights inside: {listed([*map(ascii, outside[:3])])}{', ...' * (len(outside) > 3)}"
        )
    check_operations(path, operations_outside(model), trusted=trusted)
    return model


def signature_of(model: onnx.ModelProto) -> Signature:
    """Return what a model takes and gives; inputs with a value of their own are none."""
    constants = {constant.name for constant in model.graph.initializer}
    outputs = {value.name: value for value in model.graph.output}
    if any(_has_no_shape(value) for value in outputs.values()):
        outputs |= _inferred(model, set(outputs))
    return Signature(
        tuple(_spec(value) for value in model.graph.input if value.name not in constants),
        tuple(_spec(value) for value in outputs.values()),
    )


def provider_of(path: Path, model: onnx.ModelProto) -> Provider | None:
    """Return the execution provider that a model asks for, as one of ours may; None for most.

    Raises:
        ModelFileError: there is no such provider.
    """
    asked = [entry.value for entry in model.metadata_props if entry.key == PROVIDER_KEY]
    return as_provider(path, asked[0]) if asked else None


def parameters_of(model: onnx.ModelProto) -> int:
    """Return how many numbers a model's weights are."""
    return sum(int(np.prod(constant.dims)) for constant in model.graph.initializer)


def _has_no_shape(value: Any) -> bool:
    return value.type.WhichOneof("value") == "tensor_type" and not value.type.tensor_type.HasField("shape")


def _inferred(model: onnx.ModelProto, names: set[str]) -> dict[str, Any]:
    """The outputs as ONNX works their shapes out, where the file leaves them out."""
    import onnx

    try:
        graph = onnx.shape_inference.infer_shapes(model).graph
    except (onnx.shape_inference.InferenceError, ValueError):  # opening it says what is wrong
        return {}
    return {value.name: value for value in graph.output if value.name in names}


def _spec(value: Any) -> TensorSpec:
    """An input or output; one of unknown shape, or that is no tensor, has an axis of any length."""
    kind = value.type.WhichOneof("value")
    if kind == "sequence_type" and value.type.sequence_type.elem_type.WhichOneof("value") == "map_type":
        return TensorSpec(value.name, (None,), MAPPINGS)
    tensor = value.type.optional_type.elem_type.tensor_type if kind == "optional_type" else value.type.tensor_type
    if kind not in ("tensor_type", "optional_type"):
        return TensorSpec(value.name, (None,), str(kind).removesuffix("_type"))
    sides = [side.dim_value if side.HasField("dim_value") and side.dim_value > 0 else None for side in tensor.shape.dim]
    batch, *shape = sides or [None, None]
    return TensorSpec(value.name, tuple(shape), _dtype(tensor.elem_type), batch)


def _dtype(element: int) -> str:
    import onnx

    if element == onnx.TensorProto.STRING:
        return "string"
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(element).name)
    except KeyError:
        return f"type {element}"
