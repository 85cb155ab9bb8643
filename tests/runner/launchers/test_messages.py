from __future__ import annotations

import os
import pickle
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_opml.progress import Progress
from pytest_opml.runner.launchers.messages import pickled, unpickled
from pytest_opml.runner.tasks import BuiltCase
from tests.attack.tally import Outcome
from tests.support.builders import make_result


@pytest.mark.parametrize(
    "value",
    [
        Progress("training", 1, 2),
        make_result(),
        BuiltCase(artifact="a", reference=None),
        {"path": Path("/x"), "time": datetime(2026, 1, 1, tzinfo=timezone.utc), "share": np.float64(0.5)},
        Outcome("of the task's own package", "done"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_tasks_return_is_read(value: Any) -> None:
    assert unpickled(pickled(value), "tests") == value


def test_an_array_is_read() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert np.array_equal(unpickled(pickled(array), "tests"), array)


class Evil:
    def __init__(self, function: Any) -> None:
        self.function = function

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, ("/none",)


def test_nothing_runs_that_a_message_names(tmp_path: Path) -> None:
    for function in (os.mkdir, eval, os.system, getattr, open, unpickled, Path.home().exists):
        with pytest.raises(ValueError, match="no answer holds"):
            unpickled(pickle.dumps(Evil(function)), "tests")


@pytest.mark.parametrize("content", [b"", b"\x80", b"rubbish", pickle.dumps(1)[:-1]])
def test_rubbish_is_an_error_of_one_kind(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it cannot be read: "):
        unpickled(content, "tests")
