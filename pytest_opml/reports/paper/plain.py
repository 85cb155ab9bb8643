"""The paper beside what was measured as plain data, for other programs."""

from __future__ import annotations

from typing import Any

from ...paper.assessment import Assessment
from ...paper.claims import CheckedClaim
from ...paper.comparison import RANKINGS, Cell, ComparedTable, Row
from ...paper.published import explain, published_table


def paper_document(assessment: Assessment) -> dict[str, Any]:
    """Return everything that was asked for.

    ``tables`` has each published figure beside the measured one, ``rankings`` the scores of tables 5 and 6 worked out
    again, where ``explanation`` is empty for one that follows from its columns, ``claims`` what was found of each, and
    ``errata`` where the paper contradicts itself.
    """
    return {
        "runs": [run.run_id for run in assessment.measured.runs],
        "tables": [_table(table) for table in assessment.tables],
        "rankings": [
            {
                "table": table.number,
                "rows": [row._asdict() | {"explanation": explain(row)} for row in published_table(table.number)],
            }
            for table in assessment.tables
            if table.number in RANKINGS
        ],
        "claims": [_claim(checked) for checked in assessment.claims],
        "errata": [erratum._asdict() for erratum in assessment.errata],
    }


def _table(table: ComparedTable) -> dict[str, Any]:
    return {"table": table.number, "title": table.title, "rows": [_row(row) for row in table.rows]}


def _row(row: Row) -> dict[str, Any]:
    return {
        "model": row.title,
        "case": row.result.case.id if row.result else None,
        "device": row.result.device.machine if row.result else None,
        "figures": {cell.quantity: _cell(cell) for cell in row.cells},
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {"unit": cell.unit, "published": cell.value, "measured": cell.measured, "ratio": cell.ratio}


def _claim(checked: CheckedClaim) -> dict[str, Any]:
    claim = checked.claim
    return {
        "id": claim.id,
        "section": claim.section,
        "text": claim.text,
        "quantity": claim.quantity,
        "range": claim.region.text,
        "published": claim.published,
        "verdict": checked.verdict,
        "needs": claim.needs,
        "command": claim.command,
        "findings": [
            {
                "subject": finding.subject,
                "cases": list(finding.cases),
                "value": finding.quantity.value,
                "low": finding.quantity.low,
                "high": finding.quantity.high,
                "published": finding.published,
                "verdict": finding.verdict,
                "note": finding.note,
            }
            for finding in checked.findings
        ],
    }
