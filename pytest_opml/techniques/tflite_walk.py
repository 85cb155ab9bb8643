"""A float ``.tflite`` file run in parts: to round one layer after another, and to learn what its tensors hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..runtimes.threads import process_threads
from .tflite_model import TfliteModel

Values = dict[int, npt.NDArray[np.float32]]

_BATCH = 25


def ranges_of(model: TfliteModel, inputs: Values) -> dict[int, tuple[float, float]]:
    """Return the least and the largest value of each float tensor that is no constant; 0 is always within.

    Args:
        model: a file.
        inputs: examples for its inputs, (n, ...), by the numbers of these.
    """
    wanted = [number for number in model.activations() if number not in inputs]
    content = model.part(0, len(model.graph.operators), inputs, wanted)
    ranges = {number: _range(array) for number, array in inputs.items()}
    for results in _run(content, inputs, wanted):
        for number, values in results.items():
            low, high = ranges.get(number, (0.0, 0.0))
            least, largest = _range(values)
            ranges[number] = (min(low, least), max(high, largest))
    return ranges


class Walk:
    """A file being run on examples, up to one operation after another.

    Attributes:
        model: the file; the weights of what was not run yet may be changed.
        values: what the tensors hold that are still needed, (n, ...), by their numbers.
    """

    def __init__(self, model: TfliteModel, inputs: Values) -> None:
        self.model, self.values, self._place = model, dict(inputs), 0

    def go_to(self, place: int) -> None:
        """Run the operations before one, and forget what nothing takes any more."""
        operations = self.model.graph.operators
        needed = {int(number) for operation in operations[place:] for number in operation.inputs}
        if place > self._place:
            run = operations[self._place : place]
            results = {int(number) for operation in run for number in operation.outputs}
            taken = {int(number) for operation in run for number in operation.inputs}
            inputs = [number for number in self.values if number in taken]
            outputs = sorted(results & needed)
            content = self.model.part(self._place, place, inputs, outputs)
            parts = list(_run(content, {number: self.values[number] for number in inputs}, outputs))
            for number in outputs:
                self.values[number] = np.concatenate([part[number] for part in parts])
        self.values = {number: values for number, values in self.values.items() if number in needed}
        self._place = place


def _range(values: npt.NDArray[np.float32]) -> tuple[float, float]:
    return min(0.0, float(values.min())), max(0.0, float(values.max()))


def _run(content: bytes, inputs: Values, outputs: Sequence[int]) -> Iterator[Values]:
    """Run a file on a few examples after another, and give what some of its tensors hold then.

    Args:
        content: of the file.
        inputs: (n, ...) by the numbers of its tensors.
        outputs: numbers of those asked for.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter, size = Interpreter(model_content=content, num_threads=process_threads()), 0
    count = len(next(iter(inputs.values())))
    for start in range(0, count, _BATCH):
        batch = {number: array[start : start + _BATCH] for number, array in inputs.items()}
        if size != min(_BATCH, count - start):
            size = min(_BATCH, count - start)
            for number, values in batch.items():
                interpreter.resize_tensor_input(number, values.shape)
            interpreter.allocate_tensors()
        for number, values in batch.items():
            interpreter.set_tensor(number, values)
        interpreter.invoke()
        yield {number: interpreter.get_tensor(number).copy() for number in outputs}
