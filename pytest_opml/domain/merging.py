"""One record of a run whose cases were spread over several processes."""

from __future__ import annotations

from collections.abc import Sequence

from .records import Check, Failure, Result, RunRecord


def merge(records: Sequence[RunRecord]) -> RunRecord:
    """The record that one process would have written.

    A case that several of them have keeps its first result; a failure is kept only where no other has a result.

    Args:
        records: of parts of one run, on one device; at least one.
    """
    results: dict[str, Result] = {}
    failures: dict[str, Failure] = {}
    checks: dict[tuple[str, str, str], Check] = {}
    asked: set[str] = set()
    for record in records:
        for result in record.results:
            results.setdefault(result.case.id, result)
        for failure in record.failures:
            failures.setdefault(failure.case.id, failure)
        for check in record.checks:
            checks.setdefault((check.case_id, check.metric, check.rule), check)
        found = [result.case.id for result in record.results] + [failure.case.id for failure in record.failures]
        asked |= set(found) - set(record.uncollected)
    failures = {name: failure for name, failure in failures.items() if name not in results}
    started = min(record.started for record in records)
    ended = max(record.started.timestamp() + record.seconds for record in records)
    return records[0].model_copy(
        update={
            "started": started,
            "seconds": ended - started.timestamp(),
            "results": tuple(results.values()),
            "failures": tuple(failures.values()),
            "checks": tuple(checks.values()),
            "uncollected": tuple(sorted({*results, *failures} - asked)),
        }
    )
