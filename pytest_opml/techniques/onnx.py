"""Conversion to an ``.onnx`` file by tf2onnx, and its static quantisation by ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import MissingDependencyError, TechniqueError, one_line
from ..tensors import arrays
from .agreement import Precision
from .base import Changes, ModelState, Technique, TrainingContext, shortened
from .tflite_converter import CALIBRATION_IMAGES, drawn

if TYPE_CHECKING:
    import keras

_OPSET = 18
_INPUT = "image"
_WITH_WEIGHTS = ("Conv", "Gemm", "MatMul")


@contextmanager
def _extra(feature: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(feature, str(error.name).partition(".")[0], extra="onnx") from error


def to_onnx(name: str, model: keras.Model) -> Any:
    """The model as an ``onnx.ModelProto`` from uint8 images (n, size, size, 3) to probabilities (n, classes).

    Raises:
        MissingDependencyError: the extra is not installed.
        TechniqueError: tf2onnx cannot convert the model.
    """
    import tensorflow as tf

    with _extra(f"technique {name}"):
        import onnx.defs
        import tf2onnx.convert

    images = tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8, name=_INPUT)

    def call(image: Any) -> Any:
        return tf.cast(model(tf.cast(image, model.inputs[0].dtype), training=False), tf.float32)

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    try:
        proto, _ = tf2onnx.convert.from_function(
            tf.function(call, autograph=False, input_signature=[images]), input_signature=[images], opset=_OPSET
        )
    except (ValueError, RuntimeError, KeyError, NotImplementedError) as error:
        reason = shortened(one_line(error), 200)
        raise TechniqueError(f"{name}: tf2onnx cannot convert this model: {reason}") from error
    # what tf2onnx does not know it copies, under TensorFlow's name
    foreign = sorted({node.op_type for node in proto.graph.node if not onnx.defs.has(node.op_type, node.domain)})
    if foreign:
        raise TechniqueError(f"{name}: ONNX has no operation for {', '.join(foreign)}")
    return proto


class Onnx(Technique):
    """``onnx``: the same network in float32 for ONNX Runtime."""

    ends_chain: ClassVar[bool] = True
    keeps_answers: ClassVar[Precision | None] = "float32"

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:  # noqa: ARG002 - the role's signature
        """See ``Technique.apply``."""
        proto = to_onnx("onnx", state.model)
        changes: Changes = {"onnx.opset": _OPSET, "onnx.nodes": len(proto.graph.node)}
        return replace(state, flatbuffer=proto.SerializeToString(), suffix=".onnx", changes=state.changes | changes)


class OnnxInt8(Technique):
    """``onnx-int8``: weights per channel and activations in 8 bits, calibrated on 300 training images."""

    ends_chain: ClassVar[bool] = True

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        proto = to_onnx("onnx-int8", state.model)
        (images,) = arrays(context.x_train.take(drawn(context, CALIBRATION_IMAGES)))
        with TemporaryDirectory(prefix="opml-") as folder:
            content = _quantised(proto, images, Path(folder))
        changes: Changes = {
            **_what_is_quantised(content),
            "onnx_int8.calibration_images": len(images),
        }
        return replace(state, flatbuffer=content, suffix=".onnx", changes=state.changes | changes)


def _quantised(proto: Any, images: Any, folder: Path) -> bytes:
    with _extra("technique onnx-int8"):
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._images = iter(images)

        def get_next(self) -> dict[str, Any] | None:
            image = next(self._images, None)
            return None if image is None else {_INPUT: image[None]}

    original, prepared, target = (str(folder / f"{name}.onnx") for name in ("original", "prepared", "quantised"))
    Path(original).write_bytes(proto.SerializeToString())
    root = logging.getLogger()
    level = root.level
    root.setLevel(max(level, logging.ERROR))  # its warnings ask for the step that the next call is
    try:
        # folds batch normalisation into convolutions; symbolic shapes would need another package
        quant_pre_process(original, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            target,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # unsigned by signed is what x86 multiplies fastest
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    except (ValueError, RuntimeError, NotImplementedError) as error:
        reason = shortened(one_line(error), 200)
        raise TechniqueError(f"onnx-int8: ONNX Runtime cannot quantise this model: {reason}") from error
    finally:
        root.setLevel(level)
    return Path(target).read_bytes()


def _what_is_quantised(content: bytes) -> Changes:
    import onnx

    graph = onnx.load_from_string(content).graph
    sizes: dict[int, int] = {}
    for constant in graph.initializer:
        sizes[constant.data_type] = sizes.get(constant.data_type, 0) + int(np.prod(constant.dims))
    eight = sizes.get(onnx.TensorProto.INT8, 0)
    dequantised = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    weighted = [node for node in graph.node if node.op_type in _WITH_WEIGHTS]
    quantised = [node for node in weighted if set(node.input[:2]) <= dequantised]
    if not eight or not quantised:
        raise TechniqueError("onnx-int8: no layer was quantised; nothing changed")
    return {
        "onnx_int8.layers": len(quantised),
        "onnx_int8.layers_in_float": len(weighted) - len(quantised),
        "onnx_int8.share_of_weights": round(eight / sum(sizes.values()), 4),
    }
