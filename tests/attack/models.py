"""Models that would write a file, read one or run code are refused by the names of what they hold, before any of it.

Each is opened as a run opens it: its signature is read, then the whole of it. The file that it would write is not there
afterwards, and the refusal is the project's own, which says what was found; so nothing of the model can have run.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from pytest_opml.errors import ModelFileError
from pytest_opml.runner.launchers.base import ProcessLimits
from pytest_opml.runner.launchers.process import ProcessLauncher
from tests.attack.tally import ONE_LINE, WRONG, Outcome, Tally
from tests.support.hostile_models import CANARY, SECRET, hostile_models

TRIES, SAMPLE = 200, 0  # the suite has test_models.py
TENSORFLOW = True
_TOGETHER = 50  # models in a process


def attack(tries: int, seed: int) -> list[Tally]:
    """Open hostile models of each kind, each way to do harm once in so many tries."""
    names = sorted(hostile_models())
    chosen = [names[(seed + number) % len(names)] for number in range(min(tries, len(names)))]
    launcher, outcomes = ProcessLauncher(None), []
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, len(chosen), _TOGETHER):
            part = chosen[first : first + _TOGETHER]
            told = launcher.run(in_turn, (part, Path(folder)), ProcessLimits(600, 8e9))
            outcomes += [Outcome(*fields) for fields in told]
    return [Tally.of("models", "models that write or read files, or run code", outcomes)]


def in_turn(names: Sequence[str], work: Path) -> list[tuple[str, str, str]]:
    """In a worker: write hostile models and open them; what a worker hands back is of plain types."""
    return [(*outcome_of(name, work / "model"),) for name in names]


def outcome_of(name: str, folder: Path) -> Outcome:
    """Write one hostile model into a folder of its own, open it, and return what came of it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / SECRET).write_text("secret\n")
    (folder / "hostile_module.py").write_text(f"open({str(folder / CANARY)!r}, 'w').close()\ndef run(x): return x\n")
    write, word = hostile_models()[name]
    sys.path.insert(0, str(folder))
    try:
        path = write(folder)
        (folder / CANARY).unlink(missing_ok=True)  # which TensorFlow writes while it traces some
        texts = [_refusal(path, read) for read in (True, False)]
    except Exception:  # noqa: BLE001 - which is what is looked for
        return Outcome(name, WRONG, traceback.format_exc())
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("hostile_module", None)
    if list(folder.glob(f"{CANARY}*")):
        return Outcome(name, WRONG, "it did what it would do")
    for text in texts:
        if text is None or len(text.splitlines()) != 1 or word not in text:
            return Outcome(name, WRONG, f"was not refused by name: {text}")
    return Outcome(name, ONE_LINE, texts[0] or "")


def _refusal(path: Path, only_read: bool) -> str | None:
    """What is said where a model is opened, or only looked at; None where it is not refused."""
    from pytest_opml.runtimes.loader import open_artifact, read_signature
    from pytest_opml.runtimes.threads import tensorflow_threads

    threads = tensorflow_threads() if "tensorflow" in sys.modules else 1  # writing a model may have started it
    try:
        read_signature(path) if only_read else open_artifact(path, threads=threads)
    except ModelFileError as error:
        return str(error)
    return None
