"""What became of the budgets, in the terminal: a table of them, and for each that does not hold, why and what to do."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from ..domain.budgets import OPTION, Gate, Terms
from ..domain.choosing import choose
from ..domain.metrics import get
from ..domain.records import Check, Result, RunRecord
from ..domain.score import difference
from ..domain.settling import expected_false_alarms
from .terminal import short_names, shortened, wrapped

_WORST_FIRST = ("fail", "unjudged", "inconclusive", "pass")
_WORDS = {"fail": "broken", "unjudged": "not judged", "inconclusive": "undecided", "pass": "hold"}
_HEADS = {"fail": "BROKEN", "unjudged": "NOT JUDGED", "inconclusive": "UNDECIDED"}


def breach_line(check: Check) -> str:
    """One line for a budget that does not hold: case, metric, value, limit."""
    return f"{check.case_id}: {_said(check)}"


def _shown(check: Check, value: float | None) -> str:
    metric = get(check.metric)  # a stored check may be of one that is not installed here
    if metric is None:
        return "n/a" if value is None else f"{value:.4g}"
    return metric.format(value)


def _said(check: Check) -> str:
    """What a check found, its case apart."""
    if check.rule == "case":
        return check.reason
    if check.verdict == "unjudged":
        return f"{check.metric}: not judged ({check.budget}): {check.reason}"
    value, limit = _shown(check, check.value), _shown(check, check.limit)
    if check.verdict == "inconclusive":
        why = check.reason or f"{limit} lies within {_shown(check, check.low)} to {_shown(check, check.high)}"
        return f"{check.metric} {value} ({check.budget}{_from(check)}): {why}"
    if value == limit:  # apart by less than the usual digits show
        value, limit = f"{check.value:.10g}", f"{check.limit:.10g}"
    side = "below" if (check.value or 0.0) < check.limit else "above"
    return f"{check.metric} {value} is {side} {limit} ({check.budget}{_from(check)})"


def _from(check: Check) -> str:
    return "" if check.reference_value is None else f" from {_shown(check, check.reference_value)}"


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
    counts = Counter(check.verdict for check in record.checks)
    summary = ", ".join(
        f"{counts[verdict]} {_WORDS[verdict]}" for verdict in ("pass", "fail", "inconclusive", "unjudged")
    )
    lines = [*_table(record.checks, names, gate.terms, width), ""]
    for verdict in ("fail", "unjudged"):
        by_case: dict[str, list[Check]] = {}
        for check in record.checks:
            if check.verdict == verdict:
                by_case.setdefault(check.case_id, []).append(check)
        for found in by_case.values():
            lines += [*_block(found, record, gate, names, width), ""]
    for check in record.checks:
        if check.verdict == "inconclusive":
            lines += wrapped(_head(check, names), width)
    if lines[-1]:
        lines.append("")
    return [*lines, *wrapped(f"budgets: {summary}{_by_chance(record.checks, gate.terms)}", width)]


def _by_chance(checks: Sequence[Check], terms: Terms) -> str:
    chancy = sum(check.sure is not None for check in checks)
    if not chancy:
        return ""
    family = " together (Holm)" if terms.multiple == "holm" else ""
    expected = expected_false_alarms(checks, terms)
    return f"; of {chancy} that chance can touch{family}, at most {expected:.2g} would be called broken by it alone"


def _distance(check: Check) -> tuple[int, float, float]:
    """How far a check is from holding clearly: the smallest first."""
    margin = abs((check.value or 0.0) - check.limit) / (abs(check.limit) or 1.0)
    return _WORST_FIRST.index(check.verdict), check.sure or 1.0, margin


# What gives way until the table fits, the first one first; how sure a verdict is, and what could have been seen, stay.
_SHORTEST_NAME = 12
_YIELDING = ("interval", "cases", "limit", "value")


def _table(checks: Sequence[Check], names: Mapping[str, str], terms: Terms, width: int) -> list[str]:
    """A line for each budget: how many cases are held to it, and the one that comes closest to breaking it."""
    budgets: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        if check.rule != "case":
            budgets.setdefault((check.metric, check.budget), []).append(check)
    if not budgets:
        return []
    rows = [_row(found, names) for found in budgets.values()]
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
    if any(check.sure is not None for check in checks):
        legend += "; sure: the confidence at which its interval just leaves the limit out"
        legend += f" (asked: {_percent(1 - terms.error / 2)} on that side)"
        legend += "; would see: the smallest excess that this run finds in 4 of 5 cases"
    return [*lines, "", *wrapped(legend + ".", width)]


def _row(held: Sequence[Check], names: Mapping[str, str]) -> dict[str, str]:
    closest = min(held, key=_distance)
    has_interval, judged = closest.low is not None, closest.verdict != "unjudged"
    return {
        "budget": f"{closest.metric} {closest.budget}",
        "cases": str(len(held)),
        "closest": names.get(closest.case_id, closest.case_id),
        "value": _shown(closest, closest.value),
        "interval": f"{_shown(closest, closest.low)} to {_shown(closest, closest.high)}" if has_interval else "",
        "limit": _shown(closest, closest.limit) if judged else "",
        "verdict": _WORDS[closest.verdict].replace("hold", "holds"),
        "sure": _sure(closest),
        "would\nsee": "" if closest.detectable is None else _shown(closest, closest.detectable),
    }


def _rendered(rows: Sequence[Mapping[str, str]], hidden: Collection[str], width: int | None = None) -> list[str]:
    """The table; ``width``: at which the budgets are wrapped."""
    from tabulate import tabulate

    shown = [header for header in rows[0] if header not in hidden and any(row[header] for row in rows)]
    cells = [[row[header] for header in shown] for row in rows]
    aligned = ["right" if header == "cases" else "left" for header in shown]
    text = tabulate(cells, headers=shown, disable_numparse=True, colalign=aligned)
    if width is not None and (excess := max(map(len, text.splitlines())) - width) > 0:
        room = max(1, max(len(row["budget"]) for row in rows) - excess)
        widths = [room, *[None] * (len(shown) - 1)]
        text = tabulate(cells, headers=shown, disable_numparse=True, colalign=aligned, maxcolwidths=widths)
    return [line.rstrip() for line in text.splitlines()]


def _sure(check: Check) -> str:
    if check.verdict == "unjudged":
        return ""
    return "exact" if check.sure is None else _percent(check.sure)


def _percent(share: float) -> str:
    """Digits enough to tell it from certainty, four nines at most."""
    return "> 99.99 %" if share > 0.9999 else f"{100 * share:.{3 if share < 0.999 else 4}g} %"


def _head(check: Check, names: Mapping[str, str]) -> str:
    return f"{_HEADS[check.verdict]} {names.get(check.case_id, check.case_id)}: {_said(check)}"


def _block(checks: Sequence[Check], record: RunRecord, gate: Gate, names: Mapping[str, str], width: int) -> list[str]:
    """Why the checks of a case do not hold: budgets and where they are from, the axes, and how to see it again."""
    lines: list[str] = []

    def add(label: str, text: str) -> None:
        # a command is for copying, so it stays on one line
        body = [text] if label == "again" else wrapped(text, width - 13)
        lines.extend(f"  {label if number == 0 else '':9}  {part}" for number, part in enumerate(body))

    for check in checks:
        lines += wrapped(_head(check, names), width)
        add("budget", f"{check.budget}, {_origin(check.source)}" if check.rule != "case" else _origin(check.source))
        if check.verdict == "fail":
            add("evidence", _certainty(check))
    for label, text in _against(checks, record) if checks[0].verdict == "fail" else ():
        add(label, text)
    if command := _again(checks[0], record, gate):
        add("again", command)
    return lines


def _origin(source: str) -> str:
    return f"{source} in pyproject.toml" if source.startswith("tool.opml") else source


def _certainty(check: Check) -> str:
    if check.low is None or check.high is None or check.sure is None:
        metric = get(check.metric)
        return "measured once: no interval, judged as it is" if metric and metric.machine else "exact"
    return f"interval {_shown(check, check.low)} to {_shown(check, check.high)}, {_percent(check.sure)} sure"


def _against(checks: Sequence[Check], record: RunRecord) -> list[tuple[str, str]]:
    """What the case is compared with, and which axis the difference to it comes from."""
    results = {result.case.id: result for result in record.results}
    result = results[checks[0].case_id]
    facts = []
    reference = results.get(result.case.reference.id)
    if reference is not None and reference is not result:
        facts += [("reference", reference.case.id), ("OpScore", _axes(result, reference))]
    for check in checks:
        baseline = next((found.result for found in record.baselines if found.result.case == result.case), None)
        if check.rule == "max_regression" and baseline:
            facts += [("baseline", check.reference or ""), ("OpScore", _axes(result, baseline))]
            break
    return facts


def _axes(result: Result, other: Result) -> str:
    parts = difference(result.op_score, other.op_score)
    # Adding zero after rounding turns -0.000 into +0.000.
    total, *each = (f"{round(part, 3) + 0.0:+.3f}" for part in (parts.total, *parts))
    axes = ", ".join(f"{axis} {part}" for axis, part in zip(parts._fields, each, strict=True))
    return f"{total} against it: {axes}"


def _again(check: Check, record: RunRecord, gate: Gate) -> str:
    """The command that repeats just this case."""
    test = record.planned.get(check.case_id)
    if not test:
        return ""
    options = [budget.source.removeprefix(f"{OPTION} ") for budget in gate.given]
    profile = [f"--opml-gpu={record.device.profile}"] if record.device.profile != "cpu" else []
    return shlex.join(["pytest", test, *profile, *(f"{OPTION}={option}" for option in options)])


def best_lines(record: RunRecord, width: int) -> list[str]:
    """The best case on each test set within the budgets, and what each budget costs.

    Args:
        record: with its checks.
        width: columns that no line exceeds.
    """
    names, lines = short_names(record), []
    for choice in choose(record, record.checks):
        if len(choice.results) < 2:
            continue

        def named(result: Result) -> str:
            return f"{names[result.case.id]} (OpScore {result.op_score.value:.3f})"

        best = choice.best
        title = f"Best of {len(choice.results)} on {choice.results[0].case.dataset}"
        if record.checks:
            title += f" within the budgets, which {len(choice.allowed)} keep"
        lines += wrapped(f"{title}: {named(best) if best else 'none'}", width)
        front = ", ".join(names[name] for name in choice.pareto)
        lines += wrapped(f"  Pareto front: {front}", width)
        for budget, other in choice.lifted:
            better = other is not None and (best is None or other.op_score.value < best.op_score.value)
            gain = "no better case" if not better or other is None else named(other)
            lines += wrapped(f"  without {budget}: {gain}", width)
    return lines
