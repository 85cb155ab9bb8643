from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pytest_opml.errors import ModelFileError, ThreadsError
from pytest_opml.runtimes.execution import Execution
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.runtimes.openvino_runtime import _what_runs
from tests.support.linear_onnx import save_linear
from tests.support.openvino_models import save_linear_openvino
from tests.support.processes import python_path

pytest.importorskip("openvino")

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)


def compiled_in(precision: str, layers: tuple[str, ...] = ()) -> Any:
    """What a compiled model of OpenVINO says of itself."""
    properties = {
        "INFERENCE_PRECISION_HINT": SimpleNamespace(get_type_name=lambda: precision),
        "EXECUTION_DEVICES": ["CPU"],
    }
    wrapped: Callable[[str], Any] = lambda value: SimpleNamespace(value=value)  # noqa: E731
    nodes = [
        SimpleNamespace(
            get_rt_info=lambda name=name: {"layerType": wrapped("Convolution"), "runtimePrecision": wrapped(name)}
        )
        for name in layers
    ]
    return SimpleNamespace(
        get_property=properties.__getitem__, get_runtime_model=lambda: SimpleNamespace(get_ops=lambda: nodes)
    )


# faulthandler gives the main thread a stack for signals, as pytest does.
SIGNALLED = """
import faulthandler, gc, os, signal, sys
from pathlib import Path
from pytest_opml.runtimes.loader import open_artifact
faulthandler.enable()
opened = [open_artifact(Path(sys.argv[1]), threads=1) for _ in range(2)]
while opened:
    del opened[0]
    gc.collect()
signal.signal(signal.SIGTERM, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_signal_is_handled_after_two_models_were_closed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SIGNALLED, str(save_linear_openvino(tmp_path / "cat"))]
    environment = os.environ | {"PYTHONPATH": python_path()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr


def test_it_answers_as_the_onnx_file_that_it_was_made_from(tmp_path: Path) -> None:
    runtime = open_artifact(save_linear_openvino(tmp_path / "cat"), threads=1)
    expected = open_artifact(save_linear(tmp_path / "cat.onnx"), threads=1).predict(IMAGES)
    answers = runtime.predict(IMAGES)
    assert np.allclose(answers, expected, atol=1e-5)
    assert np.array_equal(runtime.predict(IMAGES[:2]), answers[:2])
    assert np.allclose(answers, expected, atol=1e-5)  # which later calls have not written into
    assert (runtime.name, runtime.threads, runtime.execution["precision"]) == ("openvino", 1, "f32")
    assert (runtime.parameters >= 1920, runtime.layers) == (True, 3)


def test_more_threads_than_there_are_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ThreadsError, match=r"openvino computes with .* threads in this process, not with 4096"):
        open_artifact(save_linear_openvino(tmp_path / "cat"), threads=4096)


def test_the_case_says_the_precision_where_the_file_asks_for_another(tmp_path: Path) -> None:
    folder = save_linear_openvino(tmp_path / "cat", precision="auto")
    assert open_artifact(folder, threads=1, execution=Execution(precision="f32")).execution["precision"] == "f32"
    assert open_artifact(folder, threads=1).execution["precision"] in ("f32", "bf16", "f16")


def test_what_ran_is_told_with_its_layers() -> None:
    told = _what_runs(Path("m"), compiled_in("bf16", ("bf16", "bf16", "f32")), "auto")
    assert told == {"device": "cpu", "precision": "bf16", "layers": "bf16 2, f32 1"}


def test_another_precision_than_was_asked_for_is_refused() -> None:
    with pytest.raises(ModelFileError, match="m: precision=f16: OpenVINO computes in bf16 instead"):
        _what_runs(Path("m"), compiled_in("bf16"), "f16")
