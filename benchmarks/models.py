"""Every network of ``keras.applications`` under both versions of Keras: layers, size, time.

Run as a program (``python benchmarks/models.py [NAME ...]``); images of 32 x 32 pixels, random weights.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import time
from typing import Any

import numpy as np

from pytest_opml.models.applications import APPLICATIONS

SIZE, IMAGES = 32, 64


def _milliseconds(model: Any, rounds: int) -> float:
    import tensorflow as tf

    images = tf.constant(np.random.default_rng(0).integers(0, 256, (IMAGES, SIZE, SIZE, 3), np.uint8))
    call = tf.function(lambda pixels: model(pixels, training=False))
    call(images)
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        call(images).numpy()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) / IMAGES * 1e3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(APPLICATIONS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keras", nargs="*", default=["keras", "tf_keras"])
    options = parser.parse_args()
    print("name,module,layers,parameters,MB,ms_per_image,build_s")
    for name in options.names:
        for module in options.keras:
            keras = importlib.import_module(module)
            keras.backend.clear_session()
            started = time.perf_counter()
            model = APPLICATIONS[name](keras, SIZE, 3, weights="none")
            built = time.perf_counter() - started
            count = model.count_params()
            ms = _milliseconds(model, options.rounds)
            print(f"{name},{module},{len(model.layers)},{count},{count * 4 / 1e6:.1f},{ms:.2f},{built:.1f}", flush=True)


if __name__ == "__main__":
    main()
