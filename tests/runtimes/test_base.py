"""What all runtimes share: examples go in calls of the size that the model was made for, and figures come back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pytest_opml.errors import ModelFileError
from pytest_opml.runtimes.base import Runtime
from pytest_opml.tensors import Batch, Signature, TensorSpec, arrays
from tests.support.tflite_files import write_dense


class Doubling(Runtime):
    """Twice the only input, for ``size`` examples in a call."""

    name = "doubling"
    path = Path("m.file")

    def __init__(self, size: int | None, shape: tuple[int, ...] = (2,)) -> None:
        self.call_size = size
        self.signature = Signature((TensorSpec("x", shape, "float32", size),))
        self.calls: list[int] = []

    def to_device(self, batch: Batch) -> Any:
        return arrays(batch)[0]

    def answer(self, placed: Any) -> Any:
        self.calls.append(len(placed))
        return 2 * placed


@pytest.mark.parametrize(
    ("size", "examples", "calls"), [(None, 5, [5]), (1, 3, [1, 1, 1]), (4, 8, [4, 4]), (4, 5, [4, 4]), (4, 1, [4])]
)
def test_calls_are_filled_up(size: int | None, examples: int, calls: list[int]) -> None:
    runtime = Doubling(size)
    numbers = np.random.default_rng(0).random((examples, 2)).astype(np.float32)
    for batch in (numbers, {"x": numbers}):
        runtime.calls.clear()
        assert np.array_equal(runtime.predict(batch), 2 * numbers)
        assert runtime.calls == calls


def test_an_example_may_be_all_that_a_call_takes() -> None:
    runtime = Doubling(3, shape=())
    numbers = np.random.default_rng(0).random((2, 3)).astype(np.float32)
    assert np.array_equal(runtime.predict(numbers), 2 * numbers)
    assert runtime.calls == [3, 3]


@pytest.mark.parametrize(("size", "examples"), [(None, 5), (2, 5)])
def test_an_answer_for_another_number_of_examples_is_refused(size: int | None, examples: int) -> None:
    runtime = Doubling(size)
    runtime.answer = lambda placed: placed[:1]  # type: ignore[method-assign]
    with pytest.raises(ModelFileError, match=rf"m\.file: answers {size or 5} examples with an array of \(1, 2\)"):
        runtime.predict(np.zeros((examples, 2)))


def test_an_answer_to_the_only_example_may_have_no_axis_for_several() -> None:
    runtime = Doubling(1)
    numbers = np.random.default_rng(0).random((3, 2)).astype(np.float32)
    runtime.answer = lambda placed: placed[0]  # type: ignore[method-assign]
    assert np.array_equal(runtime.predict(numbers), numbers)


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 3), (4, 1, 1, 3), (4, 3, 1)])
def test_figures_come_as_rows(shape: tuple[int, ...]) -> None:
    figures = Doubling(None).probabilities(np.arange(np.prod(shape)).reshape(shape))
    assert figures.dtype == np.float32
    assert figures.shape == (4, np.prod(shape) // 4)


@pytest.mark.parametrize("answers", [np.zeros((4, 2, 3)), np.array(["a", "b"]), np.zeros((0, 3))])
def test_other_answers_are_refused(answers: np.ndarray) -> None:
    with pytest.raises(ModelFileError, match=r"m\.file: its answers are .*, not a row of figures an example"):
        Doubling(None).probabilities(answers)


def test_figures_that_are_no_numbers_are_counted() -> None:
    answers = np.array([[0, 1], [np.nan, 1], [0, np.inf], [1, 0]])
    with pytest.raises(ModelFileError, match=r"m\.file: 2 of 4 answers are not a number or infinite; so may be"):
        Doubling(None).probabilities(answers)


def test_tflite_and_onnx_files_are_opened_without_tensorflow(tmp_path: Path) -> None:
    write_dense(tmp_path / "m.tflite", np.ones((3, 2), np.float32))
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), tmp_path / "m.onnx")
    program = (
        "import sys, pathlib, numpy as np\n"
        "from pytest_opml.runtimes.loader import open_artifact, read_signature\n"
        "from pytest_opml.runtimes.metadata import read_metadata\n"
        "for path in map(pathlib.Path, sys.argv[1:]):\n"
        "    read_signature(path), read_metadata(path)\n"
        "    print(open_artifact(path, threads=1).predict(np.ones((4, 2))).shape)\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])\n"
    )
    command = [sys.executable, "-c", program, tmp_path / "m.tflite", tmp_path / "m.onnx"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["(4, 3)", "(4, 2)", "[]"]
