from __future__ import annotations

import pytest

from pytest_opml.errors import CaseFailed, DatasetError, TechniqueError
from pytest_opml.runner.launchers.child import attempt


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (DatasetError("no images"), ("usage", "no images")),
        (TechniqueError("nothing changed"), ("error", "nothing changed")),
        (CaseFailed("error", "it is gone"), ("error", "it is gone")),
        (MemoryError("1 TB"), ("out_of_memory", "the process ran out of memory: 1 TB")),
        (KeyError("no such key"), ("error", "KeyError: 'no such key'")),
        (RuntimeError(), ("error", "RuntimeError")),
        (RuntimeError("first\nsecond"), ("error", "RuntimeError: first")),
        (MuteError(), ("error", "MuteError")),
    ],
)
def test_whatever_a_task_raises_is_a_kind_of_failure_and_a_line(error: Exception, outcome: tuple[str, str]) -> None:
    def fail() -> None:
        raise error

    assert attempt(fail) == outcome


def test_what_a_task_returns_is_done() -> None:
    assert attempt(lambda: [1, 2]) == ("done", [1, 2])
