from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml.errors import ModelFileError
from pytest_opml.runtimes.execution import Execution, as_precision, as_provider

PATH = Path("model")


@pytest.mark.parametrize(
    ("execution", "kind", "text"),
    [
        (Execution(provider="cuda"), "tflite", "provider=cuda is for an .onnx file, and this is of the kind tflite"),
        (
            Execution(precision="bf16"),
            "onnx",
            "precision=bf16 is for a model of OpenVINO, and this is of the kind onnx",
        ),
    ],
)
def test_a_setting_without_effect_is_refused(execution: Execution, kind: str, text: str) -> None:
    with pytest.raises(ModelFileError, match=text):
        execution.check_kind(PATH, kind)


def test_a_setting_with_effect_is_not() -> None:
    Execution(provider="cuda").check_kind(PATH, "onnx")
    Execution(precision="bf16").check_kind(PATH, "openvino")
    Execution().check_kind(PATH, "keras")


def test_what_a_file_asks_for_must_be_known() -> None:
    assert (as_provider(PATH, "tensorrt"), as_precision(PATH, "auto")) == ("tensorrt", "auto")
    with pytest.raises(ModelFileError, match="asks for the execution provider 'abacus'; known: cpu, cuda"):
        as_provider(PATH, "abacus")
    with pytest.raises(ModelFileError, match="asks for the precision 'f8'; known: f32"):
        as_precision(PATH, "f8")
