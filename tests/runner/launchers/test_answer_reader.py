from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_opml.progress import Progress
from pytest_opml.records.device import TensorFlowBuild
from pytest_opml.runner.launchers.answer_reader import UnreadableAnswer, read_answer, read_progress
from pytest_opml.runner.tasks import BuiltCase
from tests.support.builders import make_device, make_result


def anything() -> Any:
    return None


def number() -> int | None:
    return 1


class Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.getcwd, ()


@pytest.mark.parametrize(
    "value",
    [None, 1.5, [1, {"a": (2, b"x")}], {1, 2}, Path("a/b"), BuiltCase(artifact="a"), make_device("cpu"), make_result()],
)
def test_numbers_texts_and_records_come_back(value: Any) -> None:
    assert read_answer(pickle.dumps(("done", value)), anything) == ("done", value)


def test_arrays_come_back() -> None:
    values = {"a": np.arange(6.0).reshape(2, 3), "b": np.float32(2), "c": np.array(["x", "yz"])}
    _, read = read_answer(pickle.dumps(("done", values)), anything)
    assert all(np.array_equal(read[name], value) for name, value in values.items())


def test_a_failure_is_its_kind_and_its_text() -> None:
    assert read_answer(pickle.dumps(("usage", "no images")), number) == ("usage", "no images")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (pickle.dumps(("done", Runs())), "it names posix.getcwd"),
        (pickle.dumps(("done", os.system)), "it names posix.system"),
        (pickle.dumps(("done", "a text")), "a str in the place of what number returns"),
        (pickle.dumps(("splendid", 1)), "an outcome that there is not"),
        (pickle.dumps(("error", 1)), "a failure without a text"),
        (pickle.dumps(1), "no outcome"),
        (b"\x80\x04\x8c\x04done\x8c\x13pytest_opml.records\x8c\x02os\x93\x86.", "it names pytest_opml.records.os"),
        (b"cpytest_opml.progress\nProgress\nN}\x8c\x06_fieldK\x01s\x86b.", "it would change the reader"),
        (b"", "it is damaged"),
        (b"garbage", "is damaged"),
    ],
)
def test_whatever_else_comes_is_refused(content: bytes, text: str) -> None:
    with pytest.raises(UnreadableAnswer, match=text):
        read_answer(content, number)


def test_a_record_that_is_none_is_refused() -> None:
    forged = TensorFlowBuild.model_construct(version=None)
    with pytest.raises(UnreadableAnswer, match="a TensorFlowBuild that is none"):
        read_answer(pickle.dumps(("done", forged)), anything)


def test_progress_that_is_none_is_passed_over() -> None:
    assert read_progress(pickle.dumps(Progress("a" * 1000, 1, 2))) == Progress("a" * 200, 1, 2)
    note = Progress("the store is down", is_note=True)
    assert read_progress(pickle.dumps(note)) == note
    assert read_progress(pickle.dumps(Progress(1))) is None  # type: ignore[arg-type]
    assert read_progress(pickle.dumps(("a", 1, 2, False))) is None
    assert read_progress(b"nothing") is None
