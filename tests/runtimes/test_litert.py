"""TFLite files of any inputs and outputs, quantised or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pytest_opml.errors import ModelFileError
from pytest_opml.runtimes.litert import LiteRTRuntime
from pytest_opml.runtimes.loader import read_signature
from pytest_opml.tensors import Batch, TensorSpec

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
MEANS = IMAGES.mean(axis=(1, 2))


def converted(path: Path, function: Any, specs: list[tf.TensorSpec], *, variables: Any = (), **options: Any) -> Path:
    """A file of a function, with the options of the converter."""

    class Module(tf.Module):
        @tf.function(input_signature=specs)
        def answer(self, *inputs: Any) -> Any:
            return function(*inputs)

    module = Module()
    module.variables_of_the_function = list(variables)
    tf.saved_model.save(module, str(path) + ".folder", signatures={"serving_default": module.answer})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(path) + ".folder")
    for name, value in options.items():
        setattr(converter, name, value)
    path.write_bytes(converter.convert())
    return path


def means(path: Path, shape: list[int | None], **options: Any) -> Path:
    """A file that gives the mean of each channel of an image."""
    spec = tf.TensorSpec(shape, tf.float32, name="image")
    return converted(path, lambda image: {"means": tf.reduce_mean(image, axis=[1, 2])}, [spec], **options)


def quantised(low: float, high: float, dtype: tf.DType) -> dict[str, Any]:
    """Options for integers throughout, with inputs from ``low`` to ``high``."""

    def calibration() -> Iterator[list[Any]]:
        for number in np.linspace(low, high, 10, dtype=np.float32):
            yield [np.full((1, 8, 8, 3), number)]

    integers = tf.lite.TargetSpec(supported_ops=[tf.lite.OpsSet.TFLITE_BUILTINS_INT8])
    return {
        "optimizations": [tf.lite.Optimize.DEFAULT],
        "representative_dataset": calibration,
        "target_spec": integers,
        "inference_input_type": dtype,
        "inference_output_type": dtype,
    }


def test_a_file_of_any_size_is_given_the_size_of_the_data(tmp_path: Path) -> None:
    path = means(tmp_path / "m.tflite", [None, None, None, 3])
    assert read_signature(path).inputs == (TensorSpec("image", (None, None, 3), "float32"),)
    runtime = LiteRTRuntime(path, threads=1)
    for sides in ((8, 8), (4, 6), (5, 3), (7, 7), (2, 2), (8, 8)):
        images = IMAGES[:, : sides[0], : sides[1]]
        assert np.allclose(runtime.predict(images), images.mean(axis=(1, 2)), rtol=1e-4)
    with pytest.raises(
        ModelFileError, match=r"takes image float32 \(n, \?, \?, 3\); the data have uint8 \(n, 8, 8, 1\)"
    ):
        runtime.predict(IMAGES[..., :1])


@pytest.mark.parametrize("batch", [1, 2, None])
def test_a_batch_of_any_number_is_answered(tmp_path: Path, batch: int | None) -> None:
    path = means(tmp_path / "m.tflite", [batch, 8, 8, 3])
    runtime = LiteRTRuntime(path, threads=1)
    assert (runtime.call_size, runtime.signature.inputs[0].batch) == (batch, batch)
    assert np.allclose(runtime.predict(IMAGES), MEANS, rtol=1e-4)
    assert np.allclose(runtime.predict(IMAGES[:1]), MEANS[:1], rtol=1e-4)


@pytest.mark.parametrize("dtype", [tf.uint8, tf.int8])
@pytest.mark.parametrize(("low", "high"), [(0, 255), (-1, 1), (0, 16)])
def test_a_quantised_input_is_given_its_own_scale(tmp_path: Path, dtype: tf.DType, low: float, high: float) -> None:
    path = means(tmp_path / "m.tflite", [None, 8, 8, 3], **quantised(low, high, dtype))
    runtime = LiteRTRuntime(path, threads=1)
    assert {spec.dtype for spec in (*runtime.signature.inputs, runtime.output)} == {dtype.name}
    step = (high - low) / 255
    numbers = low + IMAGES * np.float32(step)
    assert np.allclose(runtime.predict(numbers), numbers.mean(axis=(1, 2)), atol=1.5 * step)
    if low == 0:
        pixels = np.minimum(IMAGES, int(high))
        assert np.allclose(runtime.predict(pixels), pixels.mean(axis=(1, 2)), atol=1.5 * step)


def test_pixels_on_another_scale_are_refused(tmp_path: Path) -> None:
    path = means(tmp_path / "m.tflite", [None, 8, 8, 3], **quantised(-1, 1, tf.uint8))
    words = r"holds values from -(1|0\.99\d+) to 1\.?\d*, and the data have up to 255; say how they are scaled"
    with pytest.raises(ModelFileError, match=words):
        LiteRTRuntime(path, threads=1).predict(IMAGES)


def two(path: Path, **options: Any) -> Path:
    def answer(ids: Any, numbers: Any) -> dict[str, Any]:
        total = tf.reduce_sum(tf.cast(ids, tf.float32), axis=1, keepdims=True)
        return {"sum": total + numbers, "difference": total - numbers}

    specs = [tf.TensorSpec([None, None], tf.int32, name="ids"), tf.TensorSpec([None, 2], tf.float32, name="numbers")]
    return converted(path, answer, specs, **options)


def test_inputs_and_outputs_are_called_as_in_the_model(tmp_path: Path) -> None:
    path = two(tmp_path / "m.tflite")
    signature = read_signature(path)
    assert set(signature.inputs) == {TensorSpec("ids", (None,), "int32"), TensorSpec("numbers", (2,), "float32")}
    assert {output.name for output in signature.outputs} == {"sum", "difference"}
    ids, numbers = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[0.5, 1], [2, 3]])
    batches: list[Batch] = [{"numbers": numbers, "ids": ids}, {"Ids": ids, "serving_default_numbers:0": numbers}]
    runtime = LiteRTRuntime(path, threads=1, output="difference")
    for batch in batches:
        assert runtime.predict(batch).tolist() == [[5.5, 5], [13, 12]]
    assert LiteRTRuntime(path, threads=1, output="sum").predict(batches[0]).tolist() == [[6.5, 7], [17, 18]]
    with pytest.raises(ModelFileError, match=r"has the outputs .*; name the one that is to be measured"):
        LiteRTRuntime(path, threads=1)
    with pytest.raises(ModelFileError, match=r"give the data as a dict of arrays: \{'.*': \.\.\., '.*': \.\.\.\}"):
        runtime.predict(ids)


def test_an_example_may_have_no_axis_for_several(tmp_path: Path) -> None:
    spec = tf.TensorSpec([20], tf.float32, name="waveform")
    path = converted(tmp_path / "m.tflite", lambda wave: tf.reshape(wave, [1, 4, 5])[:, 1], [spec])
    waves = RANDOM.random((3, 20))
    assert np.allclose(LiteRTRuntime(path, threads=1).predict(waves), waves[:, 5:10])


def test_a_model_that_counts_its_calls_is_refused(tmp_path: Path) -> None:
    count = tf.Variable([[0.0]])
    spec = tf.TensorSpec([1, 1], tf.float32, name="x")
    with pytest.raises(ModelFileError, match=r"stores values from call to call .*; convert a model that takes a whole"):
        read_signature(converted(tmp_path / "m.tflite", lambda x: count.assign_add(x) + 0, [spec], variables=[count]))


def test_a_keras_model_is_called_by_the_names_of_its_inputs(tmp_path: Path) -> None:
    inputs = keras.Input((8, 8, 3), name="photo")
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    path = tmp_path / "m.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    runtime = LiteRTRuntime(path, threads=1)
    assert runtime.signature.inputs == (TensorSpec("photo", (8, 8, 3), "float32"),)
    assert np.allclose(runtime.predict({"anything": IMAGES}), MEANS, rtol=1e-4)


def test_a_recurrent_layer_begins_anew_with_each_example(tmp_path: Path) -> None:
    import tf_keras

    inputs = tf_keras.Input((5, 4), batch_size=1)
    model = tf_keras.Model(inputs, tf_keras.layers.LSTM(3)(inputs))
    (tmp_path / "recurrent.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    examples = np.random.default_rng(0).normal(size=(4, 5, 4)).astype(np.float32)
    answers = LiteRTRuntime(tmp_path / "recurrent.tflite", threads=1).predict(examples)
    wanted = np.concatenate([model(example[None]).numpy() for example in examples])
    np.testing.assert_allclose(answers, wanted, atol=1e-5)
