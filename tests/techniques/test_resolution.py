from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.errors import TechniqueError
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.resolution import Resolution, with_smaller_images
from pytest_opml.tensors import TensorSpec
from tests.conftest import Trained
from tests.support.workbench import Workbench


def pooled(size: int = 16) -> keras.Model:
    layers = keras.layers
    inputs = keras.Input((size, size, 3), dtype="uint8", name="image")
    x = layers.Conv2D(8, 3, 2, padding="same", name="first")(layers.Rescaling(1 / 255)(inputs))
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="pooled")


def test_the_network_takes_the_images_as_before_and_works_on_smaller_ones() -> None:
    model, images = pooled(), np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    smaller = with_smaller_images("resolution-8", model, 8)
    assert (smaller.inputs[0].shape, smaller.inputs[0].dtype) == ((None, 16, 16, 3), "uint8")
    assert smaller.get_layer("first").output.shape[1:3] == (4, 4)
    assert len(smaller.get_layer("first")._inbound_nodes) == 1
    halved = np.asarray(keras.ops.image.resize(images.astype("float32"), (8, 8)))
    behind = keras.Model(smaller.get_layer("smaller_images").output, smaller.output)
    assert np.allclose(smaller.predict(images, verbose=0), behind.predict(halved, verbose=0), atol=1e-6)
    again = with_smaller_images("resolution-4", smaller, 4)
    assert [layer.name for layer in again.layers].count("smaller_images") == 1
    assert again.get_layer("first").output.shape[1:3] == (2, 2)


def test_what_cannot_be_scaled_is_refused(trained: Trained) -> None:
    context = trained.context()
    with pytest.raises(TechniqueError, match=r"resolution-16: the images are 16 x 16, no larger than that"):
        Resolution(pixels=16).apply(ModelState(pooled()), context)
    with pytest.raises(TechniqueError, match=r"resolution-8: small flattens its features"):
        Resolution(pixels=8).apply(ModelState(trained.load()), context)
    with pytest.raises(TechniqueError, match=r"resolution-8: the images are 8 x 8 inside already"):
        with_smaller_images("resolution-8", with_smaller_images("resolution-8", pooled(), 8), 8)
    for spec in (TensorSpec("row", (7,), "float32"), TensorSpec("planes", (3, 16, 16), "float32")):
        others = replace(context, spec=context.spec._replace(inputs=(spec,)))
        with pytest.raises(TechniqueError, match=r"resolution-8: the data are no images of one size"):
            Resolution(pixels=8).apply(ModelState(pooled()), others)


def test_a_chain_with_fewer_pixels_filters_and_bits(make_case: Callable[..., Case], workbench: Workbench) -> None:
    case = make_case("resolution-12,epochs=1+filter-prune-macs-0.1,epochs=1+int8", model="small_cnn", epochs=1)
    built = workbench.make(case)
    assert built.path.suffix == ".tflite"
    assert built.changes["resolution.pixels_inside"] == "12x12"
    assert int(built.changes["filter_prune.filters_removed"]) > 0
