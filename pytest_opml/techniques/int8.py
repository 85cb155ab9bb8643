"""Full-integer post-training quantisation to a ``.tflite`` file.

Source: B. Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
2018, as TensorFlow's converter does it: 8-bit weights per channel, 8-bit activations by calibration.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ..errors import TechniqueError, one_line
from .base import Draft, Material, Technique

_CALIBRATION_IMAGES = 300


class Int8(Technique):
    """``int8``: weights and activations in 8 bits, calibrated on training images; pixels go in as they are."""

    ends_chain: ClassVar[bool] = True

    def apply(self, draft: Draft, material: Material) -> Draft:
        """See ``Technique.apply``."""
        import keras
        import tensorflow as tf

        # The converter quantises float inputs only; calibrated on 0 to 255, its input scale is 1 and takes the pixels.
        inputs = keras.Input(draft.model.input_shape[1:], dtype="float32")
        model = keras.models.clone_model(draft.model, input_tensors=[inputs])
        model.set_weights(draft.model.get_weights())
        count = min(_CALIBRATION_IMAGES, len(material.x_train))
        chosen = np.random.default_rng(material.case.seed).choice(len(material.x_train), count, replace=False)
        images = material.x_train.take(chosen).astype(np.float32)

        def calibration() -> Iterator[list[Any]]:
            for image in images:
                yield [image[None]]

        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = calibration
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
        try:
            with warnings.catch_warnings():
                # It warns that statistics were not given by hand, which calibration is there for.
                warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
                flatbuffer: bytes = converter.convert()
        except (RuntimeError, ValueError) as error:
            raise TechniqueError(f"int8: the converter refuses this model: {one_line(error)}") from error
        changes = _what_is_quantised(flatbuffer) | {"int8.calibration_images": count}
        return replace(draft, content=flatbuffer, suffix=".tflite", changes=draft.changes | changes)


def _what_is_quantised(flatbuffer: bytes) -> dict[str, float | int | str]:
    from ai_edge_litert.interpreter import Interpreter

    tensors = Interpreter(model_content=flatbuffer).get_tensor_details()
    floats = [tensor["name"] for tensor in tensors if tensor["dtype"] in (np.float32, np.float16)]
    if floats:
        raise TechniqueError(f"int8: {len(floats)} tensors stayed in floating point, the first is {floats[0]!r}")
    eight = [tensor for tensor in tensors if tensor["dtype"] == np.int8]
    if not eight:
        raise TechniqueError("int8: no tensor was quantised; nothing changed")
    constant = [tensor for tensor in tensors if tensor["shape_signature"].size and -1 not in tensor["shape_signature"]]
    sizes = {
        kind: sum(int(np.prod(t["shape"])) for t in constant if t["dtype"] == kind) for kind in (np.int8, np.int32)
    }
    return {
        "int8.tensors": len(eight),
        "int8.share_of_weights": round(sizes[np.int8] / max(1, sum(sizes.values())), 4),
    }
