"""What became of the budgets, in the terminal: a table of them, and for each that does not hold, why and what to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ...gate.budgets import Gate, GateTerms
from ...records.run import Check, RunRecord
from ..cases import named, short_names
from ..formatting import shortened, wrapped
from ..phrases import (
    WORDS,
    WORST_FIRST,
    against,
    best_texts,
    closeness,
    confidence,
    counted,
    interval,
    origin,
    percent,
    repeat_command,
    said,
    shown,
)

_HEADS = {"fail": "BROKEN", "unjudged": "NOT JUDGED", "inconclusive": "UNDECIDED"}


def breach_line(check: Check) -> str:
    """One line for a budget that does not hold: case, metric, value, limit."""
    return f"{check.case_id}: {said(check)}"


def verdict_lines(record: RunRecord, gate: Gate, width: int) -> list[str]:
    """The budgets of a run with the case that comes closest to each, then a block for each check that does not hold.

    Args:
        record: with its checks.
        gate: that they were judged by.
        width: columns that no line but a command exceeds.

    Returns:
        Lines of plain text; none for a run without budgets.
    """
    if not record.checks:
        return []
    names = short_names(record)
    lines = [*_table(record, names, gate.terms, width), ""]
    for verdict in ("fail", "unjudged"):
        by_case: dict[tuple[str, str | None], list[Check]] = {}
        for check in record.checks:
            if check.verdict == verdict:
                by_case.setdefault((check.case_id, check.profile), []).append(check)
        for found in by_case.values():
            lines += [*_block(found, record, gate, names, width), ""]
    for check in record.checks:
        if check.verdict == "inconclusive":
            lines += wrapped(_head(check, record, names), width)
    for reason in dict.fromkeys(check.reason for check in record.checks if check.verdict == "pass" and check.reason):
        lines += wrapped(reason, width)
    if lines[-1]:
        lines.append("")
    return [*lines, *wrapped(f"budgets: {counted(record.checks, gate.terms)}", width)]


def _distance(check: Check) -> tuple[int, float, float]:
    """How far a check is from holding clearly: the smallest first."""
    margin = abs((check.value or 0.0) - check.limit) / (abs(check.limit) or 1.0)
    return WORST_FIRST.index(check.verdict), check.confidence or 1.0, margin


# What gives way until the table fits, the first one first; how sure a verdict is, and what could have been seen, stay.
_SHORTEST_NAME = 12
_YIELDING = ("interval", "cases", "limit", "value")


def _table(record: RunRecord, names: Mapping[str, str], terms: GateTerms, width: int) -> list[str]:
    """A line for each budget: how many cases are held to it, and the one that comes closest to breaking it."""
    budgets: dict[tuple[str, str], list[Check]] = {}
    for check in record.checks:
        if check.rule != "case":
            budgets.setdefault((check.metric, check.budget), []).append(check)
    if not budgets:
        return []
    rows = [_row(held, record, names) for held in budgets.values()]
    hidden = 0
    while max(map(len, lines := _rendered(rows, _YIELDING[:hidden]))) > width and hidden < len(_YIELDING):
        hidden += 1
    if (excess := max(map(len, lines)) - width) > 0:
        cases = [row["closest"] for row in rows]
        room = max(map(len, cases)) - excess
        if room >= _SHORTEST_NAME:
            short = shortened(cases, room)
            lines = _rendered([row | {"closest": name} for row, name in zip(rows, short, strict=True)], _YIELDING)
        else:
            lines = _rendered(rows, (*_YIELDING, "closest"), width)
    legend = "closest: of the cases held to a budget, the one nearest to breaking it"
    if any(check.confidence is not None for check in record.checks):
        legend += "; sure: the confidence at which its interval just leaves the limit out"
        legend += f" (asked: {percent(1 - terms.error / 2)} on that side)"
        legend += "; would see: the smallest excess that this run finds in 4 of 5 cases"
    return [*lines, "", *wrapped(legend + ".", width)]


def _row(held: Sequence[Check], record: RunRecord, names: Mapping[str, str]) -> dict[str, str]:
    closest = min(held, key=_distance)
    judged = closest.verdict != "unjudged"
    return {
        "budget": f"{closest.metric} {closest.budget}",
        "cases": str(len(held)),
        "closest": named(closest, names, record),
        "value": shown(closest, closest.value),
        "interval": interval(closest),
        "limit": shown(closest, closest.limit) if judged else "",
        "verdict": WORDS[closest.verdict].replace("hold", "holds"),
        "confidence": confidence(closest),
        "would\nsee": "" if closest.min_detectable is None else shown(closest, closest.min_detectable),
    }


def _rendered(rows: Sequence[Mapping[str, str]], hidden: Collection[str], width: int | None = None) -> list[str]:
    """The table; ``width``: at which the budgets are wrapped."""
    from tabulate import tabulate

    headers = [header for header in rows[0] if header not in hidden and any(row[header] for row in rows)]
    cells = [[row[header] for header in headers] for row in rows]
    aligned = ["right" if header == "cases" else "left" for header in headers]
    text = tabulate(cells, headers=headers, disable_numparse=True, colalign=aligned)
    if width is not None and (excess := max(map(len, text.splitlines())) - width) > 0:
        room = max(1, max(len(row["budget"]) for row in rows) - excess)
        widths = [room, *[None] * (len(headers) - 1)]
        text = tabulate(cells, headers=headers, disable_numparse=True, colalign=aligned, maxcolwidths=widths)
    return [line.rstrip() for line in text.splitlines()]


def _head(check: Check, record: RunRecord, names: Mapping[str, str]) -> str:
    return f"{_HEADS[check.verdict]} {named(check, names, record)}: {said(check)}"


def _block(checks: Sequence[Check], record: RunRecord, gate: Gate, names: Mapping[str, str], width: int) -> list[str]:
    """Why the checks of a case do not hold: budgets and where they are from, the axes, and how to see it again."""
    lines: list[str] = []

    def add(label: str, text: str) -> None:
        # a command is for copying, so it stays on one line
        body = [text] if label == "again" else wrapped(text, width - 13)
        lines.extend(f"  {label if number == 0 else '':9}  {part}" for number, part in enumerate(body))

    for check in checks:
        lines += wrapped(_head(check, record, names), width)
        add("budget", f"{check.budget}, {origin(check.source)}" if check.rule != "case" else origin(check.source))
        if check.verdict == "fail":
            add("evidence", check.reason or closeness(check))
    for label, text in against(checks, record) if checks[0].verdict == "fail" else ():
        add(label, text)
    if command := repeat_command(checks[0], record, gate):
        add("again", command)
    return lines


def best_lines(record: RunRecord, width: int) -> list[str]:
    """The best case on each test set within the budgets, and what each budget costs.

    Args:
        record: with its checks.
        width: columns that no line exceeds.
    """
    return [line for text in best_texts(record) for line in wrapped(text, width)]
