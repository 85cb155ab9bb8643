"""Which functions give finished models; those of PyTorch become files in ``tests/runner/test_exported_models.py``."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_opml.models.builders import is_finished_function, made_for


def nothing() -> None: ...


def with_default(checkpoint: str = "best.pt") -> None: ...


def keras_builder(keras: Any, size: int, channels: int, weights: str) -> None: ...


def wrapped(*arguments: Any, **options: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "is_finished"),
    [
        (nothing, True),
        (with_default, True),
        (keras_builder, False),
        (wrapped, False),
        (made_for(32)(lambda: None), False),
    ],
)
def test_a_function_that_needs_nothing_gives_a_finished_model(function: Any, is_finished: bool) -> None:
    assert is_finished_function(function) is is_finished
