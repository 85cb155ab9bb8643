"""pytest-xdist: its workers measure, one at a time on each device, and the controller reports.

A worker hands its part of the record to the controller when it ends. What one of them has measured lies in a folder of
the run, where the others find it: a reference is measured once, although many cases need it.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .. import registry
from ..errors import CaseDefinitionError
from ..registry import Registration
from .settings_file import SettingsFile, adopt, chosen
from .stash import BENCH_FILES, STATE, USAGE_ERRORS, Measured

if TYPE_CHECKING:
    from ..runner.journal import RunPart
    from ..storage.held_folders import HeldFolder


class _Inbox:
    """What has come from workers so far."""

    def __init__(self) -> None:
        self.records: list[str] = []
        self.workers: set[str] = set()
        self.failed_tests = 0
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.usage: list[str] = []
        self.metrics: set[Registration] = set()


_INBOX = pytest.StashKey[_Inbox]()
_RUN = pytest.StashKey[str]()
_SHARED: pytest.StashKey[HeldFolder] = pytest.StashKey()
_LOOK_S = 0.5
# A file of the shared folder, in which the workers say where they write ahead, and by which settings.
_ANNOUNCED = "run.json"


def is_worker(config: pytest.Config) -> bool:
    """Whether this process runs tests for a controller."""
    return hasattr(config, "workerinput")


def name_run(node: Any) -> None:
    """In the controller: tell a worker which run it is a part of."""
    config: pytest.Config = node.config
    node.workerinput["opml_run"] = config.stash.setdefault(_RUN, uuid.uuid4().hex)


def part_of_run(config: pytest.Config) -> RunPart | None:
    """Return the part of the run that this worker does; None for a run of one process.

    Raises:
        StorageError: the folder where the workers leave results for one another cannot be made.
    """
    if not is_worker(config):
        return None
    from ..errors import StorageError
    from ..runner.journal import RunPart
    from ..storage.held_folders import HeldFolder
    from ..storage.work_folder import shared_folder

    worker = config.workerinput  # type: ignore[attr-defined]
    folder = shared_folder(worker["opml_run"])
    try:
        config.stash[_SHARED] = HeldFolder(folder)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror}") from error
    return RunPart(worker["opml_run"], worker["workerid"], folder)


def end_with_controller() -> None:
    """In a worker: end when the controller is gone, at once; what is measured is written ahead.

    By itself the worker would go on for some seconds, and hold what the next session is to take in.
    """
    controller = os.getppid()

    def watch() -> None:
        while os.getppid() == controller:
            time.sleep(_LOOK_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def end_workers(config: pytest.Config) -> None:
    """In a controller that is ended: end the workers first, so that none finishes what the record does not have."""
    spread = config.pluginmanager.getplugin("dsession")
    nodes = getattr(spread, "nodemanager", None)
    if nodes is not None:
        nodes.group.terminate(timeout=_LOOK_S)  # then they are killed


def announce(config: pytest.Config) -> None:
    """In a worker: say what the controller needs to end the run with what is written ahead, if this is killed."""
    folder, journal = config.stash[_SHARED].path, config.stash[STATE].sessions.journal_folder
    text = json.dumps(_read_by_workers(config) | {"journal": str(journal) if journal else None})
    written = folder / f".{config.workerinput['workerid']}"  # type: ignore[attr-defined]
    # Without room for it, what a worker that is killed had measured waits for the next session.
    with contextlib.suppress(OSError):
        written.write_text(text, "utf-8")
        written.replace(folder / _ANNOUNCED)


def _read_by_workers(config: pytest.Config) -> dict[str, Any]:
    """What the controller has not read itself: the files of benchmarks, and by which settings they are judged."""
    file, files = chosen(config) if STATE in config.stash else None, config.stash.get(BENCH_FILES, ())
    settings_file = (str(file.path) if file.path else None, str(file.root)) if file else None
    return {"settings_file": settings_file, "files": list(map(str, files))}


def _adopt(config: pytest.Config, read: dict[str, Any]) -> None:
    """In the controller: take what a worker has read."""
    config.stash.setdefault(BENCH_FILES, []).extend(map(Path, read["files"]))
    if read["settings_file"] is not None:
        path, root = read["settings_file"]
        adopt(config, SettingsFile(Path(path) if path else None, Path(root)))


def hand_over(config: pytest.Config) -> None:
    """In a worker: give the controller what was measured."""
    # the controller reads no benchmarks, and needs the metrics of their files for its verdicts
    metrics = [tuple(entry) for entry in registry.registrations() if entry.kind == "metric"]
    output = _read_by_workers(config) | {"usage": config.stash[USAGE_ERRORS], "metrics": metrics}
    if state := config.stash.get(STATE, None):
        output["notes"] = [*state.sessions.notes, *state.sessions.journal_notes]
        if state.runs_cases:
            output |= {"record": state.sessions.record().model_dump_json(), "failed_tests": len(state.failed_tests)}
    config.workeroutput["opml"] = output  # type: ignore[attr-defined]


def take_over(node: Any, error: object) -> None:
    """In the controller: keep what a worker gives."""
    config: pytest.Config = node.config
    inbox = config.stash.setdefault(_INBOX, _Inbox())
    output = getattr(node, "workeroutput", {}).get("opml")
    if output is None:
        if error:
            inbox.problems.append(
                f"what the worker {node.gateway.id} of pytest-xdist was at: it died ({error}), and a case with it"
            )
        return
    unheard = [text for text in output["usage"] if text not in inbox.usage]
    inbox.usage += unheard
    config.stash[USAGE_ERRORS] += unheard
    _adopt(config, output)
    inbox.metrics |= {Registration(*entry) for entry in output["metrics"]}
    inbox.notes += output.get("notes", ())
    if "record" in output:
        inbox.workers.add(node.gateway.id)
        inbox.records.append(output["record"])
        inbox.failed_tests += output["failed_tests"]


def usage_errors(config: pytest.Config) -> list[str]:
    """In the controller: what workers found wrong with the input, once each."""
    inbox = config.stash.get(_INBOX, None)
    return inbox.usage if inbox else []


def taken_over(config: pytest.Config) -> Measured | None:
    """In the controller: all that workers gave or had written ahead; None where they had nothing of ours."""
    if _RUN not in config.stash:
        return None
    from ..errors import StorageError
    from ..records.run import RunRecord, merge
    from ..runner.journal import read_parts
    from ..storage.held_folders import remove
    from ..storage.work_folder import shared_folder

    inbox, folder = config.stash.setdefault(_INBOX, _Inbox()), shared_folder(config.stash[_RUN])
    announced = _announced(config, folder)
    remove(folder)
    records = [RunRecord.model_validate_json(text) for text in inbox.records]
    try:
        records += read_parts(announced, without=inbox.workers) if announced else []
    except StorageError as error:
        inbox.problems.append(str(error))
    if not records:
        return None

    def forget() -> None:
        if announced:
            remove(announced)

    problems = (*inbox.problems, *_adopted(inbox.metrics))
    return Measured(merge(records), inbox.failed_tests, forget, tuple(dict.fromkeys(inbox.notes)), problems)


def _announced(config: pytest.Config, folder: Path) -> Path | None:
    """Take what the workers announced; returns where they write ahead, None where they do not."""
    try:
        announced = json.loads((folder / _ANNOUNCED).read_text("utf-8"))
    except (OSError, ValueError):  # no worker began a run of ours
        return None
    _adopt(config, announced)
    return Path(announced["journal"]) if announced["journal"] else None


def _adopted(metrics: Iterable[Registration]) -> Iterator[str]:
    """Make known what the workers have registered; a line for each metric whose budgets cannot be judged here."""
    for entry in sorted(metrics, key=lambda entry: entry.name):
        if reason := _reason_against(entry):
            yield f"the verdicts on the metric {entry.name}: {reason}"


def _reason_against(entry: Registration) -> str:
    """Why a metric cannot be made known here; empty where it now is."""
    try:
        registry.adopt([entry])
        registry.get(entry.kind, entry.name)
    except CaseDefinitionError as error:
        return str(error)
    return ""
