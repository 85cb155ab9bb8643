"""TFLite files written without TensorFlow, and the metadata that they may carry."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema


def write_dense(
    path: Path,
    weights: npt.NDArray[np.float32],
    *,
    features: Sequence[int] | None = None,
    metadata: bytes = b"",
    files: dict[str, str] | None = None,
) -> Path:
    """Write a model of one dense layer.

    Args:
        path: of the file.
        weights: (outputs, inputs).
        features: shape of an example; (inputs,) if None.
        metadata: the FlatBuffer of its metadata.
        files: what lies in the archive behind the model.
    """
    outputs, inputs = weights.shape
    shape = [1, *(features or [inputs])]
    tensors = [
        _tensor("numbers", shape, 0, [-1, *shape[1:]]),
        _tensor("weights", [outputs, inputs], 1),
        _tensor("figures", [1, outputs], 0, [-1, outputs]),
    ]
    layer = schema.OperatorT()
    layer.inputs, layer.outputs = [0, 1, -1], [2]
    layer.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    layer.builtinOptions = schema.FullyConnectedOptionsT()
    buffers = [b"", weights.tobytes(), metadata]
    model = _model(schema.BuiltinOperator.FULLY_CONNECTED, layer, tensors, buffers)
    if metadata:
        entry = schema.MetadataT()
        entry.name, entry.buffer = "TFLITE_METADATA", 2
        model.metadata = [entry]
    _write(path, model)
    if files:
        with zipfile.ZipFile(path, "a") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
    return path


def write_memory(path: Path) -> Path:
    """Write a model (1, 1) that adds the number of the call before to the given one, as long as it remembers it."""
    tensors = [
        _tensor("number", [1, 1], 0),
        _tensor("weights", [1, 1], 1),
        _tensor("times", [1, 2], 2),
        _tensor("memory", [1, 2], 0),
        _tensor("sum", [1, 1], 0),
    ]
    tensors[3].isVariable = True
    layer = schema.OperatorT()
    layer.inputs, layer.outputs = [0, 1, 2, -1, 3], [4]
    layer.builtinOptionsType = schema.BuiltinOptions.SVDFOptions
    layer.builtinOptions = schema.SVDFOptionsT()
    layer.builtinOptions.rank = 1
    ones = np.ones(2, np.float32)
    _write(path, _model(schema.BuiltinOperator.SVDF, layer, tensors, [b"", ones[:1].tobytes(), ones.tobytes()]))
    return path


def _model(code: int, layer: Any, tensors: list[Any], buffers: list[bytes]) -> Any:
    """A model of one operation, from the first tensor to the last."""
    model = schema.ModelT()
    model.version = 3
    model.buffers = [_buffer(content) for content in buffers]
    operator = schema.OperatorCodeT()
    operator.builtinCode = operator.deprecatedBuiltinCode = code
    model.operatorCodes = [operator]
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = tensors, [layer]
    graph.inputs, graph.outputs = [0], [len(tensors) - 1]
    model.subgraphs = [graph]
    return model


def _write(path: Path, model: Any) -> None:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())


def _buffer(content: bytes) -> Any:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(content, np.uint8) if content else None
    return buffer


def _tensor(name: str, shape: list[int], buffer: int, signature: list[int] | None = None) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name, shape, buffer
    tensor.type = schema.TensorType.FLOAT32
    tensor.shapeSignature = signature
    return tensor


def image_metadata(
    *,
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
    colour: int = 0,
    labels: str = "",
    identifier: bytes = b"M001",
) -> bytes:
    """Return metadata of a model of one image, by the schema of tflite-support.

    Args:
        mean: of the pixels.
        std: likewise.
        colour: 1 for RGB, 2 for grey.
        labels: the file with a line for each figure.
        identifier: of the schema.
    """
    builder = flatbuffers.Builder(256)
    options = _table(builder, 2, {0: _numbers(builder, mean), 1: _numbers(builder, std)}) if mean else 0
    units = _tables(builder, [_table(builder, 2, {1: options}, {0: 1})]) if options else 0
    image = _table(builder, 2, {}, {0: colour})
    content = _table(builder, 3, {1: image}, {0: 2})
    given = _tables(builder, [_table(builder, 7, {3: content, 4: units})])
    files = 0
    if labels:
        files = _tables(builder, [_table(builder, 3, {0: builder.CreateString(labels)}, {2: 2})])
    answers = _tables(builder, [_table(builder, 7, {6: files})])
    graphs = _tables(builder, [_table(builder, 4, {2: given, 3: answers})])
    builder.Finish(_table(builder, 4, {3: graphs}), identifier)
    return bytes(builder.Output())


def _table(builder: Any, fields: int, offsets: dict[int, int], numbers: dict[int, int] | None = None) -> int:
    builder.StartObject(fields)
    for field, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(field, offset, 0)
    for field, number in (numbers or {}).items():
        builder.PrependInt8Slot(field, number, 0)
    return int(builder.EndObject())


def _tables(builder: Any, tables: list[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return int(builder.EndVector())


def _numbers(builder: Any, values: Sequence[float]) -> int:
    return int(builder.CreateNumpyVector(np.array(values, np.float32)))
