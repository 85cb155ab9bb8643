"""Models that would do more than compute: write a file, read one, run code. Each is written with a place of its own."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

# Beside a model: the file that it would write, or the module that would run; and the file that it would read.
CANARY, SECRET = "canary", "secret.txt"
FEATURES, CLASSES = 4, 3

Write = Callable[[Path], Path]


# --- SavedModel


def _operations(folder: Path) -> dict[str, Callable[[], Any]]:
    """What writes the canary, reads the secret or runs Python, by the operation that the graph holds then."""
    import tensorflow as tf

    canary, secret, raw = str(folder / CANARY), str(folder / SECRET), tf.raw_ops

    def touch() -> float:
        (folder / CANARY).touch()
        return 0.0

    def first_line() -> Any:
        return next(iter(tf.data.TextLineDataset(secret)))

    def lines() -> Any:
        return tf.data.TextLineDataset(secret).reduce(0, lambda count, _: count + 1)

    return {
        "WriteFile": lambda: tf.io.write_file(canary, "x"),
        "ReadFile": lambda: tf.strings.length(tf.io.read_file(secret)),
        "MatchingFiles": lambda: tf.size(tf.io.matching_files(f"{folder}/*")),
        "PrintV2": lambda: tf.print("x", output_stream=f"file://{canary}"),
        "EagerPyFunc": lambda: tf.py_function(touch, [], tf.float32),
        "PyFunc": lambda: tf.numpy_function(touch, [], tf.float64),
        "TextLineDataset": lines,
        "SaveV2": lambda: raw.SaveV2(prefix=canary, tensor_names=["x"], shape_and_slices=[""], tensors=[1.0]),
        "RestoreV2": lambda: raw.RestoreV2(prefix=secret, tensor_names=["x"], shape_and_slices=[""], dtypes=["float"]),
        "Save": lambda: raw.Save(filename=canary, tensor_names=["x"], data=[tf.constant(1.0)]),
        "MergeV2Checkpoints": lambda: raw.MergeV2Checkpoints(checkpoint_prefixes=[secret], destination_prefix=canary),
        "DebugIdentityV2": lambda: raw.DebugIdentityV2(input=1.0, debug_urls=[f"file://{canary}"]),
        "FIFOQueueV2": lambda: raw.FIFOQueueV2(component_types=[tf.float32]),
        "CreateSummaryFileWriter": lambda: raw.CreateSummaryFileWriter(
            writer=raw.SummaryWriter(), logdir=canary, max_queue=1, flush_millis=1, filename_suffix="x"
        ),
        "TFRecordReaderV2": raw.TFRecordReaderV2,
        "InitializeTableFromTextFileV2": lambda: raw.InitializeTableFromTextFileV2(
            table_handle=raw.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64),
            filename=secret,
            key_index=-2,
            value_index=-1,
        ),
    }


OPERATIONS = (
    *("WriteFile", "ReadFile", "MatchingFiles", "PrintV2", "EagerPyFunc", "PyFunc", "TextLineDataset", "SaveV2"),
    *("RestoreV2", "Save", "MergeV2Checkpoints", "DebugIdentityV2", "FIFOQueueV2"),
    *("CreateSummaryFileWriter", "TFRecordReaderV2", "InitializeTableFromTextFileV2"),
)
PLACES = (
    "body",
    "branch",
    "loop",
    "nested function",
    "other signature",
    "never called",
    "loading",
    "second graph",
    "v1",
)


def write_saved_model(folder: Path, operation: str, place: str) -> Path:
    """Write a SavedModel that holds an operation of ``OPERATIONS`` at a place of ``PLACES``."""
    import tensorflow as tf

    act = _operations(folder)[operation]
    path = folder / "model"
    if place == "v1":
        _write_v1(path, act)
        return path
    spec = [tf.TensorSpec((None, FEATURES), tf.float32, name="x")]
    module = tf.Module()
    module.kernel = tf.Variable(tf.ones((FEATURES, CLASSES)))

    def acting() -> Any:
        done = act()
        if isinstance(done, tf.Operation) or done is None:
            return tf.constant(0.0)
        with tf.control_dependencies([tf.nest.flatten(done)[0]]):
            return tf.constant(0.0)

    def answer(x: Any) -> Any:
        added = tf.constant(0.0)
        if place in ("body", "second graph"):
            added = acting()
        elif place == "branch":
            added = tf.cond(tf.size(x) > 0, acting, lambda: tf.constant(0.0))
        elif place == "loop":
            added = tf.while_loop(lambda number, _: number < 1, lambda number, _: (number + 1, acting()), (0, 0.0))[1]
        elif place == "nested function":
            added = tf.function(tf.function(acting, autograph=False), autograph=False)()
        return {"y": x @ module.kernel + added}

    call = tf.function(answer, input_signature=spec, autograph=False)
    signatures = {"serving_default": call.get_concrete_function()}
    acts_alone = tf.function(lambda: {"y": acting()}, autograph=False, input_signature=[])
    if place == "other signature":
        signatures["more"] = acts_alone.get_concrete_function()
    elif place == "never called":
        module.more = acts_alone
        acts_alone.get_concrete_function()
    elif place == "loading":
        module.table = _table(acting)
    tf.saved_model.save(module, str(path), signatures=signatures)
    if place == "second graph":
        _move_to_a_second_graph(path)
    return path


def _table(act: Callable[[], Any]) -> Any:
    """A table whose initializer acts; TensorFlow runs it when it loads the model."""
    import tensorflow as tf

    class Initializer(tf.lookup.KeyValueTensorInitializer):  # type: ignore[misc]
        def initialize(self, table: Any) -> Any:
            if tf.executing_eagerly():  # now, and not when the model is loaded
                return super().initialize(table)
            with tf.control_dependencies([act()]):
                return super().initialize(table)

    return tf.lookup.StaticHashTable(Initializer(["a"], [1], tf.string, tf.int64), -1)


def _write_v1(path: Path, act: Callable[[], Any]) -> None:
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, FEATURES))
        kernel = v1.get_variable("kernel", (FEATURES, CLASSES))
        session.run(v1.global_variables_initializer())
        done = act()
        with tf.control_dependencies([tf.nest.flatten(done)[0]]):
            y = x @ kernel
        v1.saved_model.simple_save(session, str(path), {"x": x}, {"y": y})


def _move_to_a_second_graph(path: Path) -> None:
    """Leave the function's operations in a graph behind the one that is loaded."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    file = path / "saved_model.pb"
    saved = SavedModel.FromString(file.read_bytes())
    saved.meta_graphs.add().CopyFrom(saved.meta_graphs[0])
    saved.meta_graphs[1].meta_info_def.tags[:] = ["train"]
    for function in saved.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            if node.op in OPERATIONS and "traced" not in function.signature.name:
                node.op = "NoOp"
    file.write_bytes(saved.SerializeToString())


# --- ONNX

_WHERE = ("graph", "branch", "loop", "constant", "sparse", "function", "training")


def write_onnx_outside(folder: Path, where: str) -> Path:
    """Write an ONNX file one of whose tensors lies in the secret."""
    import onnx
    from onnx import TensorProto, helper

    def outside(name: str) -> Any:
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value=SECRET)
        return tensor

    constant = helper.make_node("Constant", [], ["c"], value=outside("in a node"))
    inner = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["out"])],
        "inner",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])],
        [outside("w")],
    )
    model = _onnx(folder)
    graph = model.graph
    if where == "graph":
        graph.initializer.append(outside("w"))
    elif where == "branch":
        condition = helper.make_tensor("t", TensorProto.BOOL, [], [True])
        graph.initializer.append(condition)
        graph.node.append(helper.make_node("If", ["t"], ["b"], then_branch=inner, else_branch=inner))
    elif where == "loop":
        graph.node.append(helper.make_node("Loop", ["", ""], ["l"], body=inner))
    elif where == "constant":
        graph.node.append(constant)
    elif where == "sparse":
        sparse = onnx.SparseTensorProto(values=outside("values"), indices=outside("indices"), dims=[1])
        graph.sparse_initializer.append(sparse)
    elif where == "function":
        opset = [helper.make_opsetid("", 17)]
        model.functions.append(helper.make_function("own", "F", [], ["c"], [constant], opset))
    else:
        model.training_info.add().initialization.CopyFrom(inner)
    return _saved(model, folder)


def write_onnx_operation(folder: Path, domain: str, name: str) -> Path:
    """Write an ONNX file with an operation that neither ONNX nor its runtime has, or that reaches outside."""
    from onnx import helper

    model = _onnx(folder)
    model.graph.node.append(helper.make_node(name, ["y"], ["z"], domain=domain))
    model.opset_import.append(helper.make_opsetid(domain, 1))
    return _saved(model, folder)


def _onnx(folder: Path) -> Any:
    import onnx

    from tests.support.onnx_files import write_classifier

    return onnx.load(str(write_classifier(folder / "model.onnx")))


def _saved(model: Any, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


# --- TFLite


def write_tflite(folder: Path, what: str) -> Path:
    """Write a TFLite file with a custom operation of a name, or with weights in another file (``external``)."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    from tests.support.tflite_files import write_dense

    path = write_dense(folder / "model.tflite", np.ones((CLASSES, FEATURES), np.float32))
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    if what == "external":
        group, buffer = schema.ExternalBufferGroupT(), schema.ExternalBufferT()
        group.name, buffer.id, buffer.length = SECRET, 1, 48
        model.externalBufferGroups, model.externalBuffers = [group], [buffer]
        model.subgraphs[0].tensors[1].externalBuffer = 1
    else:
        operation = model.operatorCodes[0]
        operation.builtinCode = operation.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        operation.customCode = what
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    return path


# --- Keras


def _function(module: str, name: str) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def _layer(module: str | None, kind: str, registered: str | None = None, /, **config: Any) -> dict[str, Any]:
    named = {"name": "hostile"} | config
    return {"module": module, "class_name": kind, "config": named, "registered_name": registered}


def _activations(folder: Path) -> dict[str, dict[str, Any]]:
    """What stands in the place of a layer's activation."""
    return {
        "os.system": _function("os", "system"),
        "builtins.eval": _function("builtins", "eval") | {"module": "builtins "},
        "subprocess.run": _function("subprocess", "run"),
        "hostile_module.run": _function("hostile_module", "run"),
        "keras.src.utils.file_utils.get_file": _function("keras.src.utils.file_utils", "get_file"),
        "keras.utils.get_file": _function("keras.utils", "get_file"),
        "keras.models.load_model": _function("keras.models", "load_model"),
        "keras.saving.load_model": _function("keras.saving", "load_model"),
        "keras.config.enable_unsafe_deserialization": _function("keras.config", "enable_unsafe_deserialization"),
        "__lambda__": {"class_name": "__lambda__", "config": {"value": ["4wA=", None, None]}},
        "TFSMLayer": _layer("keras.layers", "TFSMLayer", filepath=str(folder / "other"), call_endpoint="serve"),
        "keras.callbacks.CSVLogger": _layer("keras.callbacks", "CSVLogger", filename=str(folder / CANARY)),
    }


def _layers(folder: Path) -> dict[str, dict[str, Any]]:
    """What stands behind the last layer of a model, or within one that wraps it."""
    code = {"class_name": "__lambda__", "config": {"value": ["4wA=", None, None]}}
    secret = str(folder / SECRET)
    return {
        "Lambda": _layer("keras.layers", "Lambda", function=code),
        "Lambda of a function": _layer(
            "keras.layers", "Lambda", function=_function("keras.utils", "get_file"), arguments={"origin": "file:///x"}
        ),
        "TorchModuleWrapper": _layer("keras.layers", "TorchModuleWrapper", module="gAIu"),
        "hostile_module.Layer": _layer("hostile_module", "Layer", "Custom>Layer"),
        "unregistered": _layer(None, "Layer", "Custom>Layer"),
        "StringLookup": _layer("keras.layers", "StringLookup", vocabulary=secret),
        "IntegerLookup": _layer("keras.layers", "IntegerLookup", vocabulary=secret),
        "TextVectorization": _layer("keras.layers", "TextVectorization", vocabulary=secret),
        "Dense of too many units": _layer("keras.layers", "Dense", units=10**13),
        "in a wrapper": _layer(
            "keras.layers", "TimeDistributed", layer=_layer("keras.layers", "StringLookup", vocabulary=secret)
        ),
    }


def keras_tricks() -> list[str]:
    """The names of what ``write_keras`` can do."""
    archives = ["external link", "external storage", "virtual", "member outside", "bomb"]
    return [*_activations(Path()), *_layers(Path()), *archives]


def write_keras(folder: Path, trick: str) -> Path:
    """Write a ``.keras`` file that would run code or read another file."""
    import keras

    inputs = keras.Input((FEATURES,))
    path = folder / "model.keras"
    keras.Model(inputs, keras.layers.Dense(CLASSES, name="last")(inputs)).save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    last = config["config"]["layers"][-1]
    if trick in _activations(folder):
        last["config"]["activation"] = _activations(folder)[trick]
    elif trick in _layers(folder):
        config["config"]["layers"].append(_layers(folder)[trick] | {"name": "hostile", "inbound_nodes": []})
    else:
        _change_archive(folder, members, trick)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if trick == "bomb" else zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _change_archive(folder: Path, members: dict[str, bytes], trick: str) -> None:
    import h5py

    if trick == "member outside":
        members[f"assets/../../{CANARY}"] = b"x"
        return
    if trick == "bomb":
        members["assets/zeros"] = bytes(2**30 + 1)
        return
    stream, secret = io.BytesIO(members["model.weights.h5"]), str(folder / SECRET)
    with h5py.File(stream, "r+") as weights:
        group = weights.create_group("more")
        if trick == "external link":
            group["kernel"] = h5py.ExternalLink(secret, "/")
        elif trick == "external storage":
            group.create_dataset("kernel", (4,), "u1", external=[(secret, 0, 4)])
        else:
            layout = h5py.VirtualLayout((4,), "u1")
            layout[:] = h5py.VirtualSource(secret, "x", (4,))
            group.create_virtual_dataset("kernel", layout)
    members["model.weights.h5"] = stream.getvalue()


# --- all of them


def hostile_models() -> dict[str, tuple[Write, str]]:
    """All models by what they are: how each is written, and a word that its refusal must have."""
    models: dict[str, tuple[Write, str]] = {}
    for place in PLACES:
        for operation in OPERATIONS:
            write = partial(write_saved_model, operation=operation, place=place)
            models[f"SavedModel: {operation} in {place}"] = write, operation
    for where in _WHERE:
        models[f"ONNX: tensor outside in {where}"] = partial(write_onnx_outside, where=where), "in other files"
    for domain, name in (
        ("own", "Op"),
        ("com.microsoft", "EPContext"),
        ("com.microsoft", "PythonOp"),
        ("", "Nonsense"),
    ):
        models[f"ONNX: {domain}:{name}"] = partial(write_onnx_operation, domain=domain, name=name), name
    for name in ("FlexReadFile", "MyOp"):
        models[f"TFLite: {name}"] = partial(write_tflite, what=name), name
    models["TFLite: weights outside"] = partial(write_tflite, what="external"), "in other files"
    for trick in keras_tricks():
        models[f"Keras: {trick}"] = partial(write_keras, trick=trick), "loaded safely"
    return models
