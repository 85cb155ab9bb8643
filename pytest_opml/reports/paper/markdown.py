"""The paper beside what was measured, as Markdown; a file of one's own may have it between two lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...errors import StorageError
from ...paper.assessment import Assessment
from ...paper.claims import CheckedClaim
from ...paper.comparison import ComparedTable
from ...paper.errata import Erratum
from ...printable import printable
from ...storage.input_file import read_input
from ...storage.whole_files import written_whole
from ..formatting import amount, sentence_case
from .phrases import (
    CLAIMS_LEGEND,
    HEADERS,
    LEGEND,
    WORDS,
    cell_text,
    measured_lines,
    measured_on,
    missing_text,
    overall,
    published_text,
    quantity_text,
    tally,
    worst_findings,
)

BEGIN, END = "<!-- opml paper: begin -->", "<!-- opml paper: end -->"
_TITLE = "# The paper beside what was measured"
_MOST_FINDINGS = 12  # of a claim
_LARGEST = 50_000_000  # bytes of a page


def paper_markdown(assessment: Assessment) -> str:
    """Return what was asked for as Markdown of GitHub's flavour, without a title of its own."""
    blocks = ["## What was measured", _listed(measured_lines(assessment.measured))]
    if assessment.claims:
        blocks += _claims(assessment.claims)
    if assessment.tables:
        blocks += ["## The tables", LEGEND]
        blocks += [block for table in assessment.tables for block in _table(table)]
    if assessment.errata:
        blocks += _errata(assessment.errata)
    return "\n\n".join(blocks) + "\n"


def surroundings(path: Path) -> tuple[str, str]:
    """Return what stands around the paper in a file: up to its first line, and from its last line on.

    Args:
        path: of a file that has the two lines, or of none.

    Raises:
        StorageError: the file is there and cannot be read, or has not the two lines, each once and in their order.
    """
    if not path.exists():
        return f"{_TITLE}\n\n{BEGIN}\n", f"{END}\n"
    try:
        existing = read_input(path, _LARGEST).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{path}: cannot be read: {error}") from error
    before, begin, rest = existing.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(f"{END}\n")
    if not begin or not end or BEGIN in rest or END in after:
        raise StorageError(
            f"{path}: is there already, and has not the lines {BEGIN} and {END} once each, between which to write; "
            "name a new file, or put them in"
        )
    return before + begin, end + after


def write_markdown(assessment: Assessment, path: Path, around: tuple[str, str]) -> None:
    """Write the paper to a file, whole or not at all.

    Args:
        assessment: what is written.
        path: of the file, which is replaced where it exists.
        around: what ``surroundings`` gave.

    Raises:
        StorageError: the file cannot be written.
    """
    text = printable(f"{around[0]}{paper_markdown(assessment)}{around[1]}", lines=True)
    with written_whole(path) as file:
        file.write(text.encode())


def _claims(claims: Sequence[CheckedClaim]) -> list[str]:
    rows = [
        [
            f"[{checked.claim.id}](#{checked.claim.id})" if checked.findings else checked.claim.id,
            checked.claim.text,
            checked.claim.section,
            " ".join(filter(None, (WORDS[checked.verdict], _in_brackets(tally(checked))))),
        ]
        for checked in claims
    ]
    blocks = [
        "## The claims of the text",
        f"{overall(claims)}. {CLAIMS_LEGEND}",
        _laid_out(["claim", "in words", "section", "verdict"], rows),
    ]
    missing = [checked for checked in claims if not checked.findings]
    if missing:
        blocks += [
            "### Not measured",
            _listed([f"{checked.claim.id}: {missing_text(checked.claim)}" for checked in missing]),
        ]
    return blocks + [block for checked in claims if checked.findings for block in _findings(checked)]


def _in_brackets(text: str) -> str:
    return f"({text})" if text else ""


def _findings(checked: CheckedClaim) -> list[str]:
    claim = checked.claim
    shown, more = worst_findings(checked, _MOST_FINDINGS)
    rows = [
        [
            WORDS[finding.verdict],
            finding.subject,
            quantity_text(claim, finding.quantity),
            published_text(claim, finding.published),
            finding.note,
        ]
        for finding in shown
    ]
    published = f" {claim.published}." if claim.published else ""
    blocks = [
        f"### {claim.id}",
        f"{claim.text} {sentence_case(claim.quantity)}: {claim.region.text}.{published}",
        _laid_out(["verdict", "where", "value (95 % interval)", "published", "note"], rows),
    ]
    return [*blocks, f"And {amount(more, 'more finding')}."] if more else blocks


def _table(table: ComparedTable) -> list[str]:
    headers = list(dict.fromkeys(cell.quantity for row in table.rows for cell in row.cells))
    rows = []
    for row in table.rows:
        texts = {cell.quantity: cell_text(cell) for cell in row.cells}
        on = measured_on(row.result) if row.result else ""
        rows.append([row.title, *(texts.get(header, "") for header in headers), on])
    title = f"### Table {table.number}: {table.title}"
    return [title, _laid_out(["model", *(HEADERS[header] for header in headers), "measured on"], rows)]


def _errata(errata: Sequence[Erratum]) -> list[str]:
    rows = [[one.where, one.printed, one.right, one.reason] for one in errata]
    return [
        "## Where the paper contradicts itself",
        "Found by working each figure out again from the published tables, with their rounding.",
        _laid_out(["where", "printed", "right", "why"], rows),
    ]


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {_escaped(line, is_cell=False)}" for line in lines)


def _laid_out(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *([_escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str, *, is_cell: bool = True) -> str:
    """Escape what Markdown would read as structure in the texts of records: names of cases, devices and notes."""
    for letter in "\\*<" + ("|" if is_cell else ""):
        text = text.replace(letter, f"\\{letter}")
    return text
