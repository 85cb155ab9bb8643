"""What a user would take instead, beside the techniques of this package: the same model, data and measuring.

    pip install 'pytest-opml[onnx,openvino]' nncf
    pytest bench/studies/bench_peers.py --opml-data-dir=DIR --opml-json=peers.json
    python bench/studies/table.py peers.json

Each tool is called as its own guide calls it, on the trained model, and hands its file to the measuring that all share.
Of tensorflow-model-optimization that is Adam, no teacher, and all layers trained, batch normalisation too. DIR holds
the folder ``cifar-10-batches-py``. ``PEERS_IMAGES=2400`` takes 2,000 training and 400 test images instead of 10,000
and 2,000.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from pydantic import Field

from pytest_opml import Case, ModelState, Result, Technique, TrainingContext, matrix, register
from pytest_opml.models.classifier import build_classifier
from pytest_opml.runtimes.openvino_file import openvino_core
from pytest_opml.techniques.model_function import input_names
from pytest_opml.techniques.onnx import to_onnx
from pytest_opml.techniques.tf_keras.job import assign_weights
from pytest_opml.techniques.tflite_converter import CALIBRATION_EXAMPLES, drawn

OURS = [
    "baseline",
    "prune-0.5",
    "cluster-64",
    "tfmot-prune-0.5",
    "tfmot-cluster-64",
    "dynamic-int8",
    "int8",
    "int4",
    "onnx",
    "onnx-int8",
    "openvino",
    "openvino-int8",
]
PEERS = [
    "plain-tfmot-prune-0.5",
    "plain-tfmot-prune-0.5,rate=0.0001",
    "plain-tfmot-cluster-64",
    "plain-converter-int8",
    "plain-converter-int8,activations=no",
    "plain-litert-dynamic_wi8_afp32",
    "plain-litert-static_wi8_ai8",
    "plain-litert-dynamic_wi4_afp32",
    "plain-litert-weight_only_wi4_afp32",
    "plain-ort-static",
    "plain-ort-dynamic",
    "plain-nncf-onnx",
    "plain-nncf-openvino",
]


def _images(context: TrainingContext) -> np.ndarray:
    """Training images (n, height, width, 3), the same for each tool that calibrates: uint8."""
    return np.asarray(context.x_train.take(drawn(context, CALIBRATION_EXAMPLES)))


# --- tensorflow-model-optimization, as https://www.tensorflow.org/model_optimization/guide has it


class _Tfmot(Technique):
    """A model of legacy Keras, trained on under a wrapper of the toolkit's."""

    def _wrapped(self, model: Any, steps: int) -> tuple[Any, list[Any]]:
        """Return the model to train, and the callbacks that it needs."""
        raise NotImplementedError

    def _stripped(self, model: Any) -> Any:
        """Return the trained model without the wrapper."""
        raise NotImplementedError

    def _trained(self, state: ModelState, context: TrainingContext, epochs: int, rate: float) -> ModelState:
        import tf_keras

        case = context.case
        model = build_classifier(case.model_copy(update={"weights": "none"}), context.spec, tf_keras)
        weights = {layer.name: layer.get_weights() for layer in state.model.layers if layer.weights}
        assign_weights(model, weights, case.model)
        images = np.asarray(context.x_train.take(np.arange(len(context.x_train))))
        model, callbacks = self._wrapped(model, epochs * math.ceil(len(images) / case.batch))
        model.compile(tf_keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        started = time.perf_counter()
        model.fit(images, context.y_train, case.batch, epochs, verbose=0, callbacks=callbacks)
        seconds = time.perf_counter() - started
        model = self._stripped(model)
        for layer in state.model.layers:
            if layer.weights:
                layer.set_weights(model.get_layer(layer.name).get_weights())
        changes = state.changes | {"plain_tfmot.epochs": epochs}
        return replace(state, deflate=True, training_s=state.training_s + seconds, changes=changes)


def _each_kernel(model: Any, wrap: Callable[[Any], Any]) -> Any:
    """A copy of a model whose convolutions and dense layers are wrapped, those with a kernel for each channel aside."""
    import tf_keras

    kinds = ("Conv2D", "Dense")
    return tf_keras.models.clone_model(
        model, clone_function=lambda layer: wrap(layer) if type(layer).__name__ in kinds else layer
    )


@register("technique", "plain-tfmot-prune")
class PlainPrune(_Tfmot):
    """Magnitude pruning while it is trained on."""

    argument: ClassVar[str | None] = "sparsity"

    sparsity: float = Field(gt=0, lt=1)
    epochs: int = Field(default=2, ge=1)
    rate: float = Field(default=1e-3, gt=0)

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        return self._trained(state, context, self.epochs, self.rate)

    def _wrapped(self, model: Any, steps: int) -> tuple[Any, list[Any]]:
        from tensorflow_model_optimization import sparsity

        tools = sparsity.keras
        schedule = tools.PolynomialDecay(0.0, self.sparsity, begin_step=0, end_step=steps // 2, frequency=1)
        return (
            _each_kernel(model, lambda layer: tools.prune_low_magnitude(layer, pruning_schedule=schedule)),
            [tools.UpdatePruningStep()],
        )

    def _stripped(self, model: Any) -> Any:
        from tensorflow_model_optimization import sparsity

        return sparsity.keras.strip_pruning(model)


@register("technique", "plain-tfmot-cluster")
class PlainCluster(_Tfmot):
    """Shared weights, trained on."""

    argument: ClassVar[str | None] = "clusters"

    clusters: int = Field(ge=2)
    epochs: int = Field(default=1, ge=1)
    rate: float = Field(default=1e-5, gt=0)

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        return self._trained(state, context, self.epochs, self.rate)

    def _wrapped(self, model: Any, steps: int) -> tuple[Any, list[Any]]:  # noqa: ARG002 - the role's signature
        from tensorflow_model_optimization import clustering

        tools = clustering.keras
        start = tools.CentroidInitialization.KMEANS_PLUS_PLUS

        def wrap(layer: Any) -> Any:
            return tools.cluster_weights(layer, number_of_clusters=self.clusters, cluster_centroids_init=start)

        return _each_kernel(model, wrap), []

    def _stripped(self, model: Any) -> Any:
        from tensorflow_model_optimization import clustering

        return clustering.keras.strip_clustering(model)


# --- TensorFlow's converter and litert-quantizer


def _float_converter(state: ModelState) -> Any:
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_keras_model(state.model)


def _tflite(state: ModelState, content: bytes) -> ModelState:
    changes = state.changes | {"plain.bytes": len(content)}
    return replace(state, flatbuffer=bytes(content), suffix=".tflite", changes=changes)


@register("technique", "plain-converter-int8")
class PlainConverter(Technique):
    """The converter's own quantisation; without ``activations`` of the weights alone."""

    ends_chain: ClassVar[bool] = True

    activations: bool = True

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        import tensorflow as tf

        converter = _float_converter(state)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if self.activations:
            images = _images(context)
            converter.representative_dataset = lambda: ([image[None]] for image in images)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        return _tflite(state, converter.convert())


@register("technique", "plain-litert")
class PlainLitert(Technique):
    """A recipe of litert-quantizer's."""

    ends_chain: ClassVar[bool] = True
    argument: ClassVar[str | None] = "recipe"

    recipe: Literal["dynamic_wi8_afp32", "dynamic_wi4_afp32", "weight_only_wi4_afp32", "static_wi8_ai8"]

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        from ai_edge_litert.interpreter import Interpreter
        from litert_quantizer import quantizer, recipe

        floats = bytes(_float_converter(state).convert())
        work = quantizer.Quantizer(bytearray(floats), getattr(recipe, self.recipe)())
        ranges = None
        if work.need_calibration:
            ((signature, ends),) = Interpreter(model_content=floats).get_signature_list().items()
            ranges = work.calibrate({signature: [{ends["inputs"][0]: image[None]} for image in _images(context)]})
        return _tflite(state, work.quantize(ranges).quantized_model)


# --- ONNX Runtime and NNCF


def _fed(state: ModelState, context: TrainingContext) -> Iterator[dict[str, Any]]:
    (name,) = input_names(state.model)
    return ({name: image[None]} for image in _images(context))


@register("technique", "plain-ort")
class PlainOrt(Technique):
    """ONNX Runtime's quantiser with its defaults."""

    ends_chain: ClassVar[bool] = True
    argument: ClassVar[str | None] = "mode"

    mode: Literal["static", "dynamic"]

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        from onnxruntime.quantization import CalibrationDataReader, quantize_dynamic, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        examples = _fed(state, context)

        class Reader(CalibrationDataReader):
            def get_next(self) -> dict[str, Any] | None:
                return next(examples, None)

        with TemporaryDirectory() as folder:
            original, prepared, target = (str(Path(folder, f"{name}.onnx")) for name in ("float", "prepared", "int8"))
            Path(original).write_bytes(to_onnx("plain-ort", state.model, context).SerializeToString())
            quant_pre_process(original, prepared, skip_symbolic_shape=True)
            if self.mode == "static":
                quantize_static(prepared, target, Reader())
            else:
                quantize_dynamic(prepared, target)
            content = Path(target).read_bytes()
        changes = state.changes | {"plain.bytes": len(content)}
        return replace(state, flatbuffer=content, suffix=".onnx", changes=changes)


@register("technique", "plain-nncf")
class PlainNncf(Technique):
    """NNCF's quantisation after training with its defaults, of an ONNX file or of one of OpenVINO's."""

    ends_chain: ClassVar[bool] = True
    argument: ClassVar[str | None] = "form"

    form: Literal["onnx", "openvino"]

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        import nncf

        proto = to_onnx("plain-nncf", state.model, context)
        examples = nncf.Dataset(list(_fed(state, context)))
        if self.form == "onnx":
            content = nncf.quantize(proto, examples).SerializeToString()
            changes = state.changes | {"plain.bytes": len(content)}
            return replace(state, flatbuffer=content, suffix=".onnx", changes=changes)
        import openvino

        with TemporaryDirectory() as folder:
            source, target = Path(folder, "float.onnx"), Path(folder, "model.xml")
            source.write_bytes(proto.SerializeToString())
            openvino.save_model(nncf.quantize(openvino_core("plain-nncf").read_model(source), examples), target)
            weights = target.with_suffix(".bin").read_bytes()
            changes = state.changes | {"plain.bytes": len(weights)}
            return replace(
                state,
                flatbuffer=target.read_bytes(),
                suffix=".xml",
                beside={"model.bin": weights},
                changes=changes,
            )


@pytest.mark.parametrize(
    "case",
    matrix(
        models=["efficientnet_lite0"],
        dataset="cifar10",
        unfreeze=[10],
        techniques=[*OURS, *PEERS],
        size=96,
        subset=int(os.environ.get("PEERS_IMAGES", "12000")),
    ),
    ids=str,
)
def bench_peer(case: Case, opml: Callable[[Case], Result]) -> None:
    opml(case)
