"""A run as a page: its verdict in words, its tables, and what its pictures show."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from ...analysis.op_score import difference
from ...gate.best_case import select_best
from ...gate.budgets import Gate
from ...records.result import Key
from ...records.run import Baseline, Check, RunRecord, Verdict
from ..cases import Group, Row, groups_of, named, ranked_rows, short_names
from ..charts.layout import Point, Shift
from ..comparison_rows import comparison_row, comparisons, explanations, without_baseline
from ..formatting import amount, moment
from ..phrases import (
    WORDS,
    WORST_FIRST,
    against,
    best_texts,
    confidence,
    counted,
    interval,
    origin,
    percent,
    repeat_command,
    shown_apart,
)
from ..ranking_columns import DIFFERENCE, WIDE_ONLY, Column, columns_of, device_text, failure_text, heading, legend
from .model import Compared, Explained, Fact, Involved, Kind, Mark, NoResult, Page, State, Table, TestSet, cleaned

_COMMIT = 10
_NAMED = 5  # cases in a list of the headline
# What can be written into a link of any format as it is.
_LINK = re.compile(r"https?://[A-Za-z0-9.:-]+(?:/[A-Za-z0-9/._~%+-]*)?")


def page_of(record: RunRecord, gate: Gate, baselines: Sequence[Baseline] | None = None, wanted: str = "") -> Page:
    """A run as a page.

    Args:
        record: with its checks.
        gate: that they were judged by.
        baselines: to compare with; None for those that the run was compared with.
        wanted: what was asked for as baseline, where ``baselines`` are given.
    """
    groups = groups_of(record)
    names = short_names(record)
    chosen = {choice.best.key for choice in select_best(record, record.checks) if choice.best and record.checks}
    state, headline = _verdict(record)
    not_holding = [check for verdict in WORST_FIRST[:3] for check in record.checks if check.verdict == verdict]
    holding = [check for check in record.checks if check.verdict == "pass"]
    chancy = any(check.confidence is not None for check in record.checks)
    found = Page(
        title=f"run {record.run_id[:12]} of {moment(record.started)} UTC",
        state=state,
        headline=headline,
        involved=tuple(_involved(record, names)),
        facts=tuple(_facts(record)),
        test_sets=tuple(_test_set(group, chosen) for group in groups),
        legend=legend(groups, record) if record.results else "",
        best=tuple(best_texts(record)),
        failing=_budgets("Budgets that do not hold", not_holding, record, names) if not_holding else None,
        explained=tuple(_explained(record, gate, names)),
        holding=_budgets("Budgets that hold", holding, record, names) if holding else None,
        counts=counted(record.checks, gate.terms) if record.checks else "",
        asked=f"sure: {percent(1 - gate.terms.error / 2)} are asked for, on the side of the limit" if chancy else "",
        compared=_compared(record, baselines, wanted, names),
    )
    return cleaned(found)


# --- the verdict


def _verdict(record: RunRecord) -> tuple[State, str]:
    counts = Counter(check.verdict for check in record.checks)
    total, broken = len(record.checks), counts["fail"]
    failed = f"{amount(len(record.failures), 'case')} without a result" if record.failures else ""
    if broken:
        return "broken", f"{broken} of {amount(total, 'budget')} {'is' if broken == 1 else 'are'} broken"
    is_open = bool(failed) or any(check.blocking for check in record.checks)
    if not record.results:
        imported = f"; the run holds {amount(len(record.timings), 'imported benchmark')}" if record.timings else ""
        return "open", f"Nothing was measured{f': {failed}' if failed else imported}"
    if not record.checks:
        return "open" if failed else "none", f"No budget is set{f'; {failed}' if failed else ''}"
    if counts["pass"] == total:
        held = f"All {total} budgets hold" if total > 1 else "The one budget holds"
        return "open" if failed else "holds", f"{held}{f'; {failed}' if failed else ''}"
    rest = [f"{counts[verdict]} {WORDS[verdict]}" for verdict in ("inconclusive", "unjudged") if counts[verdict]]
    said = ", ".join([f"{counts['pass']} of {amount(total, 'budget')} hold", *rest, *filter(None, [failed])])
    return "open" if is_open else "holds", f"No budget is broken: {said}"


def _involved(record: RunRecord, names: Mapping[str, str]) -> list[Involved]:
    by_what: dict[str, list[str]] = {}
    for verdict in WORST_FIRST[:3]:
        cases = dict.fromkeys(named(check, names, record) for check in record.checks if check.verdict == verdict)
        by_what[WORDS[verdict]] = list(cases)
    by_what["no result"] = [names[failure.case.id] for failure in record.failures]
    return [
        Involved(what, tuple(cases[:_NAMED]), max(0, len(cases) - _NAMED)) for what, cases in by_what.items() if cases
    ]


def _facts(record: RunRecord) -> list[Fact]:
    facts = [Fact("device", device_text(device)) for device in record.devices]
    if commit := record.commit:
        changed = ", with changes that are not in it" if commit.dirty else ""
        facts.append(Fact("commit", f"{commit.commit[:_COMMIT]}{changed}"))
        if commit.branch:
            facts.append(Fact("branch", commit.branch))
        if job := commit.ci:
            request = f", request {job.pull_request}" if job.pull_request else ""
            target = f" into {job.target}" if job.target else ""
            link = job.url if job.url and _LINK.fullmatch(job.url) else ""
            facts.append(Fact("CI job", f"{job.service}{request}{target}", link))
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    facts.append(Fact("date", f"{moment(record.started)} UTC, took {record.seconds:,.0f} s"))
    facts.append(Fact("run", record.run_id))
    return [*facts, Fact("versions", versions)] if versions else facts


# --- the cases


def _test_set(group: Group, chosen: set[Key]) -> TestSet:
    failures = tuple(NoResult(group.names[each.case.id], failure_text(each)) for each in group.failures)
    if not group.results:
        return TestSet(group.title, None, (), failures, (), ())
    rows, notes = ranked_rows(group)
    columns = columns_of(rows, [header for header in WIDE_ONLY if header != DIFFERENCE])
    kinds: dict[str, Kind] = {"case": "name"}
    table = Table(
        title="Ranking by OpScore",
        headers=tuple(_header(column.header) for column in columns),
        kinds=tuple(kinds.get(column.header, "number") for column in columns),
        rows=tuple(tuple(_cell(column, row) for column in columns) for row in rows),
        marks=tuple(_mark(row, chosen) for row in rows),
    )
    measured = [row for row in rows if row.result]
    return TestSet(
        title=heading(group),
        table=table,
        notes=tuple(f"{mark} {note}" for note, mark in notes.items()),
        failures=failures,
        points=tuple(_point(row, group) for row in measured if min(row.entry.seconds, row.entry.megabytes) > 0),
        shifts=tuple(
            Shift(group.names[row.entry.name], *difference(row.result.op_score, row.reference.op_score))
            for row in measured
            if row.result and row.reference and row.result is not row.reference
        ),
    )


def _cell(column: Column, row: Row) -> str:
    """Without the dash that stands in the terminal for the half width of a fictitious model."""
    return column.cell(row).removesuffix(" -").rstrip()


def _header(text: str) -> str:
    name, _, unit = text.partition("\n")
    return f"{name}, {unit}" if unit in ("s", "MB") else f"{name} {unit}".strip()


def _mark(row: Row, chosen: set[Key]) -> Mark:
    if row.result is None:
        return "bound"
    return "best" if row.result.key in chosen else ""


def _point(row: Row, group: Group) -> Point:
    entry, front = row.entry, row.place.startswith("*")
    name, place = group.names[entry.name], row.place.lstrip("*")
    return Point(name, place, entry.seconds, entry.accuracy, entry.megabytes, front)


# --- the budgets


def _budgets(title: str, checks: Sequence[Check], record: RunRecord, names: Mapping[str, str]) -> Table:
    marks: dict[Verdict, Mark] = {"fail": "broken", "unjudged": "open", "inconclusive": "open", "pass": ""}
    rows = [_budget_row(check, record, names) for check in checks]
    headers = [header for header in rows[0] if any(row[header] for row in rows)]
    kinds: dict[str, Kind] = dict.fromkeys(("case", "budget", "written in"), "name")
    kinds |= dict.fromkeys(("value", "limit", "interval", "confidence"), "number")
    return Table(
        title,
        tuple(headers),
        tuple(kinds.get(header, "text") for header in headers),
        tuple(tuple(row[header] for header in headers) for row in rows),
        tuple(marks[check.verdict] for check in checks),
    )


def _budget_row(check: Check, record: RunRecord, names: Mapping[str, str]) -> dict[str, str]:
    judged = check.verdict != "unjudged"
    value, limit = shown_apart(check) if judged else ("", "")
    return {
        "verdict": "" if check.verdict == "pass" else WORDS[check.verdict],
        "case": named(check, names, record),
        "budget": check.budget if check.rule == "case" else f"{check.metric} {check.budget}",
        "value": value,
        "limit": limit,
        "interval": interval(check) if judged else "",
        "confidence": confidence(check),
        "why": check.reason,
        "written in": origin(check.source),
    }


def _explained(record: RunRecord, gate: Gate, names: Mapping[str, str]) -> list[Explained]:
    """By case: what is broken first."""
    by_case: dict[str, list[Check]] = {}
    for verdict in WORST_FIRST[:2]:
        for check in record.checks:
            if check.verdict == verdict:
                by_case.setdefault(named(check, names, record), []).append(check)
    found = []
    for name, checks in by_case.items():
        broken = [check for check in checks if check.verdict == "fail"]
        facts = tuple(f"{label} {text}" for label, text in against(broken, record)) if broken else ()
        command = repeat_command(checks[0], record, gate)
        if facts or command:
            found.append(Explained(name, facts, command))
    return found


# --- the baseline


def _compared(
    record: RunRecord, baselines: Sequence[Baseline] | None, wanted: str, names: Mapping[str, str]
) -> Compared | None:
    by_case = {each.result.key: each for each in (record.baselines if baselines is None else baselines)}
    found = comparisons(record, by_case)
    name = record.baseline if baselines is None else baselines[0].name if baselines else wanted
    title = f"Against the baseline {name}"
    if not found:
        nothing = f"It has no earlier result of these cases on {record.device.profile} to compare with."
        return None if baselines is None else Compared(title, None, (nothing,))
    missing = without_baseline(record, by_case)
    rows = [comparison_row(each, names) for each in found]
    headers = [header for header in rows[0] if any(row[header] for row in rows)]
    words: dict[str, Mark] = {"worse": "broken", "better": "best"}
    table = Table(
        title,
        tuple(_header(header) or "change" for header in headers),
        tuple("name" if header == "case" else "number" if header else "text" for header in headers),
        tuple(tuple(row[header].strip() for header in headers) for row in rows),
        tuple(words.get(each.op_score.word, "") if each.op_score else "" for each in found),
    )
    return Compared(title, table, tuple(explanations(found, missing, names)))
