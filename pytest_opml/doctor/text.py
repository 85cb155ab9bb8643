"""The findings of the doctor, in lines and as plain data."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from ..reports.formatting import amount
from .finding import Finding

_STATES = ("ok", "note", "problem")
# Below it, names and texts do not fit beside each other.
_LEAST_TEXT = 30


def finding_lines(findings: Sequence[Finding], width: int) -> list[str]:
    """Show each finding with its state and name, under its topic; the remedies stand below what they are for.

    Args:
        findings: those of a topic one after the other.
        width: columns that no line exceeds, but for words that are longer.
    """
    first = max((len(finding.name) for finding in findings), default=0)
    lines: list[str] = []
    for topic, about in groupby(findings, key=lambda finding: finding.topic):
        lines.append(topic)
        for finding in about:
            lines += _item(finding, first, width)
        lines.append("")
    counts = {state: sum(finding.state == state for finding in findings) for state in _STATES}
    return [*lines, f"{amount(counts['problem'], 'problem')}, {amount(counts['note'], 'note')}, {counts['ok']} ok"]


def finding_table(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the same as plain data."""
    return {
        "problems": sum(finding.state == "problem" for finding in findings),
        "findings": [finding._asdict() for finding in findings],
    }


def _item(finding: Finding, first: int, width: int) -> list[str]:
    head = f"  {finding.state:7}  {finding.name:{first}}  "
    indent = len(head) if width - len(head) >= _LEAST_TEXT else 11
    if indent < len(head):
        lines = [head.rstrip(), *_wrapped(finding.text, indent, width)]
    else:
        lines = _wrapped(finding.text, indent, width)
        lines[0] = head + lines[0].lstrip()
    return lines + (_wrapped(f"-> {finding.remedy}", indent, width, hang=3) if finding.remedy else [])


def _wrapped(text: str, indent: int, width: int, hang: int = 0) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, indent + 1),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_long_words=False,
        break_on_hyphens=False,
    )
