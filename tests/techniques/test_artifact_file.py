"""What the file of an artifact has in it besides the model: nothing that differs from one saving to the next."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from pytest_opml.runtimes.keras_graph import load_keras
from pytest_opml.techniques.artifact_file import save_model, write_artifact
from pytest_opml.techniques.base import ModelState
from tests.support import small


@pytest.mark.parametrize("stored", [{}, {"float16_weights": True}, {"deflate": True}, {"packed": True}], ids=str)
def test_the_same_model_gives_the_same_bytes_whenever_it_is_saved(tmp_path: Path, stored: dict[str, bool]) -> None:
    """Dates, times of HDF5's groups and addresses of objects would change what compression makes of a file."""
    import keras

    save_model(small.build(keras, 16, 3, weights="none"), tmp_path / "model.keras")
    written = []
    for name in ("first", "second"):
        model = load_keras(tmp_path / "model.keras")
        (tmp_path / name).mkdir()
        written.append(write_artifact(ModelState(model, **stored), tmp_path / name))
        time.sleep(1.1 if name == "first" else 0)  # the times have whole seconds
    assert written[0].read_bytes() == written[1].read_bytes()


def test_a_saved_model_is_read_back_with_what_it_shares(tmp_path: Path) -> None:
    import keras

    shared = keras.layers.Dense(3, name="shared")
    inputs = [keras.Input((4,), name=name) for name in ("a", "b")]
    model = keras.Model(inputs, keras.layers.add([shared(one) for one in inputs]))
    save_model(model, tmp_path / "model.keras")
    again = load_keras(tmp_path / "model.keras")
    assert len(again.weights) == 2
    rows = [np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32) for _ in inputs]
    np.testing.assert_array_equal(model.predict(rows, verbose=0), again.predict(rows, verbose=0))
