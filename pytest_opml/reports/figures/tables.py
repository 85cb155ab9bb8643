"""The tables of a run as plain values: numbers as they were measured, texts in one printable line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...analysis import figures
from ...analysis.comparison import Change, Comparison
from ...printable import clipped
from ...records.result import Estimate, Result, Score
from ...records.run import Baseline, RunRecord
from ..cases import CaseGroup, RankingRow
from ..charts.accuracy_by_epoch import PARTS
from ..charts.clusters import clustered
from ..charts.devices import Times, times_by_device, times_by_split
from ..comparison_rows import comparisons

Cell = str | int | float | None


@dataclass(frozen=True)
class FigureTable:
    """Rows under headers.

    Attributes:
        name: of its files: ``ranking``.
        headers: of the columns, each once.
        rows: a cell for each header; a text is in one printable line, None where there is nothing.
        narrow: the headers that fit across the page of a paper.
    """

    name: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    narrow: tuple[str, ...]

    def narrowed(self) -> FigureTable:
        """Return the table with the columns that fit across the page of a paper."""
        columns = [self.headers.index(header) for header in self.narrow]
        rows = tuple(tuple(row[column] for column in columns) for row in self.rows)
        return FigureTable(self.name, self.narrow, rows, self.narrow)


# The columns of a table in a paper, where there are more; the others of a table fit as they are.
_NARROW = {
    "ranking": ("place", "case", "quality", "time in score s", "size MB", "OpScore", "normalised"),
    "clusters": ("cases", "clusters", "quality", "size MB", "preparation s"),
    "slices": ("case", "by", "value", "examples", "quality", "accuracy"),
    "budgets": ("verdict", "case", "metric", "budget", "value"),
    "baseline": ("case", "quality difference", "time ratio", "size ratio", "OpScore difference", "OpScore is"),
    "devices": ("case", "device", "training s", "inference s", "total s"),
    "splits": ("split", "model", "training s", "inference s", "total s"),
}


def group_tables(group: CaseGroup, rows: Sequence[RankingRow]) -> list[FigureTable]:
    """Return the tables of one test set that there are data for.

    Args:
        group: of cases whose scores may be compared.
        rows: of ``ranked_rows``.
    """
    results = [row.result for row in rows if row.result is not None]
    tables = [
        _table("ranking", (_ranking_row(row, group) for row in rows)),
        _table("clusters", _cluster_rows(group, rows)),
        _table("epochs", (row for result in results for row in _epoch_rows(result, group))),
        _table("slices", (row for result in results for row in _slice_rows(result, group))),
        _table("confusions", (row for result in results for row in _confusion_rows(result, group))),
    ]
    return [table for table in tables if table]


def run_tables(record: RunRecord, baselines: Sequence[Baseline] | None = None) -> list[FigureTable]:
    """Return the tables of a whole run that there are data for.

    Args:
        record: of the run, with its checks.
        baselines: to compare with; None for those that the run was compared with.
    """
    by_key = {one.result.key: one for one in (record.baselines if baselines is None else baselines)}
    tables = [
        _table("budgets", _budget_rows(record)),
        _table("baseline", map(_comparison_row, comparisons(record, by_key))),
        _table("devices", map(_device_row, times_by_device(record))),
        _table("splits", map(_split_row, times_by_split(record))),
    ]
    return [table for table in tables if table]


def _table(name: str, rows: Iterable[dict[str, Cell]]) -> FigureTable | None:
    """Return rows as a table without its empty columns; None where there are no rows."""
    rows = list(rows)
    headers = [header for header in rows[0] if any(row[header] is not None for row in rows)] if rows else []
    cells = tuple(tuple(_shown(row[header]) for header in headers) for row in rows)
    narrow = tuple(header for header in headers if header in _NARROW.get(name, headers))
    return FigureTable(name, tuple(headers), cells, narrow) if rows else None


def _shown(cell: Cell) -> Cell:
    return clipped(cell) if isinstance(cell, str) else cell


def _interval(name: str, value: Estimate | Score | Change | None) -> dict[str, Cell]:
    if value is None:
        return {name: None, f"{name} low": None, f"{name} high": None}
    return {name: value.value, f"{name} low": value.low, f"{name} high": value.high}


# --- of one test set


def _ranking_row(row: RankingRow, group: CaseGroup) -> dict[str, Cell]:
    """Return a row of the ranking; of the fictitious models only what they have."""
    entry, result, reference = row.entry, row.result, row.reference
    axes = None
    if result and reference and result is not reference:
        axes = figures.score_axes(result, reference, figures.times_beside(result, reference))
    quality = result.quality if result else None
    score = result.op_score if result else None
    latency = result.latency_ms if result else None
    return {
        "place": int(row.place.lstrip("*")) if result else None,
        "pareto front": ("yes" if row.place.startswith("*") else "no") if result else None,
        "case": group.names[entry.name] if result else row.name,
        "id": entry.name if result else None,
        **_interval("quality", quality),
        "quality": entry.quality,
        **_interval("inference s", result.inference_s if result else None),
        "time in score s": entry.seconds,
        "size MB": entry.megabytes,
        **_interval("OpScore", score),
        "OpScore": entry.score,
        "normalised": row.normalised,
        "error part": axes.error if axes else None,
        "time part": axes.time if axes else None,
        "size part": axes.size if axes else None,
        "accuracy": result.accuracy.value if result and result.accuracy else None,
        "recall": result.recall if result else None,
        "precision": result.precision if result else None,
        "F1": result.f1 if result else None,
        "AUC": result.auc if result else None,
        "p50 ms": latency.p50 if latency else None,
        "p99 ms": latency.p99 if latency else None,
        "training s": result.training.training_s if result else None,
        "preparation s": result.preparation_s if result else None,
        "parameters": result.artifact.parameters if result else None,
    }


def _cluster_rows(group: CaseGroup, rows: Sequence[RankingRow]) -> list[dict[str, Cell]]:
    """Return what Table 7 of the paper has, and the quality of its Figure 8."""
    return [
        {
            "cases": name,
            "clusters": number,
            "case": group.names[result.case.id],
            **_interval("quality", result.quality),
            "size MB": result.size_mb,
            "preparation s": result.preparation_s,
        }
        for name, number, result in clustered(group, rows)
    ]


def _epoch_rows(result: Result, group: CaseGroup) -> list[dict[str, Cell]]:
    training, test = PARTS
    return [
        {
            "case": group.names[result.case.id],
            "epoch": number,
            training: epoch.train_accuracy,
            test: epoch.test_accuracy,
        }
        for number, epoch in enumerate(result.training.epochs, 1)
    ]


def _slice_rows(result: Result, group: CaseGroup) -> list[dict[str, Cell]]:
    return [
        {
            "case": group.names[result.case.id],
            "by": one.by,
            "value": one.value,
            "examples": one.samples,
            **_interval("quality", one.quality),
            **_interval("accuracy", one.accuracy),
        }
        for one in result.slices
    ]


def _confusion_rows(result: Result, group: CaseGroup) -> list[dict[str, Cell]]:
    """Return a row for each class and answer that came up: few of all pairs do."""
    confusion = result.confusion
    if confusion is None:
        return []
    return [
        {"case": group.names[result.case.id], "class": label, "answer": answer, "examples": count}
        for label, counts in zip(confusion.labels, confusion.counts, strict=True)
        for answer, count in zip(confusion.answers, counts, strict=True)
        if count
    ]


# --- of the run


def _budget_rows(record: RunRecord) -> list[dict[str, Cell]]:
    return [
        {
            "verdict": check.verdict.replace("_", " "),
            "case": check.case_id,
            "profile": check.profile,
            "metric": check.figure_name,
            "budget": check.budget,
            "rule": check.rule,
            "value": check.value,
            "value low": check.low,
            "value high": check.high,
            "limit": check.limit,
            "confidence": check.confidence,
            "reference": check.reference,
            "reference value": check.reference_value,
            "waived": check.waived or None,
            "reason": check.reason or None,
            "written in": check.source,
        }
        for check in record.checks
    ]


def _comparison_row(comparison: Comparison) -> dict[str, Cell]:
    baseline, axes = comparison.baseline, comparison.axes
    return {
        "case": comparison.case_id,
        "baseline": baseline.name,
        "baseline run": baseline.run_id,
        "baseline commit": baseline.commit.commit if baseline.commit else None,
        **_interval("quality difference", comparison.quality),
        **_interval("time ratio", comparison.time),
        **_interval("size ratio", comparison.size),
        **_interval("OpScore difference", comparison.op_score),
        "error part": axes.error if axes else None,
        "time part": axes.time if axes else None,
        "size part": axes.size if axes else None,
        "OpScore is": comparison.op_score.word if comparison.op_score else None,
    }


def _device_row(times: Times) -> dict[str, Cell]:
    """Return what Table 4 of the paper has."""
    return {"case": times.row, "device": times.series, **_times(times.result)}


def _split_row(times: Times) -> dict[str, Cell]:
    """Return what Table 3 of the paper has."""
    return {"split": times.row, "model": times.series, **_times(times.result)}


def _times(result: Result) -> dict[str, Cell]:
    training, inference = result.training.training_s, result.inference_s
    return {"training s": training, **_interval("inference s", inference), "total s": training + inference.value}
