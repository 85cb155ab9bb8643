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
from pydantic import Field

from ..errors import MissingDependencyError, TechniqueError, one_line
from ..measure.arithmetic import NumberFormat
from ..records.case_record import Provider
from ..runtimes.execution import PROVIDER_KEY
from ..runtimes.onnx_providers import import_onnxruntime
from ..tensors import Array, length
from .base import Changes, ModelState, Technique, TrainingContext, shortened
from .model_function import OUTPUT, Precision, constant_function, in_order, input_names
from .tflite_converter import CALIBRATION_EXAMPLES, drawn

if TYPE_CHECKING:
    import keras

_OPSET = 18
_WITH_WEIGHTS = ("Conv", "Gemm", "MatMul")


@contextmanager
def _extra(feature: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(feature, str(error.name).partition(".")[0], extra="onnx") from error


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """What these loggers say is for the developers of the converter."""
    levels = {logging.getLogger(name): logging.getLogger(name).level for name in names}
    for logger in levels:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


def to_onnx(name: str, model: keras.Model, context: TrainingContext) -> Any:
    """The model as an ``onnx.ModelProto`` from the inputs as the data have them to float32.

    Raises:
        MissingDependencyError: the extra is not installed.
        TechniqueError: tf2onnx cannot convert the model.
    """
    with _extra(f"technique {name}"):
        import onnx.defs
        import tf2onnx.convert

    names, examples = input_names(model), in_order(model, context.x_train.take([0]))
    try:
        function = constant_function(model, examples, as_given=True)
        graph = _graph_of(name, function)
        with _quiet("tf2onnx", "tensorflow"):
            proto, _ = tf2onnx.convert.from_graph_def(
                graph,
                name=model.name,
                input_names=[f"{key}:0" for key in names],
                output_names=[tensor.name for tensor in function.outputs],
                tensors_to_rename={f"{key}:0": key for key in names} | {function.outputs[0].name: OUTPUT},
                opset=_OPSET,
            )
    except (ValueError, RuntimeError, KeyError, NotImplementedError) as error:
        reason = shortened(one_line(error), 200)
        raise TechniqueError(f"{name}: tf2onnx cannot convert this model: {reason}") from error
    # what tf2onnx does not know it copies, under TensorFlow's name
    foreign = sorted({node.op_type for node in proto.graph.node if not onnx.defs.has(node.op_type, node.domain)})
    if foreign:
        raise TechniqueError(f"{name}: ONNX has no operation for {', '.join(foreign)}")
    return proto


def _graph_of(name: str, function: Any) -> Any:
    """The graph of a function with all that it captured in it: tf2onnx takes constants of a layer's for inputs."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    tables = [inside for outside, inside in function.graph.captures if outside.dtype == tf.resource]
    if tables:
        raise TechniqueError(f"{name}: ONNX has no operation for a table of words or numbers; convert a model of ids")
    inlined = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    with tf.Graph().as_default() as graph:
        constants = {inside.name: tf.constant(outside.numpy()) for outside, inside in function.graph.captures}
        left = {tensor.name for tensor in inlined.graph.inputs}
        constants = {key: constant for key, constant in constants.items() if key in left}
        tf.import_graph_def(inlined.graph.as_graph_def(), input_map=constants, name="")
    return graph.as_graph_def()


_PROVIDER = Field(
    default=None,
    description="ONNX Runtime's execution provider; by default a GPU where the run uses one, else the CPU",
)


class Onnx(Technique):
    """``onnx``: the same network in float32 for ONNX Runtime."""

    ends_chain: ClassVar[bool] = True
    preserves_answers: ClassVar[Precision | None] = "float32"

    provider: Provider | None = _PROVIDER

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        proto = to_onnx("onnx", state.model, context)
        changes: Changes = {"onnx.opset": _OPSET, "onnx.nodes": len(proto.graph.node)}
        return replace(
            state, flatbuffer=_finished(proto, self.provider), suffix=".onnx", changes=state.changes | changes
        )


class OnnxInt8(Technique):
    """``onnx-int8``: weights per channel and activations in 8 bits (QDQ), calibrated on 300 training examples."""

    ends_chain: ClassVar[bool] = True

    provider: Provider | None = _PROVIDER

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        # what computes on NVIDIA's integer units has a zero point of 0
        symmetric = self.provider == "tensorrt"
        proto, changes = quantised("onnx-int8", state.model, context, symmetric=symmetric)
        return replace(
            state, flatbuffer=_finished(proto, self.provider), suffix=".onnx", changes=state.changes | changes
        )

    def number_format(self) -> NumberFormat | None:
        """See ``Technique.number_format``."""
        return NumberFormat("onnxruntime", "int8") if self.provider in (None, "cpu") else None


def _finished(proto: Any, provider: Provider | None) -> bytes:
    """A model as it is written, which says by what it is run."""
    if provider:
        proto.metadata_props.add(key=PROVIDER_KEY, value=provider)
    content: bytes = proto.SerializeToString()
    return content


def quantised(
    name: str, model: keras.Model, context: TrainingContext, *, symmetric: bool = False
) -> tuple[Any, Changes]:
    """Return a model with operations of 8 bits between ``QuantizeLinear`` and ``DequantizeLinear``, and what changed.

    Args:
        name: of the technique, for messages.
        model: of Keras.
        context: whose training examples it is calibrated on.
        symmetric: whether activations are signed, with a zero point of 0.

    Raises:
        MissingDependencyError: the extra is not installed.
        TechniqueError: it cannot be converted or quantised, or no layer was.
    """
    proto = to_onnx(name, model, context)
    examples = in_order(model, context.x_train.take(drawn(context, CALIBRATION_EXAMPLES)))
    given = dict(zip(input_names(model), examples, strict=True))
    with TemporaryDirectory(prefix="opml-") as folder:
        quantised_proto = _quantised(name, proto, given, Path(folder), symmetric=symmetric)
    key = name.replace("-", "_")
    changes: Changes = {
        **_what_is_quantised(name, quantised_proto),
        f"{key}.calibration_examples": len(examples[0]),
    }
    return quantised_proto, changes


def _quantised(name: str, proto: Any, given: dict[str, Array], folder: Path, *, symmetric: bool) -> Any:
    with _extra(f"technique {name}"):
        import onnx

        import_onnxruntime()
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._rows = iter(range(length(given)))

        def get_next(self) -> dict[str, Any] | None:
            row = next(self._rows, None)
            return None if row is None else {name: array[row : row + 1] for name, array in given.items()}

    original, prepared, target = (str(folder / f"{stage}.onnx") for stage in ("original", "prepared", "quantised"))
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
            # the form that TensorRT and OpenVINO read too
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # unsigned by signed is what x86 multiplies fastest
            activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"ActivationSymmetric": symmetric},
        )
    except (ValueError, RuntimeError, NotImplementedError) as error:
        reason = shortened(one_line(error), 200)
        raise TechniqueError(f"{name}: ONNX Runtime cannot quantise this model: {reason}") from error
    finally:
        root.setLevel(level)
    return onnx.load(target)


def _what_is_quantised(name: str, proto: Any) -> Changes:
    import onnx

    graph = proto.graph
    sizes: dict[int, int] = {}
    for constant in graph.initializer:
        sizes[constant.data_type] = sizes.get(constant.data_type, 0) + int(np.prod(constant.dims))
    eight = sizes.get(onnx.TensorProto.INT8, 0)
    dequantised = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    weighted = [node for node in graph.node if node.op_type in _WITH_WEIGHTS]
    quantised = [node for node in weighted if set(node.input[:2]) <= dequantised]
    if not eight or not quantised:
        raise TechniqueError(f"{name}: no layer was quantised; nothing changed")
    key = name.replace("-", "_")
    return {
        f"{key}.layers": len(quantised),
        f"{key}.layers_in_float": len(weighted) - len(quantised),
        f"{key}.share_of_weights": round(eight / sum(sizes.values()), 4),
    }
