"""An engine whose accuracy collapses without a word: an int8 file that was calibrated on pixels of another range.

It trains ``efficientnet_lite0`` on the digits, or takes it from the cache, and writes a project into a folder: the test
images in ``digits.npz``, and the network as ``float32.tflite`` and in 8 bits. ``wrong.tflite`` was calibrated on pixels
divided by 255, as a network without a scaling of its own would want them; ``right.tflite`` on pixels from 0 to 255,
which this network takes.

Run as a program: ``python benchmarks/silent_collapse.py FOLDER``. The files are then measured by ``opml init`` and
``pytest``; what these printed is in ``docs/index.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from workers import Setup, artifact, cpu_setup, in_worker

from pytest_opml.case import Case
from pytest_opml.runner.case_data import load_data

CASE = Case(dataset="digits", model="efficientnet_lite0", unfreeze=10)
_CALIBRATION = 300
_SCALES = {"wrong": 1 / 255, "right": 1.0}


def write_engines(folder: Path, case: Case, setup: Setup) -> None:
    """In a worker: write the test images, and the trained network in float32 and twice in 8 bits.

    Args:
        folder: the files are written here.
        case: the network.
        setup: where things lie.
    """
    import keras
    import tensorflow as tf

    trained = keras.models.load_model(artifact(case, setup), compile=False)
    model = keras.models.clone_model(trained, input_tensors=keras.Input(trained.inputs[0].shape[1:], dtype="float32"))
    model.set_weights(trained.get_weights())
    data = load_data(case, setup.paths.data_dir)
    np.savez(folder / "digits.npz", x_test=data.x_test.take(range(len(data.x_test))), y_test=data.y_test)
    images = data.x_train.take(range(_CALIBRATION))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    (folder / "float32.tflite").write_bytes(converter.convert())
    for name, scale in _SCALES.items():
        (folder / f"{name}.tflite").write_bytes(_quantised(model, images * np.float32(scale)))


def _quantised(model: Any, examples: np.ndarray) -> bytes:
    """The network in 8 bits, as TensorFlow's guide to integer quantisation does it; its input stays in float32."""
    import tensorflow as tf

    def calibration() -> Iterator[list[np.ndarray]]:
        for example in examples:
            yield [example[None].astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = calibration
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    content: bytes = converter.convert()
    return content


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files are written")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    in_worker(partial(write_engines, arguments.folder.absolute()), CASE, cpu_setup())


if __name__ == "__main__":
    main()
