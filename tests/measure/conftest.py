from __future__ import annotations

import gc

import pytest


@pytest.fixture(autouse=True, scope="module")
def quick_collection() -> None:
    """Leave what was imported before out of the garbage collection that each measurement begins with."""
    gc.freeze()
