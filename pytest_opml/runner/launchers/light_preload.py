"""What the server imports where no case needs TensorFlow: what every worker needs, and no more."""

from __future__ import annotations

import gc
from contextlib import suppress
from importlib import import_module

gc.disable()
_RUNTIMES = ("onnx", "onnxruntime", "ai_edge_litert.interpreter")
for _name in ("numpy", "scipy.special", "pytest_opml.runner.tasks", *_RUNTIMES):
    with suppress(ImportError):  # which a case that needs it says itself
        import_module(_name)
import_module("pytest_opml.runner.launchers.process")
gc.enable()
gc.freeze()
