"""Records that no history took: they lie in ``unwritten/`` of the state folder until a history has them.

A session writes its record there when its history fails at the end, and the next session of the project takes it in.
"""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StorageError
from ..history.order import Ancestry, nothing_known
from ..history.record_files import read_record, write_record
from ..storage.locks import runtime_folder

if TYPE_CHECKING:
    from ..history.base import History
    from ..records.run import RunRecord

_FOLDER, _RESERVE = "unwritten", "reserve"
_RESERVE_SIZES = (2**22, 2**20, 2**18)  # bytes; the largest that a full disk lets be


def allocate_reserve(run_folder: Path) -> None:
    """Take room on the disk at the start of a run, for its record at the end if the disk is full by then.

    Where there is no room now, or the system cannot reserve any, there is no reserve.

    Args:
        run_folder: ``unfinished/RUN_ID`` of the state folder, with which the reserve is removed; it exists.
    """
    reserve = run_folder / _RESERVE
    with suppress(OSError, AttributeError):  # the latter where the system has no such call
        descriptor = os.open(reserve, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            for size in _RESERVE_SIZES:
                with suppress(OSError):
                    os.posix_fallocate(descriptor, 0, size)
                    return
                os.ftruncate(descriptor, 0)
            reserve.unlink()
        finally:
            os.close(descriptor)


def write_unwritten(record: RunRecord, folder: Path) -> Path:
    """Write the record of a run that no history took, whole and on the disk, and return its file.

    Args:
        record: of the whole run.
        folder: the state folder. Where nothing can be written there, not even in the room that ``allocate_reserve``
            took, the file lies in the user's folder for temporary files.

    Raises:
        StorageError: it cannot be written in either place; the text names both.
    """
    path = folder / _FOLDER / f"{record.run_id}.json"
    try:
        return _written(record, path)
    except StorageError as error:
        refusals = [str(error)]
    with suppress(OSError):
        (folder / "unfinished" / record.run_id / _RESERVE).unlink()
        with suppress(StorageError):
            return _written(record, path)
    try:
        return _written(record, _second_folder(folder) / path.name)
    except StorageError as error:
        raise StorageError("; ".join([*refusals, str(error)])) from error


def _written(record: RunRecord, path: Path) -> Path:
    write_record(record, path)
    return path


def _second_folder(folder: Path) -> Path:
    """Return where records of a state folder lie that cannot be written.

    Raises:
        StorageError: there is no folder for temporary files.
    """
    return runtime_folder() / _FOLDER / sha256(str(folder.absolute()).encode()).hexdigest()[:16]


def unwritten_runs(folder: Path) -> list[Path]:
    """Return the files that ``write_unwritten`` wrote for a state folder and that are still there."""
    folders = [folder / _FOLDER]
    with suppress(StorageError):
        folders.append(_second_folder(folder))
    files: list[Path] = []
    for place in folders:
        with suppress(OSError):  # what cannot be listed is left alone
            files += sorted(place.glob("*.json"))
    return files


def import_command(path: Path) -> str:
    """Return the command that takes the record of a file into the history, to be copied into a shell."""
    return shlex.join(["opml", "import", str(path)])


def take_in(history: History, folder: Path, ancestry: Ancestry = nothing_known) -> list[str]:
    """Add to a history the runs that it could not take when they ended, and remove their files.

    Args:
        history: which can be written.
        folder: the state folder.
        ancestry: what git knows of the runs' commits.

    Returns:
        A line for each run that is in the history now, for each that was removed from it, and for each that it refuses,
        whose file stays.
    """
    lines = []
    for path in unwritten_runs(folder):
        try:
            record = read_record(path)
            added = history.extend([record], merge=True, ancestry=ancestry)
        except StorageError as error:
            lines.append(f"{path}: is not in the history yet: {error}; {import_command(path)}")
            continue
        remove_taken(path, folder)
        run = f"run {record.run_id[:12]} of {record.started:%Y-%m-%d %H:%M}"
        if added.runs:
            lines.append(f"taken in: {run}, unwritten until now")
        elif added.removed:
            lines.append(f"not taken in: {run}, which was removed from the history")
    return lines


def remove_taken(path: Path, folder: Path) -> None:
    """Remove the file of a record that a history has taken, if it is one of ``unwritten_runs``; any other stays."""
    if path.absolute() in [file.absolute() for file in unwritten_runs(folder)]:
        with suppress(OSError):  # the next session meets it again, and finds its run in the history
            path.unlink()
            path.parent.rmdir()  # which fails where others lie there
