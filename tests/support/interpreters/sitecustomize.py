"""Read by each Python process that a test starts: notes the test where the process imports TensorFlow."""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any


class _Finder:
    """Finds TensorFlow as the import system does, with a loader that takes a note; knows no other module."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == "tensorflow" else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def note_and_execute(module: ModuleType) -> None:
            with Path(os.environ["TESTS_TENSORFLOW_NOTES"]).open("a", encoding="utf-8") as notes:
                notes.write(f"{os.environ.get('TESTS_CURRENT')}\n")
            execute(module)

        spec.loader.exec_module = note_and_execute  # type: ignore[method-assign]
        return spec


if os.environ.get("TESTS_TENSORFLOW_NOTES"):
    sys.meta_path.insert(0, _Finder)  # type: ignore[arg-type]
