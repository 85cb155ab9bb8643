"""What the Python processes that tests start need."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def python_path() -> str:
    """The PYTHONPATH with which a process imports these tests, besides what it imports already."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
