"""What this hardware does for a number format: the time of a small convolution network in it beside float32.

Nothing is taken from a list of processors or of their instructions. The same network is run by the same runtime in
both formats, in turn, for as long as it takes to see the difference.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import OpmlError
from ..runtimes.execution import AS_IS, Execution
from ..runtimes.loader import open_artifact
from ..runtimes.openvino_file import openvino_core

if TYPE_CHECKING:
    from ..runtimes.base import Placed, Runtime

_SIDE, _EXAMPLES = 32, 32
_ROUNDS = (11, 61)
_SECONDS = 0.8


class NumberFormat(NamedTuple):
    """A number format as one runtime computes with it.

    Attributes:
        runtime: its name, as it appears in records.
        name: of the format, such as ``int8`` or, where only the weights are in it, ``int8 weights``.
    """

    runtime: str
    name: str

    @property
    def text(self) -> str:
        """Both in words."""
        return f"{self.runtime} {self.name}"


class _Network(NamedTuple):
    """How a network is written in a format, and what it is run with."""

    write: Callable[[Path, str], Path]
    execution: Execution = AS_IS


def formats() -> tuple[NumberFormat, ...]:
    """Return all formats that are known here, whether or not their runtimes are installed."""
    return tuple(form for form in _networks() if form.name != "float32")


def relative_time(form: NumberFormat) -> float | None:
    """Return the time of a small convolution network in a format, as a share of that in float32 in the same runtime.

    It takes a second or two. None where the runtime is not installed, or has no such format on this processor.
    """
    networks = _networks()
    plain = networks[form._replace(name="float32")]
    try:
        with TemporaryDirectory(prefix="opml-") as folder:
            # one thread, whose calls wait for no other one; TensorFlow has one number of them in a process
            threads = None if form.runtime == "tensorflow" else 1
            both = [
                open_artifact(network.write(Path(folder), name), threads=threads, execution=network.execution)
                for name, network in (("float32", plain), (form.name, networks[form]))
            ]
            examples = np.random.default_rng(0).random((_EXAMPLES, _SIDE, _SIDE, 3), np.float32)
            first, second = [(runtime, runtime.place({runtime.signature.inputs[0].name: examples})) for runtime in both]
            return time_calls(first, second).share
    except (OpmlError, ImportError):
        return None


class Times(NamedTuple):
    """What a call takes beside another one.

    Attributes:
        seconds: of a call; the least, which whatever else ran disturbed the least.
        share: of the least time of the other one.
    """

    seconds: float
    share: float


def time_calls(plain: tuple[Runtime, Placed], compared: tuple[Runtime, Placed]) -> Times:
    """Time a call of ``compared`` beside one of ``plain``, in turn.

    Args:
        plain: an open artifact, and examples that are placed for it.
        compared: likewise.
    """
    for runtime, placed in (plain, compared):
        for _ in range(2):  # the first prepares what the second reuses
            runtime.run(placed)
    rounds: list[list[float]] = []
    began = time.perf_counter()
    fewest, most = _ROUNDS
    while len(rounds) < fewest or (len(rounds) < most and time.perf_counter() - began < _SECONDS):
        pair = [0.0, 0.0]
        for which in (0, 1) if len(rounds) % 2 else (1, 0):
            runtime, placed = (plain, compared)[which]
            started = time.perf_counter()
            runtime.run(placed)
            pair[which] = time.perf_counter() - started
        rounds.append(pair)
    reference, seconds = map(min, zip(*rounds, strict=True))
    return Times(seconds, seconds / reference)


def _networks() -> dict[NumberFormat, _Network]:
    """How each format is written: a Keras file under a policy, a conversion by TensorFlow, or an ONNX model."""
    by_runtime: dict[str, dict[str, _Network]] = {
        "tensorflow": {
            "float32": _Network(_keras_file),
            "float16": _Network(_keras_file),
            "bfloat16": _Network(_keras_file),
        },
        "litert": dict.fromkeys(
            ("float32", "float16 weights", "int8 weights", "int8", "int4 weights"), _Network(_tflite_file)
        ),
        "onnxruntime": {"float32": _Network(_onnx_file), "int8": _Network(_onnx_file)},
        "openvino": {
            "float32": _Network(_openvino_folder, Execution(precision="f32")),
            "float16": _Network(_openvino_folder, Execution(precision="f16")),
            "bfloat16": _Network(_openvino_folder, Execution(precision="bf16")),
            "int8": _Network(_openvino_folder, Execution(precision="f32")),
        },
    }
    return {
        NumberFormat(runtime, name): network for runtime, named in by_runtime.items() for name, network in named.items()
    }


# --- by Keras and TensorFlow


def _keras_network(policy: str = "float32") -> Any:
    import keras

    layers = keras.layers
    inputs = x = keras.Input((_SIDE, _SIDE, 3), name="images")
    for filters, size, step in ((32, 3, 1), (64, 3, 2), (128, 1, 1)):
        x = layers.Conv2D(filters, size, step, padding="same", activation="relu", dtype=policy)(x)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu", dtype=policy)(x)
    x = layers.GlobalAveragePooling2D(dtype=policy)(x)
    return keras.Model(inputs, layers.Dense(10, dtype="float32", name="answers")(x))


def _keras_file(folder: Path, name: str) -> Path:
    path = folder / f"{name}.keras"
    model = _keras_network("float32" if name == "float32" else f"mixed_{name}")
    model.save(path)
    return path


def _tflite_file(folder: Path, name: str) -> Path:
    import tensorflow as tf

    model = _keras_network()
    module = tf.Module()
    spec = tf.TensorSpec((None, _SIDE, _SIDE, 3), tf.float32, name="images")
    module.function = tf.function(lambda images: model(images, training=False), autograph=False).get_concrete_function(
        spec
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.function], module)
    if name != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if name == "float16 weights":
        converter.target_spec.supported_types = [tf.float16]
    if name in ("int8", "int4 weights"):
        images = np.random.default_rng(0).random((4, 1, _SIDE, _SIDE, 3), np.float32)
        converter.representative_dataset = lambda: ([image] for image in images)
    path = folder / f"{name}.tflite"
    with warnings.catch_warnings():
        # It warns that statistics were not given by hand, which the images are there for.
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        content = converter.convert()
    path.write_bytes(_with_4_bits(content) if name == "int4 weights" else content)
    return path


def _with_4_bits(content: bytes) -> bytes:
    """A model of 8 bits with the weights of its convolutions and dense layers in 4, two of them in a byte."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    operators = schema.BuiltinOperator
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    (graph,) = model.subgraphs
    for operation in graph.operators:
        if model.operatorCodes[operation.opcodeIndex].builtinCode in (operators.CONV_2D, operators.FULLY_CONNECTED):
            weights = graph.tensors[int(operation.inputs[1])]
            buffer = model.buffers[weights.buffer]
            steps = np.asarray(buffer.data, np.uint8).view(np.int8) // 16 & 15
            steps = np.append(steps, np.zeros(len(steps) % 2, np.int8)).astype(np.uint8)
            weights.type, buffer.data = schema.TensorType.INT4, steps[::2] | steps[1::2] << 4
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


# --- without TensorFlow


def _onnx_file(folder: Path, name: str) -> Path:
    """The same network as ONNX, in float32 or with 8 bits between ``QuantizeLinear`` and ``DequantizeLinear``."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random, nodes, constants = np.random.default_rng(0), [], []

    def constant(key: str, values: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(values), key))
        return key

    def in_8_bits(key: str) -> str:
        if name != "int8":
            return key
        scale, zero = constant(f"{key}.scale", np.float32(1 / 64)), constant(f"{key}.zero", np.uint8(0))
        nodes.append(helper.make_node("QuantizeLinear", [key, scale, zero], [f"{key}.q"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{key}.q", scale, zero], [f"{key}.d"]))
        return f"{key}.d"

    def weights(key: str, shape: tuple[int, ...]) -> str:
        values = (random.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        if name != "int8":
            return constant(key, values)
        scale = constant(f"{key}.scale", np.full(shape[0], 1 / 64, np.float32))
        zero = constant(f"{key}.zero", np.zeros(shape[0], np.int8))
        steps = constant(f"{key}.q", np.clip(np.rint(values * 64), -127, 127).astype(np.int8))
        nodes.append(helper.make_node("DequantizeLinear", [steps, scale, zero], [key], axis=0))
        return key

    nodes.append(helper.make_node("Transpose", ["images"], ["x0"], perm=[0, 3, 1, 2]))
    taken = in_8_bits("x0")
    for number, (shape, step, groups) in enumerate(
        (((32, 3, 3, 3), 1, 1), ((64, 32, 3, 3), 2, 1), ((128, 64, 1, 1), 1, 1), ((128, 1, 3, 3), 1, 128)), 1
    ):
        sides = {"strides": [step, step], "pads": [shape[2] // 2] * 4, "group": groups}
        nodes.append(helper.make_node("Conv", [taken, weights(f"w{number}", shape)], [f"y{number}"], **sides))
        nodes.append(helper.make_node("Relu", [f"y{number}"], [f"x{number}"]))
        taken = in_8_bits(f"x{number}")
    axes = constant("axes", np.array([2, 3]))
    nodes.append(helper.make_node("ReduceMean", [taken, axes], ["answers"], keepdims=0))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", _SIDE, _SIDE, 3])],
        [helper.make_tensor_value_info("answers", TensorProto.FLOAT, ["n", 128])],
        constants,
    )
    path = folder / f"{name}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(path))
    return path


def _openvino_folder(folder: Path, name: str) -> Path:
    import openvino

    source = _onnx_file(folder, "int8" if name == "int8" else "float32")
    target = folder / f"openvino-{name}"
    model = openvino_core("number formats").read_model(str(source))
    openvino.save_model(model, str(target / "model.xml"), compress_to_fp16=False)
    return target
