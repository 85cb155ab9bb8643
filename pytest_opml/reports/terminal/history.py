"""Runs, results and releases of the history, a line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...history.base import CALL_S, Release, Row, Summary
from ...metrics import METRICS
from ..formatting import _COMMIT, moment, three_digits
from .tables import fitted

_ID = 12
_LONGEST_LABEL = 24
_SHOWN = ("accuracy", "inference_s", "size_mb", "op_score")
_HEADERS = {"accuracy": "accuracy", "inference_s": "time\ns", "size_mb": "size\nMB", "op_score": "OpScore"}


def run_lines(runs: Sequence[Summary], labels: Mapping[str, str], width: int) -> list[str]:
    """Runs with what came of their budgets.

    Args:
        runs: the newest first.
        labels: of the releases among them, by run.
        width: columns that no line exceeds.
    """
    if not runs:
        return ["no such run"]
    rows = [
        {
            "run": run.run_id[:_ID],
            "started (UTC)": moment(run.started),
            "branch": run.branch or "",
            "commit": (run.commit or "")[:_COMMIT] + ("+" if run.dirty else ""),
            "on": run.profile,
            "cases": str(run.results or run.timings),
            "failed": str(run.failures or ""),
            "budgets": _budgets(run),
            "release": _label(labels.get(run.run_id)),
        }
        for run in runs
    ]
    left = ("run", "started (UTC)", "branch", "commit", "on", "budgets", "release")
    table = fitted(rows, width, left=left, yielding=("failed", "on", "commit", "cases"), names="branch")
    return [*table, *(["", "+: files differed from the commit"] if any(run.dirty for run in runs) else [])]


def _label(label: str | None) -> str:
    """A label for a cell, which is one line and of a bounded length, wherever it was imported from."""
    if label is None:
        return ""
    text = " ".join(label.split())
    return (text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…") or "yes"


def _budgets(run: Summary) -> str:
    counts = {"broken": run.broken, "not judged": run.unjudged, "undecided": run.undecided, "hold": run.holding}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def row_lines(rows: Sequence[Row], width: int) -> list[str]:
    """Results of cases, and imported benchmarks.

    Args:
        rows: the newest first.
        width: columns that no line exceeds.
    """
    if not rows:
        return ["no such result"]

    def shown(row: Row, metric: str) -> str:
        value = row.figures[metric]
        if value is None:
            return ""
        return three_digits(value) if METRICS[metric].unit else METRICS[metric].format(value)

    cells = [
        {
            "run": row.run_id[:_ID],
            "started (UTC)": moment(row.started),
            "branch": row.branch or "",
            "commit": (row.commit or "")[:_COMMIT],
            "on": row.profile,
            "case": row.case_id,
            **{_HEADERS[metric]: shown(row, metric) for metric in _SHOWN},
            "call\nms": "" if (call := row.figures[CALL_S]) is None else f"{call * 1000:.4g}",
        }
        for row in rows
    ]
    left = ("run", "started (UTC)", "branch", "commit", "on", "case")
    return fitted(cells, width, left=left, yielding=("on", "commit", "branch", "run"), names="case")


def release_lines(releases: Sequence[Release], runs: Mapping[str, Summary], width: int) -> list[str]:
    """The releases, the one that counts first.

    Args:
        releases: the one that was promoted last first.
        runs: what is known of their runs.
        width: columns that no line exceeds.
    """
    if not releases:
        return ["no run was promoted yet: opml release promote RUN"]
    rows = [
        {
            "release": _label(each.label) if each.label else "-",
            "promoted (UTC)": moment(each.promoted),
            "run": each.run_id[:_ID],
            "branch": run.branch or "",
            "commit": (run.commit or "")[:_COMMIT],
            "on": run.profile,
            "cases": str(run.results),
        }
        for each in releases
        for run in [runs[each.run_id]]
    ]
    left = ("release", "promoted (UTC)", "run", "branch", "commit", "on")
    return fitted(rows, width, left=left, yielding=("cases", "on", "commit"), names="branch")


def run_table(runs: Sequence[Summary], labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Runs as plain data."""
    return [{**run._asdict(), "started": run.started.isoformat(), "release": labels.get(run.run_id)} for run in runs]


def row_table(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Results as plain data."""
    return [{**row._asdict(), "started": row.started.isoformat(), "figures": dict(row.figures)} for row in rows]


def release_table(releases: Sequence[Release]) -> list[dict[str, Any]]:
    """Releases as plain data."""
    return [{**each._asdict(), "promoted": each.promoted.isoformat()} for each in releases]
