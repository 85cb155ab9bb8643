from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_opml.errors import MissingDependencyError
from pytest_opml.measure.arithmetic import NumberFormat
from pytest_opml.runtimes.loader import kind_of, open_artifact
from pytest_opml.techniques.agreement import AnswerGuard
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.openvino import OpenVino, OpenVinoInt8
from tests.conftest import Trained

pytest.importorskip("openvino")


def test_openvino_gives_what_keras_gives(trained: Trained, tmp_path: Path) -> None:
    step, context, before = OpenVino(), trained.context(), ModelState(trained.load())
    state = step.apply(before, context)
    path = write_artifact(state, tmp_path)
    assert (kind_of(path), sorted(file.name for file in path.iterdir())) == ("openvino", ["model.bin", "model.xml"])
    expected = trained.load().predict(trained.x_test, verbose=0)
    runtime = open_artifact(path, threads=2)
    assert np.allclose(runtime.predict(trained.x_test), expected, atol=1e-4)
    assert (runtime.execution["precision"], state.changes["openvino.precision"]) == ("f32", "f32")
    guard = AnswerGuard(context.x_train, 0, trained.load)
    guard.before("openvino", step, before)
    guard.after("openvino", step, before, state)  # which opens the folder


def test_openvino_int8_is_quantised_and_about_as_right(trained: Trained, tmp_path: Path) -> None:
    state = OpenVinoInt8().apply(ModelState(trained.load()), trained.context())
    runtime = open_artifact(write_artifact(state, tmp_path), threads=2)
    exact = trained.load().predict(trained.x_test, verbose=0).argmax(axis=1)
    assert np.mean(runtime.predict(trained.x_test).argmax(axis=1) == exact) > 0.9
    assert "8 " in runtime.execution["layers"]
    assert (state.changes["openvino_int8.layers"], state.changes["openvino_int8.layers_in_float"]) == (4, 0)


def test_what_an_option_keeps_and_computes_in() -> None:
    assert [OpenVino(precision=one).preserved_precision() for one in ("f32", "f16", "bf16", "auto")] == [
        *("float32", "float16", "bfloat16", "bfloat16"),
    ]
    assert OpenVino(precision="bf16").number_format() == NumberFormat("openvino", "bfloat16")
    assert OpenVino().number_format() is None


def test_without_the_extra_the_error_names_it(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingDependencyError, match=r"technique openvino-int8 needs .*\[openvino\]"):
        OpenVinoInt8().apply(ModelState(trained.load()), trained.context())
