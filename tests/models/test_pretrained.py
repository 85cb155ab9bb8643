from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pytest_opml import registry
from pytest_opml.case import Case
from pytest_opml.errors import CaseDefinitionError, ModelFileError, StorageError
from pytest_opml.models import pretrained
from pytest_opml.models.pretrained import (
    PAPER_NETWORKS,
    check_weights,
    described,
    find_weights,
    is_pretrained,
    localised,
    store_weights,
    weights_file,
    weights_of_other,
    write_backbone,
)
from pytest_opml.models.weights import load_weights
from tests.support.weights import make_description, make_weights


def make_case(model: str = "resnet50", weights: str = "opml") -> Case:
    return Case(dataset="digits", model=model, weights=weights)


def test_weights_are_found_by_the_name_of_the_network(tmp_path: Path) -> None:
    assert find_weights("vgg16", tmp_path) is None
    file = make_weights("vgg16", tmp_path)
    assert file == weights_file("vgg16", tmp_path) == tmp_path / "paper-weights" / "vgg16.weights.h5"
    assert find_weights("vgg16", tmp_path) == make_description("vgg16", check_weights(file).sha256)
    assert find_weights("vgg19", tmp_path) is None
    assert is_pretrained(str(file))
    assert not is_pretrained("mine/vgg16.weights.h5")


def test_weights_without_what_is_said_of_them_are_not_there(tmp_path: Path) -> None:
    file = make_weights("vgg16", tmp_path)
    file.with_name("vgg16.json").unlink()
    assert find_weights("vgg16", tmp_path) is None
    with pytest.raises(ModelFileError) as caught:
        check_weights(file)
    assert str(caught.value) == "weights 'opml' of vgg16 are not here; run: opml paper pretrain vgg16"


def test_weights_that_were_changed_are_refused(tmp_path: Path) -> None:
    file = make_weights("vgg16", tmp_path)
    file.write_bytes(b"others")
    with pytest.raises(ModelFileError, match=r"is not what was trained: .* run: opml paper pretrain --force vgg16"):
        localised(make_case("vgg16"), tmp_path)
    with pytest.raises(ModelFileError, match="is not what was trained"):  # nor are they taken for those that are there
        find_weights("vgg16", tmp_path)
    file.with_name("vgg16.json").write_text(make_description("vgg19", "0" * 64).model_dump_json())
    with pytest.raises(
        ModelFileError, match=r"vgg16\.json: says vgg19 of the weights of vgg16; run: opml paper pretrain"
    ):
        find_weights("vgg16", tmp_path)
    file.with_name("vgg16.json").write_text('{"network": "vgg16"}')
    with pytest.raises(ModelFileError, match=r"vgg16\.json: is damaged; run: opml paper pretrain --force vgg16"):
        find_weights("vgg16", tmp_path)


def test_a_case_is_built_from_the_file_that_its_weights_stand_for(tmp_path: Path) -> None:
    file = make_weights("resnet50", tmp_path)
    assert localised(make_case(), tmp_path) == make_case(weights=str(file))
    for weights in ("imagenet", "none", "mine.h5"):
        case = make_case(weights=weights)
        assert localised(case, tmp_path) is case
    with pytest.raises(ModelFileError, match="weights 'opml' of vgg19 are not here"):
        localised(make_case("vgg19"), tmp_path)


def test_a_network_that_has_weights_of_its_own_kind_cannot_have_these(tmp_path: Path) -> None:
    with pytest.raises(CaseDefinitionError, match="efficientnet_lite0 cannot have weights that are trained here") as it:
        localised(make_case("efficientnet_lite0"), tmp_path)
    assert all(name in str(it.value) for name in PAPER_NETWORKS)


def test_a_teacher_starts_from_weights_of_the_same_origin(tmp_path: Path) -> None:
    file = str(weights_file("resnet50", tmp_path))
    assert weights_of_other(file, "resnet101") == str(weights_file("resnet101", tmp_path))
    assert weights_of_other(file, "efficientnet_lite0") == "imagenet"
    assert weights_of_other("mine.h5", "resnet101") == "imagenet"
    assert weights_of_other("none", "resnet101") == "none"


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make_weights("vgg16", tmp_path, b"old")
    (tmp_path / "new.h5").write_bytes(b"new")

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", refuse)
        with pytest.raises(StorageError, match=r"vgg16.*: cannot be written: No space left on device; set --cache-dir"):
            store_weights(tmp_path / "new.h5", make_description("vgg16", "0" * 64), tmp_path)
    assert file.read_bytes() == b"old"
    check_weights(file)
    assert sorted(path.name for path in file.parent.iterdir()) == ["vgg16.json", "vgg16.weights.h5"]


def test_weights_are_said_in_one_line() -> None:
    assert described(make_description("vgg16", "0" * 64)) == (
        "vgg16: answers 75.0% of 200 test images of pairs right (100 classes, 32 pixels, 2 x 1,000 images in 12 s)"
    )


def unnamed(keras: Any, size: int, channels: int, *, weights: str) -> Any:
    """A network whose layers Keras names, by numbers that go on."""
    image = keras.Input((size, size, channels))
    x = keras.layers.Normalization(axis=-1)(image)
    for filters in (4, 5):
        x = keras.layers.BatchNormalization()(keras.layers.Conv2D(filters, 3)(x))
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    if weights != "none":
        load_weights(model, "small_cnn", weights)
    return model


@pytest.mark.parametrize("network", ["vgg16", "small_cnn"])
def test_a_network_without_its_classifier_is_read_as_it_was(
    network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = unnamed if network == "small_cnn" else registry.get("model", network)
    monkeypatch.setattr(registry, "get", lambda *_: build)
    backbone = build(keras, 32, 3, weights="none")
    rng = np.random.default_rng(0)
    backbone.set_weights([rng.random(array.shape, np.float32) for array in backbone.get_weights()])
    trained = keras.Model(backbone.input, keras.layers.Dense(10, name="head_dense")(backbone.output))
    write_backbone(trained, network, 32, tmp_path / "n.weights.h5")
    again = build(keras, 32, 3, weights=str(tmp_path / "n.weights.h5"))
    for array, before in zip(again.get_weights(), backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(array, before)


def test_only_networks_that_take_such_a_file_are_offered() -> None:
    assert set(PAPER_NETWORKS) < set(pretrained.NETWORKS) <= set(registry.names("model"))
