"""The paper's rankings with each score worked out again."""

from __future__ import annotations

from typing import Any

from ...paper.published import TABLES, explain, published_table

_HEADERS = ("model", "accuracy", "MB", "inference s", "published", "recomputed", "")


def paper_lines() -> list[str]:
    """The two ranking tables as printed, each with how many of its scores follow from their own columns."""
    from tabulate import tabulate

    lines: list[str] = []
    for number, dataset in TABLES.items():
        rows = published_table(number)
        cells = [
            (r.model, r.accuracy, r.megabytes, r.inference_s, r.score, r.recomputed, "" if r.consistent else "differs")
            for r in rows
        ]
        table = tabulate(cells, _HEADERS, floatfmt=("", ".2f", ".1f", ".2f", ".2f", ".3f", ""))
        agreeing = sum(row.consistent for row in rows)
        lines += [
            *([""] if lines else []),
            f"Table {number}: {dataset}, ranked by OpScore",
            "",
            *(line.rstrip() for line in table.splitlines()),
            "",
            f"{agreeing} of {len(rows)} scores follow from their own columns within their rounding",
            *filter(None, map(explain, rows)),
        ]
    return lines


def paper_table() -> list[dict[str, Any]]:
    """The same as plain data; ``explanation`` is empty for a score that follows from its columns."""
    return [
        {
            "table": number,
            "dataset": dataset,
            "rows": [row._asdict() | {"explanation": explain(row)} for row in published_table(number)],
        }
        for number, dataset in TABLES.items()
    ]
