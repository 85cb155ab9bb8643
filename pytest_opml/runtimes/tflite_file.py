"""What a ``.tflite`` file says of itself, read without an interpreter: its inputs, its outputs and its metadata.

The numbers of the fields are those of TensorFlow's ``lite/schema/schema.fbs``.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import ModelFileError
from ..storage.regular_files import open_regular
from ..tensors import Signature, TensorSpec
from .flatbuffer import FlatBufferError, Table
from .trust import check_operations

_MODEL_OPERATIONS, _MODEL_SUBGRAPHS, _MODEL_BUFFERS, _MODEL_METADATA, _MODEL_SIGNATURES = 1, 2, 4, 6, 7
_GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_OPERATIONS = 0, 1, 2, 3
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_QUANTISATION, _TENSOR_VARIABLE, _TENSOR_ANY_SHAPE = 0, 1, 3, 4, 5, 7
_QUANTISATION_SCALE, _QUANTISATION_ZERO = 2, 3
_SIGNATURE_INPUTS, _SIGNATURE_OUTPUTS, _SIGNATURE_GRAPH = 0, 1, 4
_MODEL_EXTERNAL_BUFFERS = 9
_ASSIGN_VARIABLE, _CUSTOM = 144, 32
# Custom by their form, and built into LiteRT: see ``register.cc`` of TensorFlow Lite.
_OWN_CUSTOM = frozenset(("TFLite_Detection_PostProcess", "Mfcc", "AudioSpectrogram", "NumericVerify"))
_METADATA = "TFLITE_METADATA"
_TYPES = {
    0: "float32",
    1: "float16",
    2: "int32",
    3: "uint8",
    4: "int64",
    5: "string",
    6: "bool",
    7: "int16",
    9: "int8",
    10: "float64",
    12: "uint64",
    15: "uint32",
    16: "uint16",
    17: "int4",
}


class TfliteTensor(NamedTuple):
    """An input or output.

    Attributes:
        number: by which an interpreter knows it.
        spec: its form; an integer one may be quantised.
        scale: real value of a step of a quantised one; 0 where it is not quantised.
        zero_point: the integer that stands for 0.
    """

    number: int
    spec: TensorSpec
    scale: float
    zero_point: int


class TfliteFile(NamedTuple):
    """Inputs and outputs of a file, in its own order, and what lies in its metadata.

    Attributes:
        metadata: the FlatBuffer of its metadata; empty where it has none.
        has_state: whether it has tensors that hold on to their values, as a layer of LSTM has; an interpreter can
            clear them.
        foreign_operations: names of its operations that LiteRT does not have.
    """

    inputs: tuple[TfliteTensor, ...]
    outputs: tuple[TfliteTensor, ...]
    metadata: bytes
    has_state: bool
    foreign_operations: tuple[str, ...] = ()

    @property
    def signature(self) -> Signature:
        """What the model takes and gives."""
        return Signature(*(tuple(tensor.spec for tensor in tensors) for tensors in (self.inputs, self.outputs)))


def read_tflite(path: Path, *, trusted: bool = False) -> TfliteFile:
    """Read what a ``.tflite`` file says of its inputs and outputs; nothing of it is run.

    Args:
        path: of the file.
        trusted: whether it may hold operations that LiteRT does not have.

    Raises:
        ModelFileError: it is none, is damaged, keeps weights in other files, or holds such operations and is not
            trusted.
    """
    with open_regular(path) as stream:
        if stream.read(8)[4:] != b"TFL3":
            raise ModelFileError(f"{path}: not a .tflite file (no TFL3 identifier)")
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        model = Table(memoryview(content))
        graphs = model.tables(_MODEL_SUBGRAPHS)
        if not graphs:
            raise ModelFileError(f"{path}: not a model that LiteRT can run: has no graph")
        if model.tables(_MODEL_EXTERNAL_BUFFERS):
            raise ModelFileError(f"{path}: keeps weights in other files, which an artifact of one file cannot")
        foreign = _foreign_operations(model)
        check_operations(path, foreign, trusted=trusted)
        names = _names(model)
        tensors = graphs[0].tables(_GRAPH_TENSORS)
        inputs, outputs = (
            tuple(
                _tensor(tensors[index], int(index), names.get(int(index))) for index in graphs[0].numbers(field, "<i4")
            )
            for field in (_GRAPH_INPUTS, _GRAPH_OUTPUTS)
        )
        if not inputs or not outputs:
            raise ModelFileError(f"{path}: not a model that LiteRT can run: has no inputs or no outputs")
        if _ASSIGN_VARIABLE in _operations(model, graphs[0]):
            raise ModelFileError(
                f"{path}: stores values from call to call (ASSIGN_VARIABLE), so that an answer depends on the examples"
                " before it; convert a model that takes a whole example in one call"
            )
        has_state = any(tensor.number(_TENSOR_VARIABLE, "<b") for tensor in tensors)
        return TfliteFile(inputs, outputs, _metadata(model), has_state, foreign)
    except FlatBufferError as error:
        raise ModelFileError(f"{path}: not a model that LiteRT can run: {error}") from error
    except IndexError as error:
        raise ModelFileError(f"{path}: not a model that LiteRT can run: lacks a tensor that it names") from error


def _foreign_operations(model: Table) -> tuple[str, ...]:
    """The names of operations that the file calls custom and LiteRT does not have; TensorFlow's begin with Flex."""
    names = {code.text(1) for code in model.tables(_MODEL_OPERATIONS) if _code(code) == _CUSTOM}
    return tuple(sorted(name or "one without a name" for name in names - _OWN_CUSTOM))


def _code(operation: Table) -> int:
    return max(operation.number(0, "<b"), operation.number(3, "<i"))  # one byte was enough for the older ones


def _operations(model: Table, graph: Table) -> set[int]:
    """The codes of the operations of a graph."""
    codes = [_code(code) for code in model.tables(_MODEL_OPERATIONS)]
    return {codes[operation.number(0, "<I")] for operation in graph.tables(_GRAPH_OPERATIONS)}


def _names(model: Table) -> dict[int, str]:
    """The names that the file's signature gives to tensors, which are those of the model that was converted."""
    for signature in model.tables(_MODEL_SIGNATURES):
        if signature.number(_SIGNATURE_GRAPH, "<I") == 0:
            entries = [*signature.tables(_SIGNATURE_INPUTS), *signature.tables(_SIGNATURE_OUTPUTS)]
            return {entry.number(1, "<I"): entry.text(0) for entry in entries}
    return {}


def _tensor(tensor: Table, index: int, name: str | None) -> TfliteTensor:
    shape = [int(side) for side in tensor.numbers(_TENSOR_SHAPE, "<i4")]
    # what may have any length is -1 here, and 1 in the shape
    shape = [int(side) for side in tensor.numbers(_TENSOR_ANY_SHAPE, "<i4")] or shape
    batch, *sides = [None if side < 0 else side for side in shape] or [None]
    code = tensor.number(_TENSOR_TYPE, "<b")
    plain = name or tensor.text(_TENSOR_NAME).removeprefix("serving_default_").partition(":")[0]
    spec = TensorSpec(plain, tuple(sides), _TYPES.get(code, f"type {code}"), batch)
    quantisation = tensor.table(_TENSOR_QUANTISATION)
    scales = quantisation.numbers(_QUANTISATION_SCALE, "<f4") if quantisation else np.empty(0)
    zeros = quantisation.numbers(_QUANTISATION_ZERO, "<i8") if quantisation else np.empty(0)
    scale = float(scales[0]) if len(scales) == 1 else 0.0
    return TfliteTensor(index, spec, scale, int(zeros[0]) if scale and len(zeros) else 0)


def _metadata(model: Table) -> bytes:
    buffers = model.tables(_MODEL_BUFFERS)
    for entry in model.tables(_MODEL_METADATA):
        if entry.text(0) == _METADATA:
            return buffers[entry.number(1, "<I")].numbers(0, "u1").tobytes()
    return b""
