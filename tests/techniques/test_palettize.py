from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.errors import ModelFileError
from pytest_opml.runtimes.keras_graph import load_keras
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.cluster import Cluster
from pytest_opml.techniques.packed_floats import form_of
from pytest_opml.techniques.palettize import Palettize, entropy_bits, in_two_bytes
from tests.conftest import Trained
from tests.support.workbench import Workbench

MakeCase = Callable[..., Case]


def test_keras_opens_the_file_and_it_is_smaller_than_that_of_clusters(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_opml.techniques.cluster._SMALL", 0)
    clustered = Cluster(clusters=16).apply(ModelState(trained.load()), trained.context())
    state = Palettize(bits=4, finetune=0).apply(ModelState(trained.load()), trained.context())
    (tmp_path / "clustered").mkdir()
    deflated = write_artifact(clustered, tmp_path / "clustered")
    packed = write_artifact(state, tmp_path)
    with zipfile.ZipFile(packed) as archive, zipfile.ZipFile(deflated) as other:
        sizes = [file.getinfo("model.weights.h5").compress_size for file in (archive, other)]
    assert sizes[0] < 0.8 * sizes[1]
    assert state.changes["palettize.layers_in_float32"] == 0
    for loaded in (keras.saving.load_model(packed), load_keras(packed)):
        for weights, same in zip(state.model.get_weights(), loaded.get_weights(), strict=True):
            assert np.array_equal(weights, same)


def test_a_chain_that_goes_on_from_the_cache_is_packed_too(make_case: MakeCase, workbench: Workbench) -> None:
    paths = [workbench.make(make_case(f"prune-0.8,epochs=1+palettize-3{more}")).path for more in ("", "+float16")]
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            assert archive.getinfo("model.weights.h5").compress_type == zipfile.ZIP_BZIP2


@pytest.fixture
def packed(trained: Trained, tmp_path: Path) -> Path:
    return write_artifact(replace(ModelState(trained.load()), packed=True), tmp_path)


@pytest.mark.parametrize("said", [-1, 1, 1 << 20])
def test_weights_that_unpack_to_another_size_than_the_archive_says_are_refused(packed: Path, said: int) -> None:
    content = packed.read_bytes()
    with zipfile.ZipFile(packed) as archive:
        size = archive.getinfo("model.weights.h5").file_size
    assert content.count(size.to_bytes(4, "little")) >= 2
    packed.write_bytes(content.replace(size.to_bytes(4, "little"), (size + said).to_bytes(4, "little")))
    with pytest.raises(ModelFileError, match="a damaged zip archive"):
        load_keras(packed)


def test_other_members_and_methods_are_refused(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, method in (("config.json", zipfile.ZIP_BZIP2), ("model.weights.h5", zipfile.ZIP_LZMA)):
        with zipfile.ZipFile(packed, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content, method if member == name else zipfile.ZIP_STORED)
        with pytest.raises(ModelFileError, match=f"'{name}' is packed by another method than DEFLATE"):
            load_keras(packed)


def test_what_a_layer_has_worked_out_constants_of_is_left_as_it_is(trained: Trained) -> None:
    scale = keras.layers.Normalization(name="scale")
    scale.adapt(np.random.default_rng(0).normal(3, 2, (50, 8)))
    model = keras.Sequential([keras.Input((8,)), scale, keras.layers.Dense(64), keras.layers.Dense(3)])
    before = [array.copy() for array in scale.get_weights()]
    model.layers[1].bias.assign(np.linspace(0.1, 0.7, 64))
    Palettize(bits=1, finetune=0, skip="none").apply(ModelState(model), trained.context())
    assert all(np.array_equal(*pair) for pair in zip(before, scale.get_weights(), strict=True))
    assert form_of(model.layers[1].bias.numpy()) is not None


def test_entropy_and_rounding_by_hand() -> None:
    assert entropy_bits(np.array([1, 1, 2, 3])) == 6
    assert in_two_bytes(np.array([1 + 2.0**-12, 2.0**-40], dtype=np.float32)).tolist() == [1 + 2.0**-12, 2.0**-40]
    assert in_two_bytes(np.array([1 + 2.0**-12, -3], dtype=np.float32)).tolist() == [1, -3]
