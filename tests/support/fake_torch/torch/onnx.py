from __future__ import annotations

from typing import Any

from . import nn
from ._tensor import Tensor


def export(
    model: nn.Module,
    args: tuple[Tensor, ...],
    f: str,
    *,
    input_names: list[str],
    output_names: list[str],
    dynamic_axes: dict[str, dict[int, str]],
    dynamo: bool,
) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []
    name = input_names[0]
    modules = model.modules if isinstance(model, nn.Sequential) else (model,)
    for number, module in enumerate(modules):
        following = output_names[0] if number == len(modules) - 1 else f"step{number}"
        if isinstance(module, nn.Flatten):
            nodes.append(helper.make_node("Flatten", [name], [following], axis=1))
        elif isinstance(module, nn.Linear):
            constants.append(numpy_helper.from_array(module.weight.numpy().T.copy(), f"weight{number}"))
            nodes.append(helper.make_node("MatMul", [name, f"weight{number}"], [following]))
        else:
            raise RuntimeError(f"Unsupported operator {type(module).__name__}")  # noqa: TRY004 - as PyTorch does
        name = following
    shapes = [(input_names[0], args[0].numpy().shape), (output_names[0], model(*args).numpy().shape)]
    values = [
        helper.make_tensor_value_info(
            name, TensorProto.FLOAT, [dynamic_axes[name].get(i, n) for i, n in enumerate(shape)]
        )
        for name, shape in shapes
    ]
    graph = helper.make_graph(nodes, "torch", values[:1], values[1:], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), f)
