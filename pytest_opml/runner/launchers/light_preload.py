"""What the server imports where no case needs TensorFlow: what every worker needs, and no more."""

from __future__ import annotations

import gc
from importlib import import_module

gc.disable()
for _name in ("numpy", "pytest_opml.runner.tasks"):
    import_module(_name)
import_module("pytest_opml.runner.launchers.process")
gc.enable()
gc.freeze()
