"""From a Keras model to a ``.tflite`` file: what the quantisation techniques share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import TechniqueError, one_line
<<<<<<< HEAD
from ..tensors import arrays
=======
from ..models.cloning import clone, inputs_like
>>>>>>> e765614 (Copy models with what their layers worked out of their weights, by one function: models.cloning.clone, whose copy_state and assign do the same for a layer)
from .base import TrainingContext, shortened

if TYPE_CHECKING:
    import keras

CALIBRATION_IMAGES = 300

Pixels = npt.NDArray[np.float32]


def drawn(context: TrainingContext, count: int, *, skip: int = 0) -> npt.NDArray[np.intp]:
    """Indices of ``count`` training images, always the same ones, after the first ``skip`` of the same order."""
    order = np.random.default_rng(context.case.seed).permutation(len(context.x_train))
    return order[skip : skip + count]


def calibration(context: TrainingContext) -> Callable[[], Iterator[list[Pixels]]]:
    """What the converter asks for to learn the range of activations: single training images, 0 to 255."""
    (images,) = arrays(context.x_train.take(drawn(context, CALIBRATION_IMAGES)))
    images = images.astype(np.float32)

    def one_by_one() -> Iterator[list[Pixels]]:
        for image in images:
            yield [image[None]]

    return one_by_one


def converter_of(model: keras.Model) -> Any:
    """A ``TFLiteConverter`` of the model with a float32 input.

    The converter quantises float inputs only; calibrated on 0 to 255, the scale of one is 1 and takes the pixels.
    """
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_keras_model(clone(model, input_tensors=inputs_like(model, "float32")))


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
        first_float: name of the first tensor in floating point; None where there is none.
    """

    constants: dict[Any, int]
    activations: dict[Any, int]
    first_float: str | None

    def share(self, dtype: Any) -> float:
        """The part of the weights that is of a type."""
        return round(self.constants.get(dtype, 0) / max(1, sum(self.constants.values())), 4)


def contents_of(flatbuffer: bytes) -> Contents:
    """Read from the file what the converter made of the model."""
    from ai_edge_litert.interpreter import Interpreter

    from ..runtimes.litert import weights_of

    constants: dict[Any, int] = {}
    activations: dict[Any, int] = {}
    first_float = None
    interpreter = Interpreter(model_content=flatbuffer)
    weights = {tensor["index"] for tensor in weights_of(interpreter)}
    for tensor in interpreter.get_tensor_details():
        dtype = tensor["dtype"]
        if dtype in (np.float32, np.float16) and first_float is None:
            first_float = str(tensor["name"])
        if tensor["index"] in weights:
            constants[dtype] = constants.get(dtype, 0) + int(np.prod(tensor["shape"]))
        else:
            activations[dtype] = activations.get(dtype, 0) + 1
    return Contents(constants=constants, activations=activations, first_float=first_float)
