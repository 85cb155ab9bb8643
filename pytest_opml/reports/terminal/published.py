"""The paper's rankings in the terminal, with each score worked out again."""

from __future__ import annotations

from typing import Any

from ...paper.published import TABLES, PublishedRow, explain, published_table
from .tables import fitted

_WIDTH = 120  # more than the printed tables take
_NOTE = "MIN and MAX are the paper's words for the best and the worst value of each column; these rows are no models."


def paper_lines() -> list[str]:
    """Show the two ranking tables as printed, each with how many of its scores follow from their own columns."""
    lines: list[str] = []
    for number, dataset in TABLES.items():
        rows = published_table(number)
        agreeing = sum(row.consistent for row in rows)
        lines += [
            *([""] if lines else []),
            f"Table {number}: {dataset}, ranked by OpScore",
            "",
            *fitted(list(map(_cells, rows)), _WIDTH, left=("model", "")).lines,
            "",
            f"{agreeing} of {len(rows)} scores follow from their own columns within their rounding",
            *filter(None, map(explain, rows)),
        ]
    return [*lines, "", _NOTE]


def _cells(row: PublishedRow) -> dict[str, str]:
    return {
        "model": row.model,
        "accuracy": f"{row.accuracy:.2f}",
        "MB": f"{row.megabytes:.1f}",
        "inference s": f"{row.inference_s:.2f}",
        "published": f"{row.score:.2f}",
        "recomputed": f"{row.recomputed:.3f}",
        "": "" if row.consistent else "differs",
    }


def paper_table() -> list[dict[str, Any]]:
    """Return the same as plain data; ``explanation`` is empty for a score that follows from its columns."""
    return [
        {
            "table": number,
            "dataset": dataset,
            "rows": [row._asdict() | {"explanation": explain(row)} for row in published_table(number)],
        }
        for number, dataset in TABLES.items()
    ]
