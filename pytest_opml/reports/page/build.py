"""From the record of a run to the content of its page: the verdict in words, tables, and what pictures show."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from ...gate.best_case import select_best
from ...gate.budgets import Gate, GateTerms
from ...records.run import WORST_FIRST, Baseline, Check, RunRecord, Verdict
from ..cases import check_name, groups_of, short_names
from ..charts.all_charts import run_charts
from ..comparison_rows import comparison_row, comparisons, explanations, quality_header, without_baseline
from ..formatting import amount, header_line, minute, short_hash
from ..phrases import (
    INTERRUPTED,
    best_texts,
    budget_text,
    confidence,
    confidence_legend,
    count_texts,
    counted,
    deciding_text,
    distinct_figures,
    interval,
    is_judged,
    origin,
    repeat_command,
    verdict_text,
)
from ..ranking_columns import device_text, legend
from ..remedies import remedies
from ..run_cost import cost_text
from ..summary import summary_of
from .model import (
    BaselineSection,
    CaseHistory,
    Fact,
    Kind,
    Mark,
    Page,
    Repeat,
    State,
    Table,
    cleaned,
)
from .test_sets import test_set_of

# What can be written into a link of any format as it is.
_LINK = re.compile(r"https?://[A-Za-z0-9.:-]+(?:/[A-Za-z0-9/._~%+-]*)?")


def page_of(
    record: RunRecord,
    gate: Gate,
    baselines: Sequence[Baseline] | None = None,
    wanted: str = "",
    histories: Sequence[CaseHistory] = (),
) -> Page:
    """Lay out a run as a page.

    Args:
        record: with its checks.
        gate: that they were judged by.
        baselines: to compare with; None for those that the run was compared with.
        wanted: what was asked for as baseline, where ``baselines`` are given.
        histories: of its cases, as ``case_histories`` reads them.
    """
    groups = groups_of(record)
    names = short_names(record)
    selections = select_best(record, record.checks)
    best = {selection.best.key for selection in selections if selection.best} if record.checks else set()
    state, headline = _verdict(record)
    not_passed = [check for verdict in WORST_FIRST[:3] for check in record.checks if check.verdict == verdict]
    passed = [check for check in record.checks if check.verdict == "pass"]
    is_statistical = any(check.confidence is not None for check in record.checks)
    page = Page(
        title=f"run {record.run_id[:12]} of {minute(record.started)} UTC",
        state=state,
        headline=headline,
        summary=summary_of(record, baselines, wanted, selections=selections),
        facts=tuple(_facts(record)),
        test_sets=tuple(test_set_of(group, best) for group in groups),
        legend=legend(groups, record) if record.results else "",
        best=tuple(best_texts(record, selections=selections)),
        not_passed=_budgets("Budgets that did not pass", not_passed, record, names, gate.terms) if not_passed else None,
        repeats=tuple(_repeats(record, gate, names)),
        passed=_budgets("Budgets that passed", passed, record, names, gate.terms) if passed else None,
        counts=counted(record, gate.terms) if record.checks else "",
        budget_legend=confidence_legend(gate.terms) if is_statistical else "",
        baseline=_against_baseline(record, baselines, wanted, names),
        remedies=remedies(record, gate.terms, selections=selections),
        charts=tuple(run_charts(record)),
        histories=tuple(histories),
        disturbances=_disturbances(record, names),
    )
    return cleaned(page)


# --- the verdict


def _verdict(record: RunRecord) -> tuple[State, str]:
    state, text = _verdict_of_checks(record)
    if not record.interrupted:
        return state, text
    return "fail" if state == "fail" else "not_judged", f"{INTERRUPTED}. {text}"


def _verdict_of_checks(record: RunRecord) -> tuple[State, str]:
    counts = Counter(check.verdict for check in record.checks)
    total, failed = len(record.checks), record.failed
    missing = f"{amount(len(record.failures), 'case')} without a result" if record.failures else ""
    if failed:
        return "fail", f"{failed:,} of {amount(total, 'budget')} failed"
    if not record.results:
        imported = f"; the run has {amount(len(record.timings), 'imported benchmark')}" if record.timings else ""
        return "not_judged", f"Nothing was measured{f': {missing}' if missing else imported}"
    if not record.checks:
        return "not_judged" if missing else "none", f"No budget is set{f'; {missing}' if missing else ''}"
    is_passed = not missing and not any(check.blocking for check in record.checks)
    state: State = "pass" if is_passed else "not_judged"
    if counts["pass"] == total:
        passed = f"All {total} budgets passed" if total > 1 else "The one budget passed"
        return state, f"{passed}{f'; {missing}' if missing else ''}"
    others: tuple[Verdict, ...] = ("inconclusive", "not_judged")
    rest = [text for verdict in others if counts[verdict] for text in count_texts(record.checks, verdict)]
    rest += [f"{counts['fail']} failed and waived"] if counts["fail"] else []
    parts = [f"{counts['pass']:,} of {amount(total, 'budget')} passed", *rest, *filter(None, [missing])]
    return state, f"No budget {'stands in the way' if counts['fail'] else 'failed'}: {', '.join(parts)}"


def _facts(record: RunRecord) -> list[Fact]:
    facts = [Fact("device", device_text(device)) for device in record.devices]
    if commit := record.commit:
        changed = ", with changes that are not in it" if commit.dirty else ""
        facts.append(Fact("commit", f"{short_hash(commit.commit)}{changed}"))
        if commit.branch:
            facts.append(Fact("branch", commit.branch))
        if job := commit.ci:
            request = f", request {job.pull_request}" if job.pull_request else ""
            target = f" into {job.target}" if job.target else ""
            link = job.url if job.url and _LINK.fullmatch(job.url) else ""
            facts.append(Fact("CI job", f"{job.service}{request}{target}", link))
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    facts.append(Fact("date", f"{minute(record.started)} UTC, took {record.seconds:,.0f} s"))
    if cost := cost_text(record):
        facts.append(Fact("cost", cost))
    facts.append(Fact("run", record.run_id))
    return [*facts, Fact("versions", versions)] if versions else facts


def _disturbances(record: RunRecord, names: Mapping[str, str]) -> Table | None:
    """Return what disturbed the machine while times were taken, a row for each part of a case."""
    rows = [
        (names[result.case.id], section.replace("_", " "), text)
        for result in record.results
        for section, text in (
            ({"training": result.training.disturbed} if result.training.disturbed else {}) | result.conditions.disturbed
        ).items()
    ]
    if not rows:
        return None
    plain: Mark = ""
    kinds: tuple[Kind, ...] = ("name", "text", "text")
    headers = ("case", "part", "what disturbed it")
    return Table("What disturbed the timing", headers, kinds, tuple(rows), (plain,) * len(rows))


# --- the budgets


def _budgets(
    title: str, checks: Sequence[Check], record: RunRecord, names: Mapping[str, str], terms: GateTerms
) -> Table:
    rows = [_budget_row(check, record, names, terms) for check in checks]
    headers = [header for header in rows[0] if any(row[header] for row in rows)]
    kinds: dict[str, Kind] = dict.fromkeys(("case", "budget", "written in"), "name")
    kinds |= dict.fromkeys(("value", "limit", "interval", "confidence"), "number")
    return Table(
        title,
        tuple(headers),
        tuple(kinds.get(header, "text") for header in headers),
        tuple(tuple(row[header] for header in headers) for row in rows),
        tuple("" if check.verdict == "pass" else check.verdict for check in checks),
    )


def _budget_row(check: Check, record: RunRecord, names: Mapping[str, str], terms: GateTerms) -> dict[str, str]:
    value, limit = distinct_figures(check) if is_judged(check) else ("", "")
    return {
        "verdict": "" if check.verdict == "pass" else verdict_text(check),
        "case": check_name(check, names, record),
        "budget": budget_text(check),
        "value": value,
        "limit": limit,
        "interval": interval(check) if is_judged(check) else "",
        "confidence": confidence(check),
        "why": "; ".join(filter(None, (check.reason, deciding_text(check, record, terms)))),
        "written in": origin(check.source),
    }


def _repeats(record: RunRecord, gate: Gate, names: Mapping[str, str]) -> list[Repeat]:
    """Return how to repeat each case that did not pass; what failed comes first."""
    first: dict[str, Check] = {}
    for verdict in WORST_FIRST[:2]:
        for check in record.checks:
            if check.verdict == verdict:
                first.setdefault(check_name(check, names, record), check)
    commands = {name: repeat_command(check, record, gate) for name, check in first.items()}
    return [Repeat(name, command) for name, command in commands.items() if command]


# --- the baseline


def _against_baseline(
    record: RunRecord, baselines: Sequence[Baseline] | None, wanted: str, names: Mapping[str, str]
) -> BaselineSection | None:
    candidates = record.baselines if baselines is None else baselines
    by_case = {baseline.result.key: baseline for baseline in candidates}
    compared = comparisons(record, by_case)
    name = record.baseline if baselines is None else baselines[0].name if baselines else wanted
    title = f"Against the baseline {name}" if name else "Against the newest accepted run"
    if not compared:
        nothing = f"It has no earlier result of these cases on {record.device.profile} to compare with."
        return None if baselines is None else BaselineSection(title, None, (nothing,))
    missing = without_baseline(record, by_case)
    quality = quality_header(compared)
    rows = [comparison_row(comparison, names, quality) for comparison in compared]
    headers = [header for header in rows[0] if any(row[header] for row in rows)]
    marks: dict[str, Mark] = {"worse": "worse", "better": "better"}
    table = Table(
        title,
        tuple(header_line(header) or "change" for header in headers),
        tuple("name" if header == "case" else "number" if header else "text" for header in headers),
        tuple(tuple(row[header].strip() for header in headers) for row in rows),
        tuple(marks.get(comparison.op_score.word, "") if comparison.op_score else "" for comparison in compared),
    )
    return BaselineSection(title, table, tuple(explanations(compared, missing, names)))
