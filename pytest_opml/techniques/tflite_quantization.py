"""Post-training quantisation to a ``.tflite`` file by TensorFlow's converter.

Source: B. Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
2018: 8-bit weights per channel, activations by calibration. ``litert-quantizer`` was measured beside the converter
(``bench/studies/bench_quantizers.py``): with 8 bits it is neither faster nor more accurate beyond the noise, and takes
fewer operations; so the converter, which comes with TensorFlow, does these. For 4 bits see ``int4``.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ..errors import TechniqueError
from ..measure.arithmetic import NumberFormat
from .base import Changes, ModelState, Technique, TrainingContext
from .model_function import Precision
from .tflite_converter import CALIBRATION_EXAMPLES, Contents, Conversion, contents_of, conversion_of, converted
from .tflite_model import compacted


def check_int8(name: str, contents: Contents) -> None:
    """Check that all of a file computes in 8 bits.

    Args:
        name: of the technique that made the file.
        contents: of the file.

    Raises:
        TechniqueError: an operation stayed in floating point, or no weight was quantised.
    """
    if contents.float_operations:
        names = ", ".join(contents.float_operations)
        raise TechniqueError(
            f"{name}: TensorFlow has no 8-bit form of {names}, which stayed in floating point; use int8-tuned"
        )
    if np.int8 not in contents.constants:
        raise TechniqueError(f"{name}: no weight was quantised; nothing changed")


class TFLiteTechnique(Technique):
    """A conversion. To override: ``name``, ``set_up`` and ``describe``."""

    ends_chain: ClassVar[bool] = True
    name: ClassVar[str]

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        conversion = conversion_of(self.name, state.model, context)
        self.set_up(conversion)
        flatbuffer = compacted(converted(self.name, conversion.converter.convert))
        changes = self.describe(contents_of(flatbuffer), context)
        return replace(state, flatbuffer=flatbuffer, suffix=".tflite", changes=state.changes | changes)

    @abstractmethod
    def set_up(self, conversion: Conversion) -> None:
        """Tell the converter what to do.

        Raises:
            TechniqueError: it has no such form of the model.
        """

    @abstractmethod
    def describe(self, contents: Contents, context: TrainingContext) -> Changes:
        """What the file says was changed.

        Raises:
            TechniqueError: it is not what the technique is for.
        """


class Int8(TFLiteTechnique):
    """``int8``: weights and activations in 8 bits, calibrated on training data; pixels go in as they are."""

    computes_in: ClassVar[NumberFormat | None] = NumberFormat("litert", "int8")

    name: ClassVar[str] = "int8"

    def set_up(self, conversion: Conversion) -> None:
        """See ``TFLiteTechnique.set_up``."""
        import tensorflow as tf

        converter = conversion.converter
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = conversion.calibration
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        if conversion.takes_pixels:  # else the first operation quantises, by the range of the data
            converter.inference_input_type = converter.inference_output_type = tf.uint8

    def describe(self, contents: Contents, context: TrainingContext) -> Changes:
        """See ``TFLiteTechnique.describe``."""
        check_int8("int8", contents)
        return {
            "int8.activations": contents.activations.get(np.int8, 0),
            "int8.share_of_weights": contents.share(np.int8),
            "int8.calibration_examples": min(CALIBRATION_EXAMPLES, len(context.x_train)),
        }


class Int16x8(TFLiteTechnique):
    """``int16x8``: activations in 16 bits, weights in 8, calibrated; for models whose activations need the range."""

    name: ClassVar[str] = "int16x8"

    def set_up(self, conversion: Conversion) -> None:
        """See ``TFLiteTechnique.set_up``."""
        import tensorflow as tf

        if conversion.whole_numbers:
            raise TechniqueError(
                f"int16x8: input {conversion.whole_numbers[0]} takes whole numbers, which TensorFlow has no form of "
                "beside 16 bits; use int8"
            )
        converter = conversion.converter
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = conversion.calibration
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]

    def describe(self, contents: Contents, context: TrainingContext) -> Changes:
        """See ``TFLiteTechnique.describe``."""
        if np.int8 not in contents.constants or np.int16 not in contents.activations:
            raise TechniqueError("int16x8: no weight in 8 or no activation in 16 bits; nothing changed")
        return {
            "int16x8.activations_in_16_bits": contents.activations[np.int16],
            "int16x8.share_of_weights": contents.share(np.int8),
            "int16x8.calibration_examples": min(CALIBRATION_EXAMPLES, len(context.x_train)),
        }


class DynamicInt8(TFLiteTechnique):
    """``dynamic-int8``: weights in 8 bits; activations are quantised as they come, which needs no calibration."""

    computes_in: ClassVar[NumberFormat | None] = NumberFormat("litert", "int8 weights")

    name: ClassVar[str] = "dynamic-int8"

    def set_up(self, conversion: Conversion) -> None:
        """See ``TFLiteTechnique.set_up``."""
        import tensorflow as tf

        converter = conversion.converter
        converter.optimizations = [tf.lite.Optimize.DEFAULT]

    def describe(self, contents: Contents, context: TrainingContext) -> Changes:  # noqa: ARG002 - the role's signature
        """See ``TFLiteTechnique.describe``."""
        if np.int8 not in contents.constants:
            raise TechniqueError("dynamic-int8: no weight was quantised; nothing changed")
        return {"dynamic_int8.share_of_weights": contents.share(np.int8)}


class FloatTFLite(TFLiteTechnique):
    """``tflite``: the same network in float32, for LiteRT."""

    name: ClassVar[str] = "tflite"
    preserves_answers: ClassVar[Precision | None] = "float32"

    def set_up(self, conversion: Conversion) -> None:
        """See ``TFLiteTechnique.set_up``."""

    def describe(self, contents: Contents, context: TrainingContext) -> Changes:  # noqa: ARG002 - the role's signature
        """See ``TFLiteTechnique.describe``."""
        return {
            "tflite.activations": sum(contents.activations.values()),
            "tflite.weights": contents.constants.get(np.float32, 0),
        }


class Float16TFLite(TFLiteTechnique):
    """``float16-tflite``: weights in half precision in a ``.tflite``, computed in float32."""

    computes_in: ClassVar[NumberFormat | None] = NumberFormat("litert", "float16 weights")

    name: ClassVar[str] = "float16-tflite"
    preserves_answers: ClassVar[Precision | None] = "float16"

    def set_up(self, conversion: Conversion) -> None:
        """See ``TFLiteTechnique.set_up``."""
        import tensorflow as tf

        converter = conversion.converter
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]

    def describe(self, contents: Contents, context: TrainingContext) -> Changes:  # noqa: ARG002 - the role's signature
        """See ``TFLiteTechnique.describe``."""
        if np.float16 not in contents.constants:
            raise TechniqueError("float16-tflite: no weight is stored in half precision; nothing changed")
        return {"float16_tflite.share_of_weights": contents.share(np.float16)}
