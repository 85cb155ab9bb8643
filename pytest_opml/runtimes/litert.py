"""TFLite files, run by LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError, one_line
from ..tensors import Array, Batch
from .base import Runtime
from .fit import arranged, as_dtype, call_size, measured_output
from .tflite_file import TfliteTensor, read_tflite

_Shapes = tuple[tuple[int, ...], ...]

# Each is the whole model with its memory for one form of inputs; two of a pass, and some of texts of several lengths.
_MOST_INTERPRETERS = 4
# Of 8-bit values that a quantised input cannot hold: a calibrated scale cuts off a few, never so many.
_MOST_CUT_OFF = 0.1


class _Call(NamedTuple):
    """The model's own inputs of one call by their numbers, and the interpreter for their shapes."""

    interpreter: Any
    inputs: list[tuple[int, Array]]


class _Input:
    """An input of a file, and how numbers are given to it."""

    def __init__(self, path: Path, tensor: TfliteTensor) -> None:
        self.path, self.number, self.spec = path, tensor.number, tensor.spec
        self._scale, self._zero_point = tensor.scale, tensor.zero_point
        # what each of the 256 values of a byte is on the input's own scale
        self._table = self._quantised(np.arange(256)) if tensor.scale else None
        self._checked = False

    def given(self, array: Array) -> Array:
        """Return numbers (n, ...) as the input takes them.

        Raises:
            ModelFileError: they do not fit its type or its range.
        """
        if not self._scale or array.dtype.kind not in "biuf" or array.dtype.name == self.spec.dtype != "uint8":
            return as_dtype(self.path, array, self.spec)  # signed bytes are on the input's scale already
        if array.dtype != np.uint8 or self._table is None:
            return self._quantised(array)
        self._check_range(array)
        return np.asarray(self._table[array])

    def _quantised(self, numbers: Array) -> Array:
        limits = np.iinfo(self.spec.dtype)
        steps = np.rint(numbers / np.float32(self._scale)) + self._zero_point
        return np.asarray(np.clip(steps, limits.min, limits.max).astype(self.spec.dtype))

    def _check_range(self, array: Array) -> None:
        """Refuse bytes on another scale than the input's, of which nothing would be left but black and white."""
        if self._checked:
            return
        limits = np.iinfo(self.spec.dtype)
        low, high = ((limit - self._zero_point) * self._scale for limit in (limits.min, limits.max))
        if np.mean(array > high + self._scale) > _MOST_CUT_OFF:
            raise ModelFileError(
                f"{self.path}: input {self.spec} holds values from {low:.4g} to {high:.4g}, and the data have up to"
                f" {array.max()}; say how they are scaled: preprocess=Preprocess(scale=...)"
            )
        self._checked = True


class LiteRTRuntime(Runtime):
    """A ``.tflite`` model. Quantised inputs are given in their own scale, quantised outputs come back as numbers."""

    name: ClassVar[str] = "litert"

    def __init__(self, path: Path, *, threads: int, output: str | None = None, trusted: bool = False) -> None:
        self.path, self.threads = path, threads
        file = read_tflite(path, trusted=trusted)
        self.signature = file.signature
        self.call_size = call_size(path, self.signature.inputs)
        self._answer = file.outputs[measured_output(path, self.signature.outputs, output)]
        self.output = self._answer.spec
        self._has_state = file.has_state
        self._inputs = [_Input(path, tensor) for tensor in file.inputs]
        self._interpreters: dict[_Shapes, Any] = {}
        sides = [tensor.spec.shape for tensor in file.inputs]
        self._own_shapes = [tuple(side for side in shape if side is not None) for shape in sides]
        if [tuple(shape) for shape in self._own_shapes] == sides:
            interpreter = self._interpreter(tuple((self.call_size or 1, *shape) for shape in self._own_shapes))
        else:  # memory can be laid out as soon as the data are there
            interpreter = self._new_interpreter()
        try:
            constant = weights_of(interpreter)
            self.layers = len(interpreter.get_tensor_details()) - len(constant)
        except ValueError as error:  # a name that is no text
            raise ModelFileError(f"{path}: not a model that LiteRT can run: {one_line(error)}") from error
        self.parameters = int(sum(np.prod(tensor["shape"]) for tensor in constant))

    def _new_interpreter(self) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        try:
            return Interpreter(model_path=str(self.path), num_threads=self.threads)
        except (ValueError, RuntimeError) as error:
            raise ModelFileError(f"{self.path}: not a model that LiteRT can run: {one_line(error)}") from error

    def _interpreter(self, shapes: _Shapes) -> Any:
        # One interpreter for each form of inputs: giving one a new form costs as much as opening it.
        if shapes not in self._interpreters:
            interpreter = self._new_interpreter()
            try:
                for field, shape in zip(self._inputs, shapes, strict=True):
                    interpreter.resize_tensor_input(field.number, shape)
                interpreter.allocate_tensors()
            except (ValueError, RuntimeError, IndexError) as error:
                raise ModelFileError(f"{self.path}: not a model that LiteRT can run: {one_line(error)}") from error
            if len(self._interpreters) == _MOST_INTERPRETERS:
                del self._interpreters[next(iter(self._interpreters))]
            self._interpreters[shapes] = interpreter
        return self._interpreters[shapes]

    def to_device(self, batch: Batch) -> _Call:
        """See ``Runtime.to_device``."""
        given = arranged(self.path, self.signature.inputs, batch)
        arrays = [field.given(array) for field, array in zip(self._inputs, given, strict=True)]
        interpreter = self._interpreter(tuple(array.shape for array in arrays))
        return _Call(interpreter, [(field.number, array) for field, array in zip(self._inputs, arrays, strict=True)])

    def answer(self, placed: _Call) -> npt.NDArray[Any]:
        """See ``Runtime.answer``."""
        interpreter = placed.interpreter
        for number, array in placed.inputs:
            interpreter.set_tensor(number, array)
        try:
            if self._has_state:  # of the examples before
                interpreter.reset_all_variables()
            interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise ModelFileError(f"{self.path}: cannot answer for these examples: {one_line(error)}") from error
        output: npt.NDArray[Any] = interpreter.get_tensor(self._answer.number)
        return output

    def rows(self, answers: Any) -> npt.NDArray[Any]:
        """See ``Runtime.rows``."""
        if self._answer.scale:
            return np.asarray((answers.astype(np.float32) - self._answer.zero_point) * np.float32(self._answer.scale))
        return np.asarray(answers)


def weights_of(interpreter: Any) -> list[dict[str, Any]]:
    """Details of the tensors that operations take, none computes, and that are no input: the constants of the file."""
    operations = interpreter._get_ops_details()
    computed = {int(index) for operation in operations for index in operation["outputs"]}
    taken = {int(index) for operation in operations for index in operation["inputs"]}
    given = {int(detail["index"]) for detail in interpreter.get_input_details()}
    return [
        tensor
        for tensor in interpreter.get_tensor_details()
        if int(tensor["index"]) in taken - computed - given and tensor["name"]
    ]
