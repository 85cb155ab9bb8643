"""How a file is refused: in one line that begins with its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_opml.errors import StorageError


def refusal(call: Callable[[Path], Any], path: Path) -> str:
    """Return what is said of a file that a call refuses, behind its name."""
    with pytest.raises(StorageError) as caught:
        call(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")
