"""Runs, results and releases of the history, a row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...history.base import CALL_S, Release, Removal, Row, Summary
from ...metrics import METRICS
from ...records.run import WORST_FIRST, Verdict
from ..formatting import minute, short_hash, wrapped
from ..phrases import COUNT_WORDS
from ..ranking_columns import figure_cell
from .styles import Style, styled
from .tables import fitted

_ID = 12
_LONGEST_LABEL = 24
_COUNTS = ("passed", "failed", "inconclusive", "not_judged")  # fields of a summary, which are one of its plain data
_SHOWN = ("inference_s", "size_mb", "op_score")
_HEADERS = {"inference_s": "time\ns", "size_mb": "size\nMB", "op_score": "OpScore"}


def run_lines(runs: Sequence[Summary], labels: Mapping[str, str], width: int) -> list[str]:
    """Show runs with what came of their budgets.

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
            "started (UTC)": minute(run.started),
            "branch": run.branch or "",
            "commit": short_hash(run.commit) + ("+" if run.dirty else ""),
            "on": run.profile,
            "cases": str(run.results or run.timings),
            "failed": str(run.failures or ""),
            "budgets": _budgets(run),
            "release": _label(labels.get(run.run_id)),
        }
        for run in runs
    ]
    left = ("run", "started (UTC)", "branch", "commit", "on", "budgets", "release")
    table = fitted(rows, width, left=left, yielding=("failed", "on", "commit", "cases"), names="branch").lines
    return [*table, *(["", "+: files differed from the commit"] if any(run.dirty for run in runs) else [])]


def _label(label: str | None) -> str:
    """Return a label for a cell: one line of a bounded length, wherever it was imported from."""
    if label is None:
        return ""
    text = " ".join(label.split())
    return (text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…") or "yes"


def _budgets(run: Summary) -> str:
    counts = _counts(run)
    texts = [f"{counts[verdict]} {COUNT_WORDS[verdict]}" for verdict in WORST_FIRST if counts[verdict]]
    style = Style.GOOD if counts["pass"] else None
    if run.interrupted or counts["inconclusive"] or counts["not_judged"]:
        style = Style.DOUBT
    if counts["fail"]:
        style = Style.BAD
    text = ", ".join([*(["interrupted"] if run.interrupted else []), *texts])
    return text if style is None else styled(text, style)


def _counts(run: Summary) -> dict[Verdict, int]:
    """Return how many checks of a run came out how."""
    return {"pass": run.passed, "fail": run.failed, "inconclusive": run.inconclusive, "not_judged": run.not_judged}


def removal_lines(removals: Sequence[Removal], width: int) -> list[str]:
    """Show the removed runs with their reasons, the last first."""
    if not removals:
        return ["no run was removed"]
    return [
        line
        for removal in removals
        for line in wrapped(
            f"run {removal.run_id[:_ID]}, removed {minute(removal.removed)} (UTC) by {removal.removed_by}: "
            f"{removal.reason}",
            width,
        )
    ]


def row_lines(rows: Sequence[Row], width: int) -> list[str]:
    """Show results of cases, and imported benchmarks.

    Args:
        rows: the newest first.
        width: columns that no line exceeds.
    """
    if not rows:
        return ["no such result"]

    def shown(row: Row, metric: str) -> str:
        value = row.figures[metric]
        return "" if value is None else figure_cell(METRICS[metric], value)

    def quality_of(row: Row) -> str:
        return "quality" if row.figures["quality"] is not None else "accuracy"  # of an imported benchmark

    is_accuracy = all(row.figures["quality"] in (None, row.figures["accuracy"]) for row in rows)
    cells = [
        {
            "run": row.run_id[:_ID],
            "started (UTC)": minute(row.started),
            "branch": row.branch or "",
            "commit": short_hash(row.commit),
            "on": row.profile,
            "case": row.case_id,
            "accuracy" if is_accuracy else "quality": shown(row, quality_of(row)),
            **{_HEADERS[metric]: shown(row, metric) for metric in _SHOWN},
            "call\nms": "" if (call := row.figures[CALL_S]) is None else f"{call * 1000:.4g}",
        }
        for row in rows
    ]
    left = ("run", "started (UTC)", "branch", "commit", "on", "case")
    return fitted(cells, width, left=left, yielding=("on", "commit", "branch", "run"), names="case").lines


def release_lines(releases: Sequence[Release], runs: Mapping[str, Summary], width: int) -> list[str]:
    """Show the releases, the one that counts first.

    Args:
        releases: the one that was promoted last first.
        runs: their runs, by id.
        width: columns that no line exceeds.
    """
    if not releases:
        return ["no run was promoted yet: opml release promote RUN"]
    rows = [
        {
            "release": _label(release.label) if release.label else "-",
            "promoted (UTC)": minute(release.promoted),
            "run": release.run_id[:_ID],
            "branch": run.branch or "",
            "commit": short_hash(run.commit),
            "on": run.profile,
            "cases": str(run.results),
        }
        for release in releases
        for run in [runs[release.run_id]]
    ]
    left = ("release", "promoted (UTC)", "run", "branch", "commit", "on")
    forced = [
        f"{_label(release.label) or release.run_id[:_ID]} was forced, although it {release.overrode}"
        for release in releases
        if release.overrode
    ]
    table = fitted(rows, width, left=left, yielding=("cases", "on", "commit"), names="branch").lines
    return [*table, *([""] if forced else []), *(line for text in forced for line in wrapped(text, width))]


def run_table(runs: Sequence[Summary], labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return runs as plain data."""
    return [
        {
            **{name: value for name, value in run._asdict().items() if name not in _COUNTS},
            "started": run.started.isoformat(),
            "verdicts": _counts(run),
            "release": labels.get(run.run_id),
        }
        for run in runs
    ]


def row_table(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return results as plain data."""
    return [{**row._asdict(), "started": row.started.isoformat(), "figures": dict(row.figures)} for row in rows]


def removal_table(removals: Sequence[Removal]) -> list[dict[str, Any]]:
    """Return removed runs as plain data."""
    return [{**removal._asdict(), "removed": removal.removed.isoformat()} for removal in removals]


def release_table(releases: Sequence[Release]) -> list[dict[str, Any]]:
    """Return releases as plain data."""
    return [{**release._asdict(), "promoted": release.promoted.isoformat()} for release in releases]
