"""How a run ends: where its record goes, and which exit code it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import MissingDependencyError, StorageError

if TYPE_CHECKING:
    from ..records.run import RunRecord
    from ..settings import Settings

PASSED, BROKEN, USAGE, NOTHING_MEASURED, NOT_JUDGED = 0, 1, 4, 5, 11


def write(record: RunRecord, settings: Settings) -> list[str]:
    """Write the record where it was asked for; returns one line for each place that could not be written."""
    from ..history.record_files import write_record
    from ..history.store import open_store
    from ..integrations.mlflow import log_run

    problems = []
    try:
        if settings.json_path:
            write_record(record, settings.json_path)
    except StorageError as error:
        problems.append(str(error))
    try:
        if settings.store:
            with open_store(settings.store) as store:
                store.append(record)
    except StorageError as error:
        problems.append(str(error))
    try:
        if settings.mlflow:
            log_run(record, settings.mlflow, settings.mlflow_experiment)
    except (StorageError, MissingDependencyError) as error:
        problems.append(str(error))
    return problems


def exit_code(record: RunRecord, problems: Sequence[str] = ()) -> int:
    """What the run comes to, worst first: broken, usage, not judged, nothing measured, passed.

    Args:
        record: of the whole run.
        problems: places that the record could not be written to.
    """
    if any(check.verdict == "fail" for check in record.checks):
        return BROKEN
    if any(failure.kind == "usage" for failure in record.failures):
        return USAGE
    if record.failures or problems or any(check.blocking for check in record.checks):
        return NOT_JUDGED
    return PASSED if record.results else NOTHING_MEASURED
