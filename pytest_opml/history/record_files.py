"""Records of runs as JSON files, each of which is all that is needed to judge or show its run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from ..errors import OpmlError, StorageError
from ..printable import clipped
from ..records.run import FORMAT_VERSION, RunRecord
from ..storage.input_file import read_input
from ..storage.whole_files import written_whole
from .base import LARGEST_RECORD
from .columns import problem

_MOST_VALUES = 5_000_000  # ten times those of such a run; each takes up to 100 bytes of memory


def write_record(record: RunRecord, path: Path) -> None:
    """Write a run as JSON, whole or not at all: what was at ``path`` stays until the new file is on the disk.

    Raises:
        StorageError: the file cannot be written.
    """
    text = record.model_dump_json(indent=2) + "\n"
    with written_whole(path) as file:
        file.write(text.encode())


def read_record(path: Path) -> RunRecord:
    """Return the run in a file that ``write_record`` wrote.

    Raises:
        StorageError: the file is missing, is not JSON, is of another format version, or is no record.
    """
    try:
        data = read_input(path, LARGEST_RECORD)
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}") from error
    return record_of(json_of(data, str(path)), str(path))


def json_of(data: bytes, where: str, *, finite: bool = True) -> Any:
    """Return what JSON says; ``where`` it is from, for messages.

    Raises:
        StorageError: it is not JSON; with ``finite``, neither are the words NaN and Infinity; or it has so many values
            that it is no record and would only fill the memory.
    """
    if sum(map(data.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise StorageError(f"{where}: has more than {_MOST_VALUES:,} values, which no record of a run has")
    try:
        return from_json(data, allow_inf_nan=not finite)
    except ValueError as error:
        raise StorageError(f"{where}: is not JSON: {error}") from error


def record_of(document: Any, where: str) -> RunRecord:
    """Return the run that a document describes; ``where`` it is from, for messages.

    Raises:
        StorageError: it is of another format version, or is no record.
    """
    if not isinstance(document, dict):
        raise StorageError(f"{where}: is no record of a run, which is an object")
    check_version(document.get("format_version"), FORMAT_VERSION, where, "record of a run")
    try:
        record = RunRecord.model_validate(document)
        # They have any content: what was written as 1e999 would come back as null.
        json.dumps(record.marker_budgets, allow_nan=False)
    except ValidationError as error:
        raise StorageError(f"{where}: is no record of a run: {problem(error)}") from error
    except OpmlError as error:
        raise StorageError(f"{where}: {clipped(error)}") from error
    except ValueError:
        raise StorageError(f"{where}: is no record of a run: marker_budgets: must hold finite numbers only") from None
    return record


def check_version(version: Any, newest: int, where: str, what: str) -> None:
    """Refuse a format version that is not the one that is read here.

    Raises:
        StorageError: it is newer, or none.
    """
    # Python holds True and 1.0 for equal to 1.
    if type(version) is int and version == newest:
        return
    if type(version) is int and version > newest:
        raise StorageError(
            f"{where}: format_version {clipped(version)} is newer than this version of pytest-opml reads ({newest})"
        )
    raise StorageError(clipped(f"{where}: is no {what}: format_version is {version!r}, not {newest}"))


def record_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the file that ``write_record`` writes."""
    schema = RunRecord.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {"title": "pytest-opml run record"}
