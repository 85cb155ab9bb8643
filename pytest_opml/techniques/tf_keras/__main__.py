"""The process of legacy Keras, which does one job and ends: ``python -m pytest_opml.techniques.tf_keras FOLDER``."""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

from ... import registry
from ...errors import OpmlError, one_line
from ...runtimes.keras_configuration import configure, home_left_alone, without_pictures
from ...runtimes.threads import check_process
from .files import OUTCOME
from .job import LegacyJob


def _end_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def _perform(folder: Path) -> dict[str, Any]:
    with home_left_alone(), without_pictures():
        import tf_keras

        import_module("keras")  # which the toolkit for optimization imports, too

    from .tfmot_steps import WORK

    try:
        job = LegacyJob(folder)
        if not registry.is_path("model", job.case.model):
            registry.get("model", job.case.model)  # its module may set the configuration when it is imported
        configure(tf_keras)
        WORK[job.work](job)
        check_process()
    except OpmlError as error:
        return {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - the border of the process: whatever it was becomes one line
        traceback.print_exc()
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
            return {"error": f"the legacy Keras process ran out of memory: {one_line(error)}"}
        return {"error": f"legacy Keras: {type(error).__name__}: {one_line(error)}"}
    return {"training_s": job.training_s, "epochs": job.epochs}


def main() -> None:
    """Do the job in the folder that the command line names."""
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    folder = Path(sys.argv[1])
    outcome = _perform(folder)
    (folder / OUTCOME).write_text(json.dumps(outcome), "utf-8")
    sys.stdout.flush()
    os._exit(0)  # there is nothing left to do but to take TensorFlow down, which takes a while


if __name__ == "__main__":
    main()
