"""What the server imports once in a run without TensorFlow: the code of the tasks, and what it needs of others.

The runtimes are not among it: opening a model in a run with TensorFlow imports them too, and is timed.
"""

from __future__ import annotations

import gc
from importlib import import_module

from ...runtimes.keras_configuration import prepare_environment
from .descendants import adopt_orphans

gc.disable()
adopt_orphans()  # of a keeper that is killed: the session finds them here
prepare_environment()  # for the case that needs Keras after all
for _name in ("numpy", "scipy.special", "pytest_opml.runner.launchers.process", "pytest_opml.runner.tasks"):
    import_module(_name)
gc.enable()
gc.freeze()
