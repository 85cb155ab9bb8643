"""One record of a run whose cases were spread over several processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .result import Baseline, Failure, Key, Result, RunRecord


def merge(records: Sequence[RunRecord]) -> RunRecord:
    """The record that one process would have written.

    Its checks are made from it when it is whole. A case that several of them have on one kind of hardware keeps its
    first result; a failure is kept only where no other has a result.

    Args:
        records: of parts of one run, each on a device of its own or all on one; at least one.
    """
    results: dict[Key, Result] = {}
    failures: dict[Key, Failure] = {}
    asked: set[str] = set()
    planned: dict[str, str] = {}
    marked: dict[str, dict[str, Any]] = {}
    baselines: dict[Key, Baseline] = {}
    unread: dict[str, str] = {}
    for record in records:
        for result in record.results:
            results.setdefault(result.key, result)
        for failure in record.failures:
            failures.setdefault(failure.key, failure)
        found = [result.case.id for result in record.results] + [failure.case.id for failure in record.failures]
        asked |= set(found) - set(record.uncollected)
        planned |= record.planned
        marked |= record.marked
        unread |= record.unread
        for baseline in record.baselines:
            baselines.setdefault(baseline.result.key, baseline)
    failures = {key: failure for key, failure in failures.items() if key not in results}
    measured = {key.case_id for key in (*results, *failures)}
    compared = {key.case_id for key in baselines}
    started = min(record.started for record in records)
    ended = max(record.started.timestamp() + record.seconds for record in records)
    return records[0].model_copy(
        update={
            "started": started,
            "seconds": ended - started.timestamp(),
            "results": tuple(results.values()),
            "failures": tuple(failures.values()),
            "uncollected": tuple(sorted(measured - asked)),
            "planned": planned,
            "deselected": tuple(sorted({name for record in records for name in record.deselected})),
            "selection": any(record.selection for record in records),
            "marked": marked,
            "baselines": tuple(baselines.values()),
            "unread": {name: why for name, why in unread.items() if name not in compared},
        }
    )
