"""From a Keras model to a ``.tflite`` file: what the quantisation techniques share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import TechniqueError, one_line
from ..tensors import plain_name
from .agreement import require_copy
from .base import TrainingContext, shortened
from .model_function import constant_function, float_model, in_order, input_names

if TYPE_CHECKING:
    import keras

CALIBRATION_EXAMPLES = 300
# Operations that only change the type of what goes in or comes out.
_BETWEEN_TYPES = frozenset(("QUANTIZE", "DEQUANTIZE", "CAST", "DELEGATE"))

Examples = dict[str, npt.NDArray[Any]]


def drawn(context: TrainingContext, count: int, *, skip: int = 0) -> npt.NDArray[np.intp]:
    """Indices of ``count`` training examples, always the same ones, after the first ``skip`` of the same order."""
    order = np.random.default_rng(context.case.seed).permutation(len(context.x_train))
    return order[skip : skip + count]


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """A model about to be converted.

    Attributes:
        converter: a ``TFLiteConverter`` of it, whose float inputs are float32.
        calibration: what the converter asks for to learn the range of activations: single training examples, by the
            names of the file's inputs.
        examples: gives so many training examples, those of calibration first, in one array (n, ...) for each input, by
            its plain name.
        takes_pixels: whether the inputs that are float are 8-bit pixels in the data, so that the file can take these.
        whole_numbers: names of the inputs that are no floats, such as ids.
    """

    converter: Any
    calibration: Callable[[], Iterator[Examples]]
    examples: Callable[[int], Examples]
    takes_pixels: bool
    whole_numbers: tuple[str, ...]


def conversion_of(name: str, model: keras.Model, context: TrainingContext) -> Conversion:
    """Prepare the conversion of a model, computing in float32 and with inputs that calibration can learn the range of.

    The converter quantises float inputs only; calibrated on 0 to 255, the scale of one is 1 and takes pixels.

    Raises:
        TechniqueError: the format has no such model, or the copy in float32 does not answer as the model does.
    """
    texts = [tensor.name for tensor in model.inputs if str(tensor.dtype) == "string"]
    if texts:
        raise TechniqueError(
            f"{name}: input {texts[0]} takes text, and a .tflite file takes numbers; convert ids instead"
        )
    floats = float_model(model)
    if floats is not model:
        require_copy(f"{name}: the copy in float32", model, floats, context)
    names, dtypes = input_names(floats), [str(tensor.dtype) for tensor in floats.inputs]
    examples = in_order(floats, context.x_train.take(drawn(context, CALIBRATION_EXAMPLES)))

    def one_by_one() -> Iterator[Examples]:
        for row in range(len(examples[0])):
            yield {
                key: array[row : row + 1].astype(dtype)
                for key, array, dtype in zip(names, examples, dtypes, strict=True)
            }

    def together(count: int) -> Examples:
        arrays = in_order(floats, context.x_train.take(drawn(context, count)))
        return {plain_name(key): array.astype(dtype) for key, array, dtype in zip(names, arrays, dtypes, strict=True)}

    given = [array.dtype for array, dtype in zip(examples, dtypes, strict=True) if dtype == "float32"]
    return Conversion(
        converter=converter_of(floats, examples),
        calibration=one_by_one,
        examples=together,
        takes_pixels=all(dtype == np.uint8 for dtype in given),
        whole_numbers=tuple(key for key, dtype in zip(names, dtypes, strict=True) if dtype != "float32"),
    )


def converter_of(model: keras.Model, examples: Sequence[npt.NDArray[Any]] = ()) -> Any:
    """A ``TFLiteConverter`` of a model as a function of its named inputs, in float32 and with pixels as float32.

    Args:
        model: a functional or sequential model.
        examples: see ``constant_function``.
    """
    import tensorflow as tf

    module = tf.Module()  # the converter asks for what holds the function
    module.function = constant_function(float_model(model), examples)
    return tf.lite.TFLiteConverter.from_concrete_functions([module.function], module)


def converted(name: str, convert: Callable[[], bytes]) -> bytes:
    """What a conversion gives.

    Raises:
        TechniqueError: TensorFlow refuses the model.
    """
    from tensorflow.lite.python.convert_phase import ConverterError

    try:
        with warnings.catch_warnings():
            # It warns that statistics were not given by hand, which calibration is there for.
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
            return convert()
    except (ConverterError, RuntimeError, ValueError) as error:
        # TensorFlow's text runs over pages; the line that names the operations is what helps
        named = [line.strip() for line in str(error).splitlines() if line.startswith(("TF Select ops:", "Custom ops:"))]
        reason = "; ".join(named) or shortened(one_line(error), 200)
        raise TechniqueError(f"{name}: the converter refuses this model: {reason}") from error


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a ``.tflite`` file holds.

    Attributes:
        constants: how many numbers of each type its constants have.
        activations: how many of its other tensors are of each type.
        float_operations: names of the operations that compute in floating point, those at the border aside.
    """

    constants: dict[Any, int]
    activations: dict[Any, int]
    float_operations: tuple[str, ...]

    def share(self, dtype: Any) -> float:
        """The part of the weights that is of a type."""
        return round(self.constants.get(dtype, 0) / max(1, sum(self.constants.values())), 4)


def contents_of(flatbuffer: bytes) -> Contents:
    """Read from the file what the converter made of the model."""
    from ai_edge_litert.interpreter import Interpreter

    from ..runtimes.litert import weights_of

    constants: dict[Any, int] = {}
    activations: dict[Any, int] = {}
    interpreter = Interpreter(model_content=flatbuffer)
    weights = {tensor["index"] for tensor in weights_of(interpreter)}
    floats = set()
    for tensor in interpreter.get_tensor_details():
        dtype = tensor["dtype"]
        if dtype in (np.float32, np.float16):
            floats.add(tensor["index"])
        if tensor["index"] in weights:
            constants[dtype] = constants.get(dtype, 0) + int(np.prod(tensor["shape"]))
        else:
            activations[dtype] = activations.get(dtype, 0) + 1
    in_float = {
        str(operation["op_name"])
        for operation in interpreter._get_ops_details()
        if floats & {*operation["inputs"], *operation["outputs"]} and operation["op_name"] not in _BETWEEN_TYPES
    }
    return Contents(constants=constants, activations=activations, float_operations=tuple(sorted(in_float)))
