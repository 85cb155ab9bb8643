from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_opml.errors import ModelFileError
from pytest_opml.runtimes.litert import LiteRTRuntime
from pytest_opml.runtimes.tflite_file import read_tflite
from pytest_opml.tensors import Signature, TensorSpec
from tests.support.tflite_files import image_metadata, write_dense, write_memory

WEIGHTS = np.random.default_rng(0).normal(size=(3, 12)).astype(np.float32)


def test_a_file_without_a_signature_has_the_names_of_its_tensors(tmp_path: Path) -> None:
    path = write_dense(tmp_path / "m.tflite", WEIGHTS, features=(2, 2, 3), metadata=image_metadata())
    file = read_tflite(path)
    assert file.signature == Signature(
        (TensorSpec("numbers", (2, 2, 3), "float32"),), (TensorSpec("figures", (3,), "float32"),)
    )
    assert [tensor.number for tensor in (*file.inputs, *file.outputs)] == [0, 2]
    assert file.metadata == image_metadata()


def test_it_answers_as_its_layer_does(tmp_path: Path) -> None:
    runtime = LiteRTRuntime(write_dense(tmp_path / "m.tflite", WEIGHTS), threads=1)
    numbers = np.random.default_rng(1).random((5, 12))
    assert np.allclose(runtime.predict(numbers), numbers @ WEIGHTS.T, atol=1e-5)
    assert (runtime.parameters, runtime.signature) == (36, read_tflite(runtime.path).signature)


@pytest.mark.parametrize(
    "content",
    [b"", b"no model", b"\x1c\x00\x00\x00TFL3", b"\x1c\x00\x00\x00TFL3" + bytes(40), b"\xff" * 4 + b"TFL3" * 9],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"m\.tflite: not a ") as caught:
        read_tflite(path)
    assert "\n" not in str(caught.value)


def test_nothing_is_remembered_of_the_examples_before(tmp_path: Path) -> None:
    path = write_memory(tmp_path / "m.tflite")
    assert read_tflite(path).has_state
    runtime = LiteRTRuntime(path, threads=1)
    for _ in range(2):
        assert runtime.predict(np.array([[1.0], [2.0], [4.0]])).tolist() == [[1], [2], [4]]
    interpreter = runtime.place(np.ones((1, 1))).calls[0].interpreter
    interpreter.invoke()
    assert interpreter.get_tensor(4).tolist() == [[8]]  # it does remember the last example, 4


def test_changed_bytes_end_in_a_signature_or_in_one_line(tmp_path: Path) -> None:
    path = write_dense(tmp_path / "m.tflite", WEIGHTS, metadata=image_metadata(mean=[1.0], std=[2.0], labels="l"))
    intact, random = path.read_bytes(), np.random.default_rng(0)
    messages = []
    for _ in range(300):
        changed = bytearray(intact[: random.integers(8, len(intact) + 1)])
        for place in random.integers(0, len(changed), 4):
            changed[place] = random.integers(256)
        path.write_bytes(changed)
        try:
            assert isinstance(read_tflite(path).signature, Signature)
        except ModelFileError as error:
            messages.append(str(error))
    assert messages
    assert not [message for message in messages if "\n" in message]
