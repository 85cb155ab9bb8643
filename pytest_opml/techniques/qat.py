"""Quantisation-aware training of a Keras 3 model, then full-integer quantisation to a ``.tflite`` file.

Source: B. Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
2018; R. Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference", 2018 (scales for each
channel; ranges from calibration before training). The unrounded, trained network is the teacher: A. Mishra, D. Marr,
"Apprentice", 2018.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from ..errors import TechniqueError
from ..measure.arithmetic import NumberFormat
from ..tensors import Batch
from .agreement import answers_of, answers_of_flatbuffer, difference, probes, require_copy
from .base import Changes, ModelState, Technique, TrainingContext
from .fake_quantization import Ranges, RoundedLayer, emulated, in_4_bits, ranges_of, round_kernels, rounded_layers
from .int4 import Int4
from .model_function import float_model
from .tflite_converter import CALIBRATION_EXAMPLES, Contents, contents_of, conversion_of, converted, drawn
from .tflite_model import compacted
from .tflite_quantization import Int8, check_int8

if TYPE_CHECKING:
    import keras

_BATCH = 50
# Of the training examples that are compared, so many must get the same answer from the file as from what was trained.
_LEAST_SAME = 0.8


class Qat(Technique):
    """``qat``: trained on with the rounding of ``int8`` emulated and the model before it as the teacher, then int8.

    With ``weights=4`` it is that of ``int4``, which then writes the file.
    """

    ends_chain: ClassVar[bool] = True
    computes_in: ClassVar[NumberFormat | None] = NumberFormat("litert", "int8")

    weights: Literal["4", "8"] = Field(default="8", description="bits of a weight, as int4 or int8 has them")
    epochs: int = Field(default=1, ge=1, le=1000, description="of training, at the most")
    rate: float = Field(default=1e-4, gt=0, le=1, description="of AdamW at its highest")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        model = state.model
        _check(_int8(model, context, examples=2))  # what has no 8-bit form costs no training
        layers = rounded_layers(model)
        if self.weights == "4":
            layers = in_4_bits(layers)
        rounded = [layer for layer in layers if layer.kernels]
        if not any(layer.bits == int(self.weights) for layer in rounded):
            raise TechniqueError(
                f"qat: the model has no kernel of a dense layer or a convolution to train in {self.weights} bits"
            )
        ranges = ranges_of(model, layers, _calibration(context))
        inputs = probes(context.x_train, context.case.seed)
        with emulated(layers, ranges):
            tuning = context.fine_tune(model, epochs=self.epochs, learning_rate=self.rate)
            trained = answers_of(model, inputs)
        write = _in_4_bits if self.weights == "4" else _in_8_bits
        flatbuffer, changes = write(model, context, layers, ranges)
        same = difference(trained, answers_of_flatbuffer("qat", flatbuffer, ".tflite", inputs)).same
        if same < _LEAST_SAME:
            raise TechniqueError(
                f"qat: the file gives {same:.0%} of {len(trained)} training inputs the answer of the trained network; "
                "use int8-tuned"
            )
        changes |= {
            "qat.layers": len(rounded),
            "qat.rounded_places": len(ranges),
            "qat.calibration_examples": min(CALIBRATION_EXAMPLES, len(context.x_train)),
            "qat.epochs": tuning.epochs,
            "qat.same_answers": round(same, 4),
        }
        if tuning.losses:
            changes |= {"qat.loss_before": round(tuning.losses[0], 4), "qat.loss": round(min(tuning.losses), 4)}
        return replace(
            state,
            flatbuffer=flatbuffer,
            suffix=".tflite",
            training_s=state.training_s + tuning.seconds,
            changes=state.changes | changes,
        )


def _calibration(context: TrainingContext) -> Iterator[Batch]:
    """The examples that the converter calibrates with, in batches."""
    chosen = drawn(context, CALIBRATION_EXAMPLES)
    return (context.x_train.take(chosen[start : start + _BATCH]) for start in range(0, len(chosen), _BATCH))


def _in_8_bits(
    model: keras.Model, context: TrainingContext, layers: list[RoundedLayer], ranges: Ranges
) -> tuple[bytes, Changes]:
    """The file, with the ranges that were trained with where all operations have one, and what it holds."""
    flatbuffer = _with_ranges(model, context, layers, ranges)
    has_trained_ranges = not contents_of(flatbuffer).float_operations
    if not has_trained_ranges:  # the converter looks for all of them
        flatbuffer = _int8(model, context)
    changes: Changes = {
        "qat.ranges": "as trained" if has_trained_ranges else "calibrated anew",
        "qat.share_of_weights": _check(flatbuffer).share(np.int8),
    }
    return flatbuffer, changes


def _in_4_bits(
    model: keras.Model,
    context: TrainingContext,
    layers: list[RoundedLayer],
    ranges: Ranges,  # noqa: ARG001 - int4 finds its own
) -> tuple[bytes, Changes]:
    """The file that ``int4`` writes of the kernels as they were trained, and what it holds."""
    round_kernels([layer for layer in layers if layer.bits == 4])
    state = Int4().apply(ModelState(model), context)
    return state.flatbuffer or b"", state.changes


def _int8(model: keras.Model, context: TrainingContext, examples: int = CALIBRATION_EXAMPLES) -> bytes:
    """The model as ``int8`` converts it, calibrated on so many examples."""
    conversion = conversion_of("qat", model, context)
    calibrate = conversion.calibration
    Int8().set_up(replace(conversion, calibration=lambda: islice(calibrate(), examples)))
    return compacted(converted("qat", conversion.converter.convert))


def _with_ranges(model: keras.Model, context: TrainingContext, layers: list[RoundedLayer], ranges: Ranges) -> bytes:
    """The model converted with the ranges that it was trained with; what has none stays in floating point."""
    import tensorflow as tf

    floats = float_model(model)
    if floats is not model:
        require_copy("qat: the copy in float32", model, floats, context)
    copies = rounded_layers(floats)
    places = [
        ((copy.operation, place), ranges.get((layer.operation, place)))
        for layer, copy in zip(layers, copies, strict=True)
        for place in layer.places
    ]
    with emulated(copies, {place: limits for place, limits in places if limits}):
        conversion = conversion_of("qat", floats, context)
    converter = conversion.converter
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if conversion.takes_pixels:
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    return compacted(converted("qat", converter.convert))


def _check(flatbuffer: bytes) -> Contents:
    """What the file holds.

    Raises:
        TechniqueError: not all of it computes in 8 bits.
    """
    contents = contents_of(flatbuffer)
    check_int8("qat", contents)
    return contents
