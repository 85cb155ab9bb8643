"""What an ONNX model holds wherever its graphs hold it: weights in other files, and operations that only some have.

A graph holds others in the attributes of its nodes (the branches of If, the bodies of Loop and Scan), a model holds
functions of its own and graphs of its training; tensors lie in initializers, sparse or not, and in attributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

# Of ONNX itself, whose operations the package onnx lists.
_STANDARD = ("", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training", "ai.onnx.training")
# Of ONNX Runtime, built into it.
_BUILT_IN = ("com.microsoft", "com.microsoft.nchwc", "com.microsoft.experimental", "com.ms.internal.nhwc")
# Of these, those that run Python or another program, or read the rest of the model from a file.
_OUTSIDE = frozenset(("PythonOp", "PythonOpGrad", "ATen", "ATenGrad", "ExternalOp", "TritonOp", "EPContext", "PyOp"))


def external_tensors(model: onnx.ModelProto) -> list[str]:
    """Return the names of the tensors whose numbers lie in other files."""
    import onnx

    external = onnx.TensorProto.EXTERNAL
    return [tensor.name or "one without a name" for tensor in _tensors(model) if tensor.data_location == external]


def operations_outside(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return the names of operations that are neither ONNX's nor built into its runtime, or reach outside; sorted."""
    import onnx

    functions = {(function.domain, function.name) for function in model.functions}
    names = set()
    for node in _nodes(model):
        domain, name = _text(node.domain), _text(node.op_type)
        if (node.domain, node.op_type) in functions:
            continue
        if domain in _STANDARD:
            is_fine = onnx.defs.has(name, "" if domain == "ai.onnx" else domain)
        else:
            is_fine = domain in _BUILT_IN and name not in _OUTSIDE
        if not is_fine:
            names.add(f"{domain}:{name}" if domain else name)
    return tuple(sorted(names))


def _text(name: str | bytes) -> str:
    """A name, which protobuf hands out as bytes where it is no text."""
    return name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name


def _graphs(model: onnx.ModelProto) -> Iterator[Any]:
    """All that holds nodes: the graph, those within it, those of training, and functions with those within them."""
    holders: list[Any] = [model.graph, *model.functions]
    holders += [graph for training in model.training_info for graph in (training.initialization, training.algorithm)]
    while holders:
        holder = holders.pop()
        yield holder
        for node in holder.node:
            for attribute in node.attribute:
                holders += [attribute.g, *attribute.graphs] if attribute.HasField("g") else attribute.graphs


def _nodes(model: onnx.ModelProto) -> Iterator[Any]:
    for graph in _graphs(model):
        yield from graph.node


def _tensors(model: onnx.ModelProto) -> Iterator[Any]:
    for graph in _graphs(model):
        sparse = list(getattr(graph, "sparse_initializer", ()))
        yield from getattr(graph, "initializer", ())
        for node in graph.node:
            for attribute in node.attribute:
                yield from [attribute.t, *attribute.tensors] if attribute.HasField("t") else attribute.tensors
                sparse += [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
                sparse += attribute.sparse_tensors
        for tensor in sparse:
            yield from (tensor.values, tensor.indices)
