"""The programs of ``benchmarks/``, of which tests replay a small part."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from types import ModuleType

from tests.support.processes import ROOT


@cache
def program(name: str) -> ModuleType:
    """Import a program that imports none of its neighbours."""
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its classes look for it
    spec.loader.exec_module(module)
    return module
