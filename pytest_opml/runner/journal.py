"""What a living run has so far, written ahead: each result is safe as soon as it is there, whatever ends the process.

``unfinished/RUN_ID/`` of the state folder has a file for what a process of the run began with, and one for each case
that it is done with. Each of the processes holds the folder as long as it lives. The run removes it when its record is
safe; of a run that was cut off, the next session makes the record and adds it to the history.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import StorageError, one_line
from ..records.base import Record
from ..records.node_use import NodeUse
from ..records.run import RunRecord, merge
from ..reports.formatting import amount
from ..storage.held_folders import HeldFolder, abandoned, remove
from .shared_results import MeasuredCase
from .unwritten import allocate_reserve

if TYPE_CHECKING:
    from ..gate.budgets import Gate
    from ..history.base import History
    from ..settings import Settings

_FOLDER, _HEAD = "unfinished", "head"


class RunPart(NamedTuple):
    """The part of a run that one process does.

    Attributes:
        run_id: of the whole run; letters and digits.
        name: of the part, of which the run has no other.
        shared: a folder in which processes of one run find what another of them has measured; None for one process.
        is_of_several: whether the process measures on several devices, and this is what it does on one of them.
    """

    run_id: str
    name: str = "main"
    shared: Path | None = None
    is_of_several: bool = False

    @classmethod
    def alone(cls) -> RunPart:
        """Return the whole of a new run."""
        return cls(uuid.uuid4().hex)

    def on(self, gpu: str) -> RunPart:
        """Return what the process does of its part on one of several devices."""
        return self._replace(name=f"{self.name}@{gpu}", is_of_several=True)


class JournalEntry(Record):
    """What is written when a case is done.

    Attributes:
        outcome: what came of it.
        is_asked: whether a test asks for it, and not only others that are compared with it.
        seconds: since the run began.
        marker_budgets: on the marker of its test, as they were written.
        baseline_error: why its baseline could not be read; empty where it could.
        node_use: what the process had used so far, on the device of its part; None where that was not written.
    """

    outcome: MeasuredCase
    is_asked: bool
    seconds: float
    marker_budgets: dict[str, Any]
    baseline_error: str
    node_use: NodeUse | None = None

    @property
    def case_id(self) -> str:
        """Of the case that is done."""
        member = self.outcome.result or self.outcome.failure
        return member.case.id if member else ""


class Journal:
    """Writes the results of a process as they come; where it cannot, the run goes on.

    Args:
        folder: the state folder; None where nothing is to be written.
        part: of the run, that the process does.
        head: what the record of the run will begin with, without results.
        read_use: says what the process has used so far, on the device of the part.
    """

    def __init__(
        self,
        folder: Path | None,
        part: RunPart,
        head: RunRecord,
        read_use: Callable[[], NodeUse | None] = lambda: None,
    ) -> None:
        self._folder = folder / _FOLDER / part.run_id if folder else None
        self._name, self._head, self._is_begun = part.name, head, False
        self._read_use = read_use
        self._held: HeldFolder | None = None
        self._number, self._unsafe, self._clock = 0, 0, time.monotonic()
        self._reason = ""
        if self._folder:
            try:
                self._held = HeldFolder(self._folder)
                allocate_reserve(self._folder)
            except OSError as error:
                self._reason = _reason(error, self._folder)

    @property
    def folder(self) -> Path | None:
        """Of the run; None where nothing is written."""
        return self._held.path if self._held else None

    @property
    def notes(self) -> list[str]:
        """A line that says what was not safe before the end; none where all was."""
        if not self._unsafe:
            return []
        return [
            f"not written ahead: {amount(self._unsafe, 'result')}, which a killed run would have lost: {self._reason}"
        ]

    def add(
        self, outcome: MeasuredCase, *, is_asked: bool, marker_budgets: Mapping[str, Any], baseline_error: str
    ) -> None:
        """Write what came of a case; when this returns, it is on the disk.

        Args:
            outcome: see ``JournalEntry``.
            is_asked: likewise.
            marker_budgets: likewise.
            baseline_error: likewise.
        """
        if self._folder is None:
            return
        self._number += 1
        entry = JournalEntry(
            outcome=outcome,
            is_asked=is_asked,
            seconds=time.monotonic() - self._clock,
            marker_budgets=dict(marker_budgets),
            baseline_error=baseline_error,
            node_use=self._read_use(),
        )
        try:
            if self._held is None:
                self._held = HeldFolder(self._folder)
            if not self._is_begun:
                _write(self._folder / f"{self._name}.{_HEAD}.json", self._head)
                self._is_begun = True
            _write(self._folder / f"{self._name}.{self._number:06}.json", entry)
        except (OSError, ValueError) as error:  # the latter where it cannot be written as JSON
            self._unsafe += 1
            self._reason = _reason(error, self._folder)

    def remove(self) -> None:
        """Remove what the whole run has written, whose record is safe elsewhere."""
        if self._held:
            self._held.remove()
        if self._folder:
            for folder in (self._folder.parent, self._folder.parent.parent):
                with contextlib.suppress(OSError):  # others have something there
                    folder.rmdir()


def _reason(error: OSError | ValueError, folder: Path) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or folder}: {error.strerror}"
    return one_line(error)


def _write(path: Path, record: Record) -> None:
    """Write a file whole, and return when it and its name are on the disk."""
    written = path.with_name(f".{path.name}")
    with written.open("w", encoding="utf-8") as stream:
        stream.write(record.model_dump_json())
        stream.flush()
        os.fsync(stream.fileno())
    written.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- reading


def with_outcomes(head: RunRecord, outcomes: Collection[MeasuredCase], **fields: Any) -> RunRecord:
    """Return the record of a run that came to these outcomes.

    Args:
        head: what it began with.
        outcomes: one of each case.
        fields: others of the record.
    """
    members = {
        "results": tuple(outcome.result for outcome in outcomes if outcome.result),
        "failures": tuple(outcome.failure for outcome in outcomes if outcome.failure),
        "baselines": tuple(outcome.baseline for outcome in outcomes if outcome.baseline),
    }
    return head.model_copy(update=members | fields)


def read_parts(folder: Path, without: Collection[str] = ()) -> list[RunRecord]:
    """Return what the processes of a run have written, each its part, checks apart.

    Args:
        folder: of the run.
        without: names of parts that are passed over, whatever devices they are on.

    Raises:
        StorageError: a file cannot be read.
    """
    heads = {path.name.removesuffix(f".{_HEAD}.json"): path for path in sorted(folder.glob(f"[!.]*.{_HEAD}.json"))}
    parts = (_read_part(path, name) for name, path in heads.items() if name.partition("@")[0] not in without)
    return [part for part in parts if part.results or part.failures]


def _read_part(path: Path, name: str) -> RunRecord:
    try:
        head = RunRecord.model_validate_json(path.read_bytes())
        files = sorted(path.parent.glob(f"{name}.[0-9]*.json"))
        all_entries = [JournalEntry.model_validate_json(file.read_bytes()) for file in files]
    except OSError as error:
        raise StorageError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise StorageError(f"{path.parent}: is no journal of this version: {one_line(error)}") from error
    entries = {entry.case_id: entry for entry in all_entries}
    used = max(all_entries, key=lambda entry: entry.seconds).node_use if all_entries else None
    return with_outcomes(
        head,
        [entry.outcome for entry in entries.values()],
        seconds=max((entry.seconds for entry in entries.values()), default=0.0),
        reference_only=tuple(sorted(name for name, entry in entries.items() if not entry.is_asked)),
        marker_budgets=head.marker_budgets
        | {name: entry.marker_budgets for name, entry in entries.items() if entry.marker_budgets},
        baseline_errors={name: entry.baseline_error for name, entry in entries.items() if entry.baseline_error},
        node_use=None if used is None else (used,),
    )


# --- taking in


def open_journal(
    settings: Settings, root: Path, part: RunPart, head: RunRecord, read_use: Callable[[], NodeUse | None]
) -> Journal:
    """Return the journal of a run; one that is to leave nothing, neither in a history nor in a file, writes none.

    Args:
        settings: of the run.
        root: the user's project.
        part: of the run, that the process does.
        head: what the record of the run will begin with.
        read_use: says what the process has used so far.
    """
    if not (settings.store or settings.json_path):
        return Journal(None, part, head, read_use)
    from ..history.store import state_folder

    return Journal(state_folder(settings.store, root), part, head, read_use)


def take_in_earlier(settings: Settings, root: Path) -> tuple[str, ...]:
    """Take in what earlier runs of the project could not add to the history: they were cut off, or it took nothing.

    Args:
        settings: of the run, by whose budgets those are judged that were cut off.
        root: the user's project.

    Returns:
        A line for each of them.

    Raises:
        StorageError: the history cannot be opened or written.
    """
    from ..history.store import open_store, state_folder
    from . import unwritten

    folder = state_folder(settings.store, root)
    if not (_is_any(folder) or unwritten.unwritten_runs(folder)):
        return ()
    if not settings.store:
        return tuple(take_in(None, folder, settings.gate))
    with open_store(settings.store) as history:
        return (*unwritten.take_in(history, folder), *take_in(history, folder, settings.gate))


def take_in(history: History | None, folder: Path, gate: Gate) -> list[str]:
    """Add the runs that were cut off to a history, each once, and remove what they have written ahead.

    Args:
        history: which can be written; None where there is none, and their records lie beside it as unwritten ones.
        folder: the state folder.
        gate: by whose budgets they are judged; those that a run was given on its command line are not known any more.

    Returns:
        A line for each run that was taken in, and for each that could not be.
    """
    lines = []
    for run in abandoned(folder / _FOLDER):
        try:
            parts = read_parts(run)
            line = _taken(merge(parts), history, folder, gate) if parts else ""
        except StorageError as error:
            lines.append(f"not taken in: a run that was cut off: {error}")
            continue
        remove(run)
        lines += filter(None, [line])
    return lines


def _taken(record: RunRecord, history: History | None, folder: Path, gate: Gate) -> str:
    """Put the record of a run where it belongs, if it is not there already; a line that says so.

    Raises:
        StorageError: it cannot be put there.
    """
    from ..gate.run_verdicts import drop_unreached_cases, judge_run
    from .unwritten import import_command, unwritten_runs, write_unwritten

    if any(path.stem == record.run_id for path in unwritten_runs(folder)):
        return ""
    if history is not None and history.known([record.run_id]):
        return ""
    record = drop_unreached_cases(record)
    record = record.model_copy(update={"checks": judge_run(record, gate), "interrupted": True})
    text = (
        f"run {record.run_id[:12]} of {record.started:%Y-%m-%d %H:%M}, "
        f"which was cut off after {amount(len(record.results), 'result')}"
    )
    if history is None:
        return f"there is no history for {text}: {import_command(write_unwritten(record, folder))}"
    added = history.extend([record], merge=True)
    return f"taken in: {text}" if added.runs else f"not taken in: {text}, and was removed from the history"


def _is_any(folder: Path) -> bool:
    """Whether a state folder may have runs that were cut off; those that live are among them."""
    try:
        return any((folder / _FOLDER).iterdir())
    except OSError:
        return False
