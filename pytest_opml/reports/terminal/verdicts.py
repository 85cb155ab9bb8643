"""The verdicts of a run in the terminal: a table of the budgets, and for each that did not pass, why and what to do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby

from ...gate.budgets import Gate, GateTerms
from ...gate.waivers import idle_waivers
from ...printable import printable
from ...records.run import WORST_FIRST, Check, RunRecord
from ..cases import check_name, short_names
from ..formatting import wrapped
from ..phrases import (
    WORDS,
    against,
    best_texts,
    breach_text,
    budget_text,
    check_text,
    confidence,
    confidence_legend,
    counted,
    counted_as,
    deciding_text,
    evidence_text,
    fails_below,
    figure,
    interval,
    is_judged,
    origin,
    repeat_command,
    verdict_text,
)
from ..run_cost import uses_text
from .styles import VERDICT_STYLES, Span, Style, all_styled, with_head, worst_style
from .tables import Lines, fitted

_MIN_DETECTABLE = "min.\ndetectable"
# What gives way until the table fits, the first one first; value, limit and verdict stay.
_YIELDING = ("interval", "cases", _MIN_DETECTABLE, "confidence")

_BEST = "Best of "  # the beginning of the sentence that names the best case, of those on it


def breach_lines(checks: Sequence[Check]) -> list[str]:
    """Say of budgets that failed the figure and the limit, a line each, and below those of a case which case it is."""
    lines = []
    for case_id, of_case in groupby(checks, key=lambda check: check.case_id):
        lines += [*map(breach_text, of_case), f"  of {case_id}"]
    return lines


def verdict_lines(record: RunRecord, gate: Gate, width: int) -> list[str]:
    """Show each budget of a run with the case that comes closest to failing it, then why checks did not pass.

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
    for checks, likewise in _alike(_explained(record.checks)):
        lines += [*_block(checks, record, gate, names, width), *_likewise(likewise, record, names, width), ""]
    for check in record.checks:
        if check.verdict == "inconclusive":
            lines += _headed(check, wrapped(_inconclusive(check, record, gate.terms, names), width))
    for reason in dict.fromkeys(check.reason for check in record.checks if check.verdict == "pass" and check.reason):
        lines += wrapped(reason, width)
    for text in idle_waivers(record.checks, gate.waivers, date.today()):
        lines += wrapped(text, width)
    if lines[-1]:
        lines.append("")
    return [*lines, *all_styled(wrapped(f"budgets: {counted(record, gate.terms)}", width), worst_style(record.checks))]


def _explained(checks: Sequence[Check]) -> list[list[Check]]:
    """Return the checks that failed, then those that were not judged, those of a case together."""
    by_case: dict[tuple[str, str, str | None], list[Check]] = {}
    for verdict in WORST_FIRST[:2]:
        for check in checks:
            if check.verdict == verdict:
                by_case.setdefault((verdict, check.case_id, check.profile), []).append(check)
    return list(by_case.values())


def _alike(by_case: Sequence[list[Check]]) -> list[tuple[list[Check], list[Check]]]:
    """Return the checks of each case, and with those of the first one a check of each case that is told the same.

    That is so of cases that were not judged on the same budgets for the same reasons. What fails, fails by figures of
    its own.
    """
    together: dict[object, tuple[list[Check], list[Check]]] = {}
    for number, checks in enumerate(by_case):
        facts = [(check_text(check), check.budget, check.source, check.rule) for check in checks]
        key = number if checks[0].verdict == "fail" else tuple(facts)
        if key in together:
            together[key][1].append(checks[0])
        else:
            together[key] = (checks, [])
    return list(together.values())


def _likewise(checks: Sequence[Check], record: RunRecord, names: Mapping[str, str], width: int) -> list[str]:
    """Name the cases that are told the same as the one before."""
    texts = wrapped(", ".join(check_name(check, names, record) for check in checks), width - 13)
    return [f"  {'likewise' if number == 0 else '':9}  {text}" for number, text in enumerate(texts)]


def _distance(check: Check) -> tuple[int, float, float]:
    """Return how far a check is from failing, negative on the wrong side of the limit; the smallest comes first."""
    excess = (check.value or 0.0) - check.limit
    margin = (excess if fails_below(check) else -excess) / (abs(check.limit) or 1.0)
    sureness = 1.0 if check.confidence is None else check.confidence
    return WORST_FIRST.index(check.verdict), math.copysign(sureness, margin), margin


def _table(record: RunRecord, names: Mapping[str, str], terms: GateTerms, width: int) -> list[str]:
    """Return a row for each budget: how many cases are held to it, and the one that comes closest to failing it."""
    budgets: dict[tuple[str, str, str], list[Check]] = {}
    for check in record.checks:
        if check.rule != "case":
            budgets.setdefault((check.metric, check.slice.partition("=")[0], check.budget), []).append(check)
    if not budgets:
        return []
    rows = [_row(held, record, names) for held in budgets.values()]
    left = [header for header in rows[0] if header != "cases"]
    table = fitted(rows, width, left=left, yielding=_YIELDING, names="closest", wrapping="budget")
    legend = wrapped(" ".join(_legend(table.headers, terms)), width)
    return [*table.lines, *([""] if legend else []), *legend]


def _legend(headers: Sequence[str], terms: GateTerms) -> list[str]:
    """Explain the columns that are shown; a sentence each."""
    sentences = []
    if "closest" in headers:
        sentences.append("The closest case is, of those held to a budget, the one nearest to failing it.")
    if "confidence" in headers:
        sentences.append(confidence_legend(terms))
    if _MIN_DETECTABLE in headers:
        sentences.append("Min. detectable is the smallest excess over the limit that 4 of 5 such runs would find.")
    return sentences


def _row(held: Sequence[Check], record: RunRecord, names: Mapping[str, str]) -> dict[str, str]:
    closest = min(held, key=_distance)
    name, of_slice = check_name(closest, names, record), ""
    figure_name = closest.figure_name
    if len({check.slice for check in held}) > 1:
        figure_name, of_slice = f"{closest.metric}[{closest.slice.partition('=')[0]}]", f", {closest.slice}"
    return {
        "budget": budget_text(closest) if closest.is_of_run else f"{figure_name} {closest.budget}",
        "cases": "" if closest.is_of_run else str(len({(check.case_id, check.profile) for check in held})),
        "closest": f"{name}{of_slice}",
        "value": figure(closest, closest.value),
        "interval": interval(closest),
        "limit": figure(closest, closest.limit) if is_judged(closest) else "",
        "verdict": _verdict_cell(closest),
        "confidence": confidence(closest),
        _MIN_DETECTABLE: "" if closest.min_detectable is None else figure(closest, closest.min_detectable),
    }


def _verdict_cell(check: Check) -> Lines:
    text = printable(verdict_text(check)).replace(", ", ",\n")
    return Lines(text, [Span(0, len(text), VERDICT_STYLES[check.verdict])])


def _headed(check: Check, lines: Sequence[str]) -> list[str]:
    """Return lines that begin with the verdict of a check, with its colour."""
    return with_head(lines, WORDS[check.verdict].upper(), VERDICT_STYLES[check.verdict])


def _head(check: Check, record: RunRecord, names: Mapping[str, str]) -> str:
    whose = "" if check.is_of_run and check.verdict == "fail" else f" {check_name(check, names, record)}:"
    return f"{WORDS[check.verdict].upper()}{whose} {check_text(check)}"


def _inconclusive(check: Check, record: RunRecord, terms: GateTerms, names: Mapping[str, str]) -> str:
    """Say of an inconclusive check what it counts as, why it is none of the others, and what would decide it."""
    texts = (f"{check_name(check, names, record)}: {check_text(check)}", deciding_text(check, record, terms))
    return f"INCONCLUSIVE, {counted_as(check)}: {'; '.join(filter(None, texts))}"


def _block(checks: Sequence[Check], record: RunRecord, gate: Gate, names: Mapping[str, str], width: int) -> list[str]:
    """Say why the checks of a case did not pass: the budgets and where they are from, the axes, how to repeat it."""
    lines: list[str] = []

    def add(label: str, parts: Sequence[str]) -> None:
        lines.extend(f"  {label if number == 0 else '':9}  {part}" for number, part in enumerate(parts))

    def add_text(label: str, text: str) -> None:
        add(label, wrapped(text, width - 13))

    failed = checks[0].verdict == "fail"
    for check in checks:
        lines += _headed(check, wrapped(_head(check, record, names), width))
        source = origin(check.source)
        add_text("budget", source if check.rule == "case" else f"{check.budget}, {source}")
        if failed:
            add_text("evidence", uses_text(record.node_use or ()) if check.is_of_run else evidence_text(check))
    for label, text in against(checks, record) if failed else ():
        add_text(label, text)
    if command := repeat_command(checks[0], record, gate):
        add("again", [command])  # it is for copying, so it stays on one line
    return lines


def best_lines(record: RunRecord, width: int, *, alone: bool = False) -> list[str]:
    """Name the best case on each test set within the budgets, and what each budget costs.

    Args:
        record: with its checks.
        width: columns that no line exceeds.
        alone: whether to name the case of a test set that has but one.
    """
    return [
        line
        for text in best_texts(record, alone=alone)
        for lines in [wrapped(text, width)]
        for line in (all_styled(lines, Style.STRONG) if text.startswith(_BEST) else lines)
    ]
