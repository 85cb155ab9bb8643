"""What the server imports once, so that every worker forked from it has it.

The garbage collector rests meanwhile and then leaves all that was imported out of its rounds: with TensorFlow's objects
in them, each would take a worker a third of a second, and copy the pages that it shares with the server.
"""

from __future__ import annotations

import gc
from importlib import import_module

from ...runtimes.keras_configuration import configure, home_left_alone, prepare_environment, without_pictures
from .descendants import adopt_orphans

gc.disable()
adopt_orphans()  # of a keeper that is killed: the session finds them here
prepare_environment()
_SKLEARN = ("sklearn.metrics", "sklearn.datasets", "sklearn.model_selection")
with home_left_alone(), without_pictures():
    for _name in ("tensorflow", "keras", *_SKLEARN, "scipy.stats", "h5py"):
        import_module(_name)
configure()
import_module("pytest_opml.runner.launchers.process")
gc.enable()
gc.freeze()
