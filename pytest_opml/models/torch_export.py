"""Models of PyTorch: a function that returns a ``torch.nn.Module``, and the ONNX file that it becomes."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import registry
from ..case import Case
from ..errors import CaseDefinitionError, MissingDependencyError, ModelFileError, one_line
from ..tensors import Array, TensorSpec
from .builders import is_finished_function

_TORCH, _MODERN = "torch", "onnxscript"
_EXAMPLES = 2  # one alone may be taken for a constant
_CLOSE = 1e-3  # of the answers' own size; kernels differ in the last digits


class TorchModel(NamedTuple):
    """What a user's function returned.

    Attributes:
        module: a ``torch.nn.Module``, in evaluation mode.
        example: inputs to trace it with, where the function gave some.
    """

    module: Any
    example: tuple[Any, ...] | None


def torch_model(case: Case) -> TorchModel | None:
    """Return the PyTorch model of a case, made by the user's function; None where the case has a model of another kind.

    Raises:
        CaseDefinitionError: the function fails, or returns something else.
        MissingDependencyError: PyTorch is not installed.
    """
    if registry.is_path("model", case.model):
        return None
    try:
        builder = registry.get("model", case.model)
    except CaseDefinitionError as error:
        raise _missing(case, error.__cause__) or error from error
    if not is_finished_function(builder):
        return None
    try:
        value = builder()
    except Exception as error:  # whatever the user's own code raises
        text = f"model {case.model}: its function fails: {type(error).__name__}: {one_line(error)}"
        raise _missing(case, error) or CaseDefinitionError(text) from error
    module, example = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
    if importlib.util.find_spec(_TORCH) is None:
        raise MissingDependencyError(f"model {case.model}: a function that takes nothing", _TORCH)
    import torch

    if not isinstance(module, torch.nn.Module):
        raise CaseDefinitionError(
            f"model {case.model}: a function that takes nothing must return a torch.nn.Module, or one with example "
            f"inputs, not {type(module).__name__}; a builder of Keras models takes (keras, size, channels)"
        )
    if example is not None and not isinstance(example, tuple):
        example = (example,)
    return TorchModel(module.eval(), example)


def _missing(case: Case, error: BaseException | None) -> MissingDependencyError | None:
    """What an import error says of a package that is lacking; None where PyTorch is not what lacks."""
    if isinstance(error, ModuleNotFoundError) and error.name == _TORCH:
        return MissingDependencyError(f"model {case.model}", _TORCH)
    return None


def example_inputs(specs: Sequence[TensorSpec]) -> tuple[Any, ...]:
    """Return tensors of the form of some data, to trace a module with: floats from 0 to 1, and zeros for whole numbers.

    Raises:
        CaseDefinitionError: an input is text, which PyTorch has not.
    """
    import torch

    random, tensors = np.random.default_rng(0), []
    for spec in specs:
        if spec.dtype == "string":
            raise CaseDefinitionError(f"{spec}: a torch.nn.Module takes no text")
        shape, dtype = (_EXAMPLES, *spec.least_shape), np.dtype(spec.dtype)
        array = random.random(shape).astype(dtype) if dtype.kind == "f" else np.zeros(shape, dtype)
        tensors.append(torch.from_numpy(array))
    return tuple(tensors)


def export(model: TorchModel, example: tuple[Any, ...], names: Sequence[str], path: Path, where: str) -> None:
    """Write a PyTorch model as an ONNX file that takes any number of examples, and compare its answers.

    Args:
        model: to write.
        example: inputs to trace it with.
        names: of the inputs, in their order.
        path: of the file.
        where: the model's name, for errors.

    Raises:
        ModelFileError: PyTorch cannot export it, or the file answers otherwise.
        MissingDependencyError: a package that it takes is not installed.
    """
    import torch

    batch = {name: {0: "n"} for name in (*names, "output")}
    common = {"input_names": list(names), "output_names": ["output"], "dynamic_axes": batch}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the way of exporting; what it makes is compared below
        try:
            torch.onnx.export(model.module, example, str(path), dynamo=False, **common)
        except Exception as error:
            if isinstance(error, ModuleNotFoundError):
                raise MissingDependencyError(f"exporting {where}", str(error.name)) from error
            if importlib.util.find_spec(_MODERN) is None:
                hint = f"pip install {_MODERN} lets PyTorch try another way"
                raise ModelFileError(f"{where}: cannot be exported to ONNX: {one_line(error)}; {hint}") from error
            _export_again(model, example, path, common, where)
        expected = model.module(*example)
    if not isinstance(expected, torch.Tensor):
        raise ModelFileError(f"{where}: returns {type(expected).__name__}; a model that is measured returns one tensor")
    _check_answers(path, dict(zip(names, example, strict=True)), expected.numpy(), where)


def _export_again(model: TorchModel, example: tuple[Any, ...], path: Path, common: dict[str, Any], where: str) -> None:
    """Export by way of ``torch.export``, which takes what tracing does not."""
    import torch

    try:
        torch.onnx.export(model.module, example, str(path), dynamo=True, external_data=False, **common)
    except Exception as error:
        raise ModelFileError(f"{where}: cannot be exported to ONNX: {one_line(error)}") from error


def _check_answers(path: Path, inputs: dict[str, Any], expected: Array, where: str) -> None:
    from ..runtimes.loader import open_artifact

    given = {name: tensor.numpy() for name, tensor in inputs.items()}
    batch = given if len(given) > 1 else next(iter(given.values()))
    try:
        runtime = open_artifact(path)
        answers = runtime.probabilities(runtime.run(runtime.place(batch)))
    except ModelFileError as error:
        raise ModelFileError(f"{where}: {str(error).replace(str(path), 'its ONNX file')}") from error
    size = max(float(np.abs(expected).max()), 1e-6)
    if answers.shape != expected.shape or not np.allclose(answers, expected, rtol=_CLOSE, atol=_CLOSE * size):
        raise ModelFileError(f"{where}: its ONNX file answers otherwise than the module itself, so it was not measured")
