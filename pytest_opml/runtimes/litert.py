"""TFLite files, run by LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError, one_line
from .base import Probabilities, Runtime, refuse_shape


class _Opened(NamedTuple):
    """An interpreter, and what each call needs of its details: asked for in every call, they made one 4 % longer."""

    interpreter: Any
    image: int
    answer: int


class LiteRTRuntime(Runtime):
    """A ``.tflite`` model. Images go in as they are; a quantised output comes back as probabilities."""

    name: ClassVar[str] = "litert"

    def __init__(self, path: Path, *, threads: int) -> None:
        with path.open("rb") as stream:
            if stream.read(8)[4:] != b"TFL3":
                raise ModelFileError(f"{path}: not a .tflite file (no TFL3 identifier)")
        self._path, self._threads = path, threads
        self._opened: dict[int, _Opened] = {}
        interpreter = self._open(1).interpreter
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            refuse_shape(path, f"{len(inputs)} inputs and {len(outputs)} outputs")
        shape, output_shape = inputs[0]["shape"], outputs[0]["shape"]
        if len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2] or len(output_shape) != 2:
            refuse_shape(path, f"{list(map(int, shape))} to {list(map(int, output_shape))}")
        # made for one image at a time, which some operations inside hold on to
        self.one_by_one = inputs[0]["shape_signature"][0] == 1
        tensors = interpreter.get_tensor_details()
        constant = weights_of(interpreter)
        self.parameters = int(sum(np.prod(tensor["shape"]) for tensor in constant))
        self.layers = len(tensors) - len(constant)
        self.image_size = int(shape[1])
        self._image_table = self._quantised_pixels(inputs[0])
        self._answer_scale, self._answer_zero = outputs[0]["quantization"]

    def _open(self, batch: int) -> _Opened:
        # One interpreter a batch size: giving one a new size costs as much as opening it.
        if batch not in self._opened:
            from ai_edge_litert.interpreter import Interpreter

            try:
                interpreter = Interpreter(model_path=str(self._path), num_threads=self._threads)
                image = interpreter.get_input_details()[0]
                interpreter.resize_tensor_input(image["index"], [batch, *image["shape"][1:]])
                interpreter.allocate_tensors()
                answer = interpreter.get_output_details()[0]["index"]
            except (ValueError, RuntimeError, IndexError) as error:
                raise ModelFileError(f"{self._path}: not a model that LiteRT can run: {one_line(error)}") from error
            self._opened[batch] = _Opened(interpreter, image["index"], answer)
        return self._opened[batch]

    @staticmethod
    def _quantised_pixels(image: dict[str, Any]) -> npt.NDArray[Any] | None:
        """What each of the 256 pixel values is on the model's own input scale; None where it is the pixel itself."""
        dtype, (scale, zero) = image["dtype"], image["quantization"]
        pixels = np.arange(256)
        if scale:
            limits = np.iinfo(dtype)
            pixels = np.clip(np.rint(pixels / scale) + zero, limits.min, limits.max)
        table = pixels.astype(dtype)
        return None if table.dtype == np.uint8 and np.array_equal(table, np.arange(256)) else table

    def to_device(self, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """See ``Runtime.to_device``."""
        return images if self._image_table is None else self._image_table[images]

    def answer(self, placed: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """See ``Runtime.answer``."""
        interpreter, image, answer = self._open(len(placed))
        interpreter.set_tensor(image, placed)
        interpreter.invoke()
        output: npt.NDArray[Any] = interpreter.get_tensor(answer)
        return output

    def probabilities(self, answers: npt.NDArray[Any]) -> Probabilities:
        """See ``Runtime.probabilities``."""
        if self._answer_scale:
            answers = (answers.astype(np.float32) - self._answer_zero) * self._answer_scale
        return super().probabilities(answers)


def weights_of(interpreter: Any) -> list[dict[str, Any]]:
    """Details of the tensors that no operation computes and that are no input: the constants of the file."""
    computed = {int(index) for operation in interpreter._get_ops_details() for index in operation["outputs"]}
    given = {int(detail["index"]) for detail in interpreter.get_input_details()}
    return [
        tensor
        for tensor in interpreter.get_tensor_details()
        if int(tensor["index"]) not in computed | given and tensor["name"]
    ]
