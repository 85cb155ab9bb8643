"""Ordinary SavedModels hold nothing that is refused; what reaches outside is refused wherever it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_opml.errors import ModelFileError
from pytest_opml.runtimes.loader import operations_outside, read_signature
from pytest_opml.runtimes.saved_model_graph import reaching_outside

pytestmark = pytest.mark.tensorflow


def _index(vocabulary: Path) -> Any:
    """A table from the lines of a file to their numbers."""
    import tensorflow as tf

    whole, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
    file = tf.lookup.TextFileInitializer(str(vocabulary), tf.string, whole, tf.int64, number)
    return tf.lookup.StaticHashTable(file, -1)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Layers that read a vocabulary, a module with a table of a file, and the same of TensorFlow 1."""
    import keras
    import tensorflow as tf

    tmp_path = tmp_path_factory.mktemp("exports")
    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("a\nb\nc\n")
    paths = {name: tmp_path / name for name in ("keras", "module", "v1")}
    images, word = keras.Input((16, 16, 3)), keras.Input((1,), dtype="string")
    hidden = keras.layers.RandomContrast(0.1)(keras.layers.RandomRotation(0.1)(keras.layers.RandomFlip()(images)))
    hidden = keras.layers.Flatten()(keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(hidden)))
    known = keras.layers.StringLookup(vocabulary=str(vocabulary), output_mode="one_hot")(word)
    model = keras.Model([images, word], keras.layers.Dense(3)(keras.layers.Concatenate()([hidden, known])))
    model.export(paths["keras"], verbose=False)

    module = tf.Module()
    module.table, module.kernel = _index(vocabulary), tf.Variable(tf.ones((3, 3)))
    module.memory = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="x")])
    def answer(x: Any) -> dict[str, Any]:
        tf.debugging.assert_greater(tf.size(x), 0)
        rows = tf.one_hot(module.table.lookup(x), 3) @ module.kernel
        return {"y": rows + tf.random.normal((3,)) + tf.cast(module.memory.lookup(x), tf.float32)[:, None]}

    tf.saved_model.save(module, str(paths["module"]), signatures=answer)
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        given = v1.placeholder(tf.string, (None,))
        kernel = v1.get_variable("kernel", (3, 3), use_resource=False)
        rows = tf.one_hot(_index(vocabulary).lookup(given), 3) @ kernel
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(str(paths["v1"]))
        signature = v1.saved_model.predict_signature_def({"x": given}, {"y": rows})
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": signature},
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=v1.tables_initializer(),
        )
        builder.save()
    return paths


def test_ordinary_exports_hold_nothing_that_is_refused(exports: dict[str, Path]) -> None:
    assert {name: operations_outside(path) for name, path in exports.items()} == dict.fromkeys(exports, ())
    assert [len(read_signature(path).inputs) for path in exports.values()] == [2, 1, 1]


def test_a_table_s_file_must_be_an_asset_of_the_folder(exports: dict[str, Path], tmp_path: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    for name in ("module", "v1"):
        saved = SavedModel.FromString((exports[name] / "saved_model.pb").read_bytes())
        for asset in saved.meta_graphs[0].asset_file_def:
            asset.filename = "../words.txt"
        if name == "v1":  # whose assets are in a collection as well, and which reads the file that its graph names
            saved.meta_graphs[0].ClearField("asset_file_def")
            saved.meta_graphs[0].collection_def["saved_model_assets"].Clear()
            assert reaching_outside(saved) == ("InitializeTableFromTextFileV2",)
            continue
        (tmp_path / "saved_model.pb").write_bytes(saved.SerializeToString())
        with pytest.raises(ModelFileError, match=r"an asset of it lies outside its folder: '../words.txt'"):
            read_signature(tmp_path)


def test_saving_and_restoring_is_for_the_saver_alone(exports: dict[str, Path]) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel.FromString((exports["module"] / "saved_model.pb").read_bytes())
    graph = saved.meta_graphs[0]
    answer = graph.signature_def["serving_default"].outputs["y"]
    before, answer.name = answer.name, graph.saver_def.restore_op_name + ":0"
    assert reaching_outside(saved) == ("RestoreV2",)
    answer.name = before
    graph.saver_def.Clear()
    assert reaching_outside(saved) == ("MergeV2Checkpoints", "RestoreV2", "SaveV2")


def test_two_nodes_of_one_name_are_damage(exports: dict[str, Path], tmp_path: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel.FromString((exports["module"] / "saved_model.pb").read_bytes())
    nodes = saved.meta_graphs[0].graph_def.node
    nodes.add(name=nodes[0].name, op="WriteFile")
    (tmp_path / "saved_model.pb").write_bytes(saved.SerializeToString())
    with pytest.raises(ModelFileError, match="has two nodes or functions of one name"):
        read_signature(tmp_path)


def test_an_operation_that_names_a_file_is_never_allowed() -> None:
    import tensorflow as tf
    from tensorflow.core.framework.node_def_pb2 import NodeDef
    from tensorflow.python.framework import op_def_registry

    from pytest_opml.runtimes.tensorflow_operations import is_allowed

    names = [name for name in dir(tf.raw_ops) if not name.startswith("_")]
    definitions = {name: definition for name in names if (definition := op_def_registry.get(name))}
    allowed = {name for name, definition in definitions.items() if is_allowed(NodeDef(op=name), definition)}
    assert len(definitions) > 1000
    assert {"MatMul", "Conv2D", "StringSplitV2", "DecodeJpeg", "VarHandleOp", "While", "RaggedGather"} <= allowed
    words = ("File", "PyFunc", "Print", "Save", "Rpc", "SummaryWriter", "Queue", "Reader", "Snapshot", "DataService")
    outside = {name for name in allowed if any(word in name for word in words)}
    assert outside <= {"ShardedFilename", "ShardedFilespec", "Snapshot"}  # texts, and a copy
