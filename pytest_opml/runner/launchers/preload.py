"""What the server imports once, so that every worker forked from it has it.

The garbage collector rests meanwhile and then leaves all that was imported out of its rounds: with TensorFlow's objects
in them, each would take a worker a third of a second, and copy the pages that it shares with the server.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from types import ModuleType
from typing import cast

from ...runtimes.keras_configuration import configure, home_left_alone, prepare_environment

gc.disable()
prepare_environment()
_SKLEARN = ("sklearn.metrics", "sklearn.datasets", "sklearn.model_selection")
# Keras would import it for pictures, which no worker draws, and it would write its list of fonts to the user's home.
sys.modules.setdefault("matplotlib", cast("ModuleType", None))
with home_left_alone():
    for _name in ("tensorflow", "keras", *_SKLEARN, "scipy.stats", "h5py"):
        import_module(_name)
if sys.modules["matplotlib"] is None:
    del sys.modules["matplotlib"]
configure()
import_module("pytest_opml.runner.launchers.process")
gc.enable()
gc.freeze()
