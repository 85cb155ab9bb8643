from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_opml.errors import MissingDependencyError, ModelFileError
from pytest_opml.runtimes.loader import kind_of, operations_outside, read_signature
from pytest_opml.runtimes.openvino_file import is_openvino, read_openvino
from pytest_opml.tensors import TensorSpec
from tests.support.openvino_models import save_linear_openvino

pytest.importorskip("openvino")


def changed(folder: Path, old: str, new: str) -> Path:
    graph = folder / "model.xml"
    text = graph.read_text()
    assert old in text
    graph.write_text(text.replace(old, new))
    return folder


def test_it_is_a_folder_of_one_graph_and_its_weights(tmp_path: Path) -> None:
    folder = save_linear_openvino(tmp_path / "cat")
    assert kind_of(folder) == "openvino"
    (folder / "other.xml").touch()
    assert not is_openvino(folder)


@pytest.mark.parametrize("name", ["model.xml", "model.bin"])
def test_one_of_its_files_is_answered_with_the_folder(tmp_path: Path, name: str) -> None:
    folder = save_linear_openvino(tmp_path / "cat")
    with pytest.raises(ModelFileError, match=f"which is two files: name their folder, {folder}"):
        kind_of(folder / name)


def test_its_signature_has_the_names_of_the_model(tmp_path: Path) -> None:
    signature = read_signature(save_linear_openvino(tmp_path / "cat"))
    assert signature.inputs == (TensorSpec("images", (8, 8, 3), "float32", None),)
    assert signature.outputs == (TensorSpec("probabilities", (10,), "float32", None),)


def test_a_foreign_operation_is_refused_by_name(tmp_path: Path) -> None:
    folder = changed(
        save_linear_openvino(tmp_path / "cat"),
        'type="SoftMax" version="opset8"',
        'type="Call" version="extension"',
    )
    with pytest.raises(ModelFileError, match=r"may reach outside the model.*: extension:Call; if you trust"):
        read_openvino(folder)
    with pytest.raises(ModelFileError, match="Cannot create Call layer"):  # there is no library for it here
        operations_outside(folder)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<net", "model.xml is damaged, or no XML"),
        ('<!DOCTYPE net [<!ENTITY a "b">]><net/>', "model.xml declares a document type"),
        ("<net/>", "not a model that OpenVINO can run"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(tmp_path: Path, content: str, text: str) -> None:
    folder = save_linear_openvino(tmp_path / "cat")
    (folder / "model.xml").write_text(content)
    with pytest.raises(ModelFileError, match=text) as caught:
        read_openvino(folder)
    assert "\n" not in str(caught.value)


def test_weights_that_are_cut_off_are_refused(tmp_path: Path) -> None:
    folder = save_linear_openvino(tmp_path / "cat")
    (folder / "model.bin").write_bytes(b"short")
    with pytest.raises(ModelFileError, match="not a model that OpenVINO can run"):
        read_openvino(folder)


def test_a_precision_that_is_none_is_refused(tmp_path: Path) -> None:
    folder = save_linear_openvino(tmp_path / "cat", precision="f8")
    with pytest.raises(ModelFileError, match="asks for the precision 'f8'"):
        read_openvino(folder)


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_linear_openvino(tmp_path / "cat")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingDependencyError, match=r"openvino: pip install 'pytest-opml\[openvino\]'"):
        read_openvino(folder)
