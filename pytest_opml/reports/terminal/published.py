"""The paper in the terminal: its tables beside what was measured, its claims, and where it contradicts itself."""

from __future__ import annotations

from collections.abc import Collection

from ...paper.assessment import Assessment
from ...paper.claims import CheckedClaim, ClaimVerdict
from ...paper.comparison import RANKINGS, ComparedTable
from ...paper.errata import Erratum
from ...paper.published import PublishedRow, explain, published_table
from ..formatting import amount, wrapped
from ..paper.phrases import (
    CLAIMS_LEGEND,
    HEADERS,
    LEGEND,
    RATIO,
    WORDS,
    cell_text,
    finding_text,
    measured_lines,
    measured_on,
    missing_text,
    overall,
    tally,
    worst_findings,
)
from .styles import Style, with_head
from .tables import fitted

_NOTE = "MIN and MAX are the paper's words for the best and the worst value of each column; these rows are no models."
_STYLES: dict[ClaimVerdict, Style] = {
    "pass": Style.GOOD,
    "fail": Style.BAD,
    "inconclusive": Style.DOUBT,
    "not_measured": Style.FAINT,
}
_FEW = 3  # findings of a claim, where there are tables beside


def paper_lines(assessment: Assessment, width: int, *, lists_claims: bool = False) -> list[list[str]]:
    """Return the blocks of lines, a blank line between two.

    Args:
        assessment: with what was asked for.
        width: columns that no line exceeds, where that can be had.
        lists_claims: whether the claims are shown where nothing was measured, and all findings of each.
    """
    blocks = [[line for text in measured_lines(assessment.measured) for line in wrapped(text, width)]]
    if assessment.tables and assessment.measured.runs:
        blocks.append(wrapped(LEGEND, width))
    for table in assessment.tables:
        blocks += _compared(table, width) if assessment.measured.runs else _published(table, width)
    if assessment.errata:
        blocks.append(_errata(assessment.errata, width))
    if assessment.claims and (assessment.measured.runs or lists_claims):
        blocks += _claims(assessment.claims, width, most=None if lists_claims else _FEW)
    elif assessment.claims:
        count = amount(len(assessment.claims), "claim")
        text = f"The text makes {count}: `opml paper --claims` lists them, and `opml paper --run RUN` checks them."
        blocks.append(wrapped(text, width))
    return blocks


def _published(table: ComparedTable, width: int) -> list[list[str]]:
    """A table as printed; of a ranking each score is worked out again."""
    title = _title(table, width)
    if table.number not in RANKINGS:
        rows = [_cells(row.title, {HEADERS[cell.quantity]: cell.published for cell in row.cells}) for row in table.rows]
        return [title, fitted(_filled(rows), width, left=("model",), names="model").lines]
    ranked = published_table(table.number)
    agreeing = sum(row.consistent for row in ranked)
    summary = f"{agreeing} of {len(ranked)} scores follow from their own columns within their rounding"
    lines = fitted(
        list(map(_ranked_cells, ranked)), width, left=("model", ""), yielding=("epoch s", "inference s")
    ).lines
    notes = [summary, *filter(None, map(explain, ranked)), _NOTE]
    return [title, lines, [line for note in notes for line in wrapped(note, width)]]


def _title(table: ComparedTable, width: int) -> list[str]:
    head = f"Table {table.number}:"
    return with_head(wrapped(f"{head} {table.title}", width), head, Style.STRONG)


def _cells(name: str, cells: dict[str, str]) -> dict[str, str]:
    return {"model": name} | cells


def _filled(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Give each row all headers, in the order in which they come."""
    headers = dict.fromkeys(header for row in rows for header in row)
    return [{header: row.get(header, "") for header in headers} for row in rows]


def _ranked_cells(row: PublishedRow) -> dict[str, str]:
    return {
        "model": row.model,
        "accuracy": f"{row.accuracy:.2f}",
        "MB": f"{row.megabytes:.1f}",
        "epoch s": f"{row.training_s:.2f}",
        "inference s": f"{row.inference_s:.2f}",
        "published": f"{row.score:.2f}",
        "recomputed": f"{row.recomputed:.3f}",
        "": "" if row.consistent else "differs",
    }


def _compared(table: ComparedTable, width: int) -> list[list[str]]:
    """The rows of a table that something was measured for."""
    measured = [row for row in table.rows if row.result]
    title = _title(table, width)
    if not measured:
        return [[*title, *wrapped(f"none of its {len(table.rows)} rows was measured", width)]]

    def rows(hidden: Collection[str]) -> list[dict[str, str]]:
        return _filled(
            [_cells(row.title, {HEADERS[c.quantity]: cell_text(c, hidden) for c in row.cells}) for row in measured]
        )

    lines = fitted(rows, width, left=("model",), yielding=(RATIO, "epoch s", "inference s"), names="model").lines
    notes = [f"measured on {text}" for text in dict.fromkeys(measured_on(one) for one in table.results)]
    if len(measured) < len(table.rows):
        notes.append(f"{amount(len(table.rows) - len(measured), 'row')} of the paper's were not measured")
    return [title, lines, [line for note in notes for line in wrapped(note, width)]]


def _errata(errata: tuple[Erratum, ...], width: int) -> list[str]:
    head = "Where the paper contradicts itself:"
    lines = with_head(wrapped(f"{head} {amount(len(errata), 'place')}", width), head, Style.STRONG)
    for one in errata:
        lines += wrapped(f"- {one.where}: printed {one.printed}; right {one.right}: {one.reason}", width)
    return lines


def _claims(claims: tuple[CheckedClaim, ...], width: int, most: int | None) -> list[list[str]]:
    head = "Claims of the text"
    blocks = [[*with_head([head], head, Style.STRONG), *wrapped(CLAIMS_LEGEND, width)]]
    blocks += [_claim(checked, width, most) for checked in claims]
    return [*blocks, wrapped(overall(claims), width)]


def _claim(checked: CheckedClaim, width: int, most: int | None) -> list[str]:
    claim, word = checked.claim, WORDS[checked.verdict]
    counts = tally(checked)
    section = f"section {claim.section}{f'; {counts}' if counts else ''}"
    lines = wrapped(f"{word}: {claim.id}: {claim.text} ({section})", width)
    lines = with_head(lines, f"{word}:", _STYLES[checked.verdict])
    published = f"; {claim.published}" if claim.published else ""
    lines += _indented(f"{claim.quantity}: {claim.region.text}{published}", width)
    if not checked.findings:
        return lines + _indented(missing_text(claim), width)
    shown, more = worst_findings(checked, len(checked.findings) if most is None else most)
    for finding in shown:
        lines += _indented(f"{WORDS[finding.verdict]}: {finding_text(claim, finding)}", width)
    if more:
        lines += _indented(f"and {amount(more, 'more finding')}, which `opml paper --claims` lists", width)
    return lines


def _indented(text: str, width: int) -> list[str]:
    return [f"  {line}" for line in wrapped(text, width - 2)]
