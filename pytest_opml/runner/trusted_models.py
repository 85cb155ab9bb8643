"""Models that the user trusts: what ``--opml-trust`` names, and what it lets them do."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from ..errors import listed
from ..records.case_record import CaseRecord
from ..records.run import RunRecord


def is_trusted(case: CaseRecord, patterns: Sequence[str]) -> bool:
    """Whether a pattern matches the model of a case as it is written there, or its name."""
    return any(_matches(case, pattern) for pattern in patterns)


def idle_patterns(record: RunRecord, patterns: Sequence[str]) -> list[str]:
    """Return a line for each pattern that no model of a run matches; none of a run that did not come to its end."""
    if record.interrupted:
        return []
    cases = [outcome.case for outcome in (*record.results, *record.failures)]
    idle = [pattern for pattern in dict.fromkeys(patterns) if not any(_matches(case, pattern) for case in cases)]
    return [f"trust: {pattern!r} matches no model of this run" for pattern in idle]


def trust_notes(operations: Sequence[str]) -> list[str]:
    """What a reader of a result must know of a model that does more than compute."""
    if not operations:
        return []
    return [f"the model is trusted with operations that may reach outside it: {listed(operations)}"]


def _matches(case: CaseRecord, pattern: str) -> bool:
    names = {case.model, str(Path(case.model)), case.name}  # an error says a path without its ./
    return any(fnmatchcase(name, pattern) for name in names if name)
