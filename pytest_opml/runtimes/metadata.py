"""What a model file says of the pixels that it takes and of the classes that it knows.

TFLite files may carry metadata of a schema of their own (``metadata_schema.fbs`` of tflite-support), with the files of
labels in a zip archive behind the model. ONNX files may have properties by name, a few of which ONNX's
``MetadataProps.md`` defines; others are what widely used exporters write. Only what leaves no doubt is read.
"""

from __future__ import annotations

import ast
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..tensors import TensorSpec
from .fit import MAPPINGS, figures_of
from .flatbuffer import FlatBufferError, Table
from .loader import kind_of
from .tflite_file import TfliteFile, read_tflite

if TYPE_CHECKING:
    import onnx

_IDENTIFIER = b"M001"
_MODEL_SUBGRAPHS, _GRAPH_INPUTS, _GRAPH_OUTPUTS = 3, 2, 3
_TENSOR_CONTENT, _TENSOR_UNITS, _TENSOR_FILES = 3, 4, 6
_NORMALISATION, _IMAGE, _AXIS_LABELS = 1, 2, 2
_COLOURS = {1: "rgb", 2: "grey"}

# The properties in which exporters leave the names of classes.
_NAMES = ("names", "classes", "class_names", "labels", "id2label")
# Of ONNX's own: how the pixels are scaled, and the order of their channels.
_RANGES: dict[str, dict[str, Any]] = {
    "NominalRange_0_255": {"scale": 1.0},
    "Normalized_0_1": {"scale": 1 / 255},
    "Normalized_1_1": {"scale": 1 / 127.5, "mean": 1.0},
}
_FORMATS = {"Gray8": "grey", "Rgb8": "rgb", "Bgr8": "bgr"}
_LAYOUTS = {
    ("DATA_BATCH", "DATA_CHANNEL", "DATA_FEATURE", "DATA_FEATURE"): "nchw",
    ("DATA_BATCH", "DATA_FEATURE", "DATA_FEATURE", "DATA_CHANNEL"): "nhwc",
}
_CLASSIFIERS = ("LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier")


class FileMetadata(NamedTuple):
    """What a file says of itself besides its inputs and outputs.

    Attributes:
        preprocess: fields of ``Preprocess`` for its images; None where it says nothing of them.
        classes: names of what its figures stand for, in their order; None where it does not say.
    """

    preprocess: dict[str, Any] | None = None
    classes: tuple[str, ...] | None = None


def read_metadata(path: Path) -> FileMetadata:
    """Read what a model file says of its pixels and classes; nothing where its metadata are damaged.

    Raises:
        ModelFileError: it is missing, of an unknown kind, or not a model.
        MissingDependencyError: the library that reads such a file is not installed.
    """
    kind = kind_of(path)
    if kind == "tflite":
        return _of_tflite(path, read_tflite(path, trusted=True))
    if kind == "onnx":
        from .onnx_file import read_onnx

        return _of_onnx(read_onnx(path, trusted=True))
    return FileMetadata()


# --- TFLite


def _of_tflite(path: Path, file: TfliteFile) -> FileMetadata:
    if file.metadata[4:8] != _IDENTIFIER:
        return FileMetadata()
    try:
        graphs = Table(memoryview(file.metadata)).tables(_MODEL_SUBGRAPHS)
        if not graphs:
            return FileMetadata()
        inputs, outputs = graphs[0].tables(_GRAPH_INPUTS), graphs[0].tables(_GRAPH_OUTPUTS)
        preprocess = _pixels(inputs[0]) if len(inputs) == len(file.inputs) == 1 else None
        labelled = [
            (labels, tensor.spec)
            for table, tensor in zip(outputs, file.outputs, strict=False)
            if (labels := _label_file(table))
        ]
        classes = _labels(path, *labelled[0]) if len(labelled) == 1 else None
    except FlatBufferError:
        return FileMetadata()
    return FileMetadata(preprocess, classes)


def _pixels(tensor: Table) -> dict[str, Any] | None:
    """How an image is given to an input: (pixel - mean) / std, and which channels it has."""
    content = tensor.table(_TENSOR_CONTENT)
    if content is None or content.number(0, "<B") != _IMAGE:
        return None
    facts: dict[str, Any] = {}
    for unit in tensor.tables(_TENSOR_UNITS):
        options = unit.table(1)
        if unit.number(0, "<B") == _NORMALISATION and options is not None:
            mean, std = options.numbers(0, "<f4"), options.numbers(1, "<f4")
            if len(mean) and len(std) and np.isfinite([*mean, *std]).all() and (std > 0).all():
                facts |= {"mean": _number_or_each(mean), "std": _number_or_each(std)}
    image = content.table(1)
    colour = _COLOURS.get(image.number(0, "<b")) if image is not None else None
    return (facts | {"channels": colour} if colour else facts) or None


def _number_or_each(values: Any) -> float | tuple[float, ...]:
    numbers = tuple(map(float, values))
    return numbers[0] if len(set(numbers)) == 1 else numbers


def _label_file(tensor: Table) -> str | None:
    """The name of the file with a line for each figure of an output."""
    files = tensor.tables(_TENSOR_FILES)
    return next((file.text(0) for file in files if file.number(2, "<b") == _AXIS_LABELS), None)


def _labels(path: Path, name: str, output: TensorSpec) -> tuple[str, ...] | None:
    try:
        with zipfile.ZipFile(path) as archive:
            lines = archive.read(name).decode("utf-8").splitlines()
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError, OSError, NotImplementedError, RuntimeError):
        return None
    return _if_as_many([line.strip() for line in lines if line.strip()], [output])


def _if_as_many(names: Sequence[str], outputs: Iterable[TensorSpec]) -> tuple[str, ...] | None:
    """The names, where an output has as many figures: what has others they do not belong to."""
    return tuple(names) if names and len(names) in {figures_of(output) for output in outputs} else None


# --- ONNX


def _of_onnx(model: onnx.ModelProto) -> FileMetadata:
    from .onnx_file import signature_of

    properties = {entry.key: entry.value for entry in model.metadata_props}
    outputs = signature_of(model).outputs
    named = (_if_as_many(_parsed(properties[name]), outputs) for name in _NAMES if name in properties)
    classes = next(filter(None, named), None) or _labels_of_classifier(model, outputs)
    constants = {constant.name for constant in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    return FileMetadata(_image(properties, inputs[0]) if len(inputs) == 1 else None, classes)


def _parsed(text: str) -> list[str]:
    """Names in a list, or in a mapping from their numbers; empty where it is neither."""
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, dict):
            numbered = {int(key): name for key, name in value.items() if str(key).isdecimal()}
            value = [numbered.get(number) for number in range(len(value))]
        if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
            return list(value)
    return []


def _labels_of_classifier(model: onnx.ModelProto, outputs: Sequence[TensorSpec]) -> tuple[str, ...] | None:
    """The classes of a model of classical machine learning, in the order in which the runtime gives their figures."""
    zipped = any(output.dtype == MAPPINGS for output in outputs)
    kinds = ("ZipMap",) if zipped else _CLASSIFIERS
    nodes = [node for node in model.graph.node if node.domain == "ai.onnx.ml" and node.op_type in kinds]
    if len(nodes) != 1:
        return None
    attributes = {attribute.name: attribute for attribute in nodes[0].attribute}
    for name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints"):
        if name in attributes:
            labels: list[Any] = list(attributes[name].strings or attributes[name].ints)
            labels = sorted(labels) if zipped else labels
            names = [label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label) for label in labels]
            return tuple(names) if zipped else _if_as_many(names, outputs)
    return None


def _image(properties: dict[str, str], value: Any) -> dict[str, Any] | None:
    """How an image is given to an input, by the properties that ONNX defines for images."""
    facts = dict(_RANGES.get(properties.get("Image.NominalPixelRange", ""), {}))
    channels = _FORMATS.get(properties.get("Image.BitmapPixelFormat", ""))
    layout = _LAYOUTS.get(tuple(side.denotation for side in value.type.tensor_type.shape.dim))
    if channels:
        facts["channels"] = channels
    if layout:
        facts["layout"] = layout
    return facts or None
