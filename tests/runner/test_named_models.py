"""Models and data as a command line names them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_opml import registry
from pytest_opml.case import parse_sections
from pytest_opml.errors import CaseDefinitionError, UsageError
from pytest_opml.records.preprocess import Preprocess
from pytest_opml.runner import named_models
from pytest_opml.runner.named_models import model_names, named_case, read_preprocess


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    for name in ("b.onnx", "a.onnx", "c.tflite"):
        (tmp_path / "models" / name).write_bytes(b"")
    (tmp_path / "saved").mkdir()
    for name, parts in {"whole": ("train",), "test": ("test",), "both": ("train", "test")}.items():
        np.savez(tmp_path / f"{name}.npz", **{f"{kind}_{part}": np.zeros(3) for part in parts for kind in "xy"})
    for name in ("pets/cat", "pets/dog", "parts/train/cat", "parts/test/cat"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["models/a.onnx"], ["models/a.onnx"]),
        (["models/*.onnx", "models/a.onnx"], ["models/a.onnx", "models/b.onnx"]),
        (["models/?.tflite", "saved", "resnet50"], ["models/c.tflite", "./saved", "resnet50"]),
        (["models:/pets@champion", "mine:build"], ["models:/pets@champion", "mine:build"]),
    ],
)
def test_models_are_files_patterns_and_names(texts: list[str], names: list[str]) -> None:
    assert model_names(texts) == names


def test_an_absolute_pattern_is_one(folder: Path) -> None:
    assert model_names([f"{folder}/models/c*"]) == [f"{folder}/models/c.tflite"]


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^nets/\*.onnx: no file matches$"):
        model_names(["nets/*.onnx"])


@pytest.mark.parametrize(
    ("model", "technique", "fields", "text"),
    [
        ("models/a.onnx", "baseline", {"dataset": "whole.npz"}, "whole.npz/{models/a.onnx}/top0/baseline/split=0-100"),
        ("models/a.onnx", "baseline", {"dataset": "test.npz"}, "test.npz/{models/a.onnx}/top0/baseline"),
        ("models/a.onnx", "baseline", {"dataset": "both.npz"}, "both.npz/{models/a.onnx}/top0/baseline"),
        ("models/a.onnx", "baseline", {"dataset": "pets"}, "{./pets}/{models/a.onnx}/top0/baseline/split=0-100"),
        ("models/a.onnx", "baseline", {"dataset": "parts"}, "{./parts}/{models/a.onnx}/top0/baseline"),
        ("models/a.onnx", "baseline", {"dataset": "mine:load"}, "mine:load/{models/a.onnx}/top0/baseline"),
        ("net.keras", "int8", {"dataset": "whole.npz"}, "whole.npz/net.keras/top0/int8"),
        ("net.keras", "baseline", {"dataset": "whole.npz", "unfreeze": 1}, "whole.npz/net.keras/top1/baseline"),
        (
            "net.keras",
            "baseline",
            {"dataset": "pets", "split": "50-50"},
            "{./pets}/net.keras/top0/baseline/split=50-50",
        ),
        ("resnet50", "baseline", {"dataset": "digits"}, "digits/resnet50/top1/baseline"),
        ("models/a.onnx", "baseline", {"dataset": "whole.npz", "name": "prod"}, "prod"),
    ],
)
def test_a_file_is_measured_as_it_is_on_all_that_is_not_divided(
    model: str, technique: str, fields: dict[str, Any], text: str
) -> None:
    assert named_case(model, technique, fields).id == text


def test_a_section_gives_what_the_command_line_does_not(folder: Path) -> None:
    table = {"prod": {"path": "models/a.onnx", "dataset": "whole.npz"}, "k": {"path": "net.keras", "dataset": "pets/"}}
    registry.use_sections(lambda: parse_sections(table, "tool.opml.model", folder))
    try:
        assert model_names(["prod"]) == ["prod"]
        case = named_case("prod", "baseline", {})
        assert (case.id, case.model, case.split, case.unfreeze) == ("prod", "models/a.onnx", "0-100", 0)
        assert named_case("k", "baseline", {}).unfreeze == 0
        assert named_case("k", "baseline", {"unfreeze": 2}).unfreeze == 2
    finally:
        registry.use_sections(dict)


def test_a_model_without_data_is_refused() -> None:
    with pytest.raises(CaseDefinitionError, match=r"^models/a.onnx: no data: name them with --data"):
        named_case("models/a.onnx", "baseline", {})


@pytest.mark.parametrize(
    ("text", "treatment"),
    [
        ("scale=0.5", Preprocess(scale=0.5)),
        ("scale=1/255, layout=nchw", Preprocess(scale=1 / 255, layout="nchw")),
        ("mean=1,2,3,std=4", Preprocess(mean=(1, 2, 3), std=4)),
        ("channels=bgr,resize=crop,crop_share=0.875", Preprocess(channels="bgr", resize="crop", crop_share=0.875)),
    ],
)
def test_what_is_done_to_pixels_is_written_in_one_text(text: str, treatment: Preprocess) -> None:
    assert read_preprocess(text) == treatment


@pytest.mark.parametrize("text", ["scale", "scale=1,scale=2", "=1", "size=3", "scale=1/0", "layout=hwc", ""])
def test_a_text_that_says_nothing_of_pixels_is_refused(text: str) -> None:
    with pytest.raises(CaseDefinitionError, match=r"^preprocess: "):
        read_preprocess(text)


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_data_that_are_no_file_are_not_opened_to_look_for_parts(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "data.npz"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    assert not named_models._is_one_part(str(path))
