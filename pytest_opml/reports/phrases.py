"""The checks of a run in words: what was found, how sure it is, which axis paid, and how to see it again."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence

from ..analysis.op_score import difference
from ..gate.best_case import select_best
from ..gate.budgets import OPTION, Gate, GateTerms
from ..gate.run_verdicts import expected_false_alarms
from ..metrics import get
from ..records.result import Key, Result
from ..records.run import Check, RunRecord, Verdict
from .cases import short_names

WORST_FIRST: tuple[Verdict, ...] = ("fail", "unjudged", "inconclusive", "pass")
WORDS: dict[Verdict, str] = {"fail": "broken", "unjudged": "not judged", "inconclusive": "undecided", "pass": "hold"}


def shown(check: Check, value: float | None) -> str:
    """A value in the unit of the metric that a check is on."""
    metric = get(check.metric)  # a stored check may be of one that is not installed here
    if metric is None:
        return "n/a" if value is None else f"{value:.4g}"
    return metric.format(value)


def said(check: Check) -> str:
    """What a check found, its case apart."""
    if check.rule == "case":
        return check.reason
    if check.verdict == "unjudged":
        return f"{check.metric}: not judged ({check.budget}): {check.reason}"
    value, limit = shown_apart(check)
    if check.verdict == "inconclusive":
        why = check.reason or f"{limit} lies within {interval(check)}"
        return f"{check.metric} {value} ({check.budget}{_from(check)}): {why}"
    side = "below" if (check.value or 0.0) < check.limit else "above"
    return f"{check.metric} {value} is {side} {limit} ({check.budget}{_from(check)})"


def shown_apart(check: Check) -> tuple[str, str]:
    """Value and limit; with more digits where one breaks the other and the usual ones show them as the same."""
    value, limit = shown(check, check.value), shown(check, check.limit)
    if value == limit and check.verdict == "fail":
        return f"{check.value:.10g}", f"{check.limit:.10g}"
    return value, limit


def interval(check: Check) -> str:
    """Of the value, at the gate's confidence; empty without one."""
    return "" if check.low is None else f"{shown(check, check.low)} to {shown(check, check.high)}"


def _from(check: Check) -> str:
    return "" if check.reference_value is None else f" from {shown(check, check.reference_value)}"


def confidence(check: Check) -> str:
    """How sure the verdict is."""
    if check.verdict == "unjudged":
        return ""
    return "exact" if check.confidence is None else percent(check.confidence)


def percent(share: float) -> str:
    """Digits enough to tell it from certainty, four nines at most."""
    return "> 99.99 %" if share > 0.9999 else f"{100 * share:.{3 if share < 0.999 else 4}g} %"


def origin(source: str) -> str:
    """Where a budget was written."""
    return f"{source} in pyproject.toml" if source.startswith("tool.opml") else source


def closeness(check: Check) -> str:
    """What the verdict on a broken budget rests on."""
    if check.low is None or check.high is None or check.confidence is None:
        metric = get(check.metric)
        return "measured once: no interval, judged as it is" if metric and metric.machine else "exact"
    return f"interval {shown(check, check.low)} to {shown(check, check.high)}, {percent(check.confidence)} sure"


def against(checks: Sequence[Check], record: RunRecord) -> list[tuple[str, str]]:
    """What the case is compared with, and which axis the difference to it comes from."""
    results = {result.key: result for result in record.results}
    result = next(result for result in record.results if checks[0].is_of(result))
    facts = []
    reference = results.get(Key(result.case.reference.id, result.device.profile))
    if reference is not None and reference is not result:
        facts += [("reference", reference.case.id), ("OpScore", _axes(result, reference))]
    for check in checks:
        baseline = next((found.result for found in record.baselines if found.result.key == result.key), None)
        if check.rule == "max_regression" and baseline:
            facts.append(("baseline", check.reference or ""))
            if result.data_digest == baseline.data_digest:
                facts.append(("OpScore", _axes(result, baseline)))
            break
    return facts


def _axes(result: Result, other: Result) -> str:
    parts = difference(result.op_score, other.op_score)
    # Adding zero after rounding turns -0.000 into +0.000.
    total, *each = (f"{round(part, 3) + 0.0:+.3f}" for part in (parts.total, *parts))
    axes = ", ".join(f"{axis} {part}" for axis, part in zip(parts._fields, each, strict=True))
    return f"{total} against it: {axes}"


def repeat_command(check: Check, record: RunRecord, gate: Gate) -> str:
    """The command that repeats just this case."""
    test = record.collected.get(check.case_id)
    if not test:
        return ""
    options = [budget.source.removeprefix(f"{OPTION} ") for budget in gate.given]
    kind = check.profile or record.device.profile
    profile = [f"--opml-gpu={kind}"] if kind != "cpu" else []
    return shlex.join(["pytest", test, *profile, *(f"{OPTION}={option}" for option in options)])


def counted(checks: Sequence[Check], terms: GateTerms) -> str:
    """How many checks came out how, and what chance may have done."""
    counts = Counter(check.verdict for check in checks)
    summary = ", ".join(
        f"{counts[verdict]} {WORDS[verdict]}" for verdict in ("pass", "fail", "inconclusive", "unjudged")
    )
    return summary + _by_chance(checks, terms)


def _by_chance(checks: Sequence[Check], terms: GateTerms) -> str:
    chancy = sum(check.confidence is not None for check in checks)
    if not chancy:
        return ""
    family = " together (Holm)" if terms.multiple == "holm" else ""
    expected = expected_false_alarms(checks, terms)
    return f"; of {chancy} that chance can touch{family}, at most {expected:.2g} would be called broken by it alone"


def best_texts(record: RunRecord) -> list[str]:
    """The best case on each test set within the budgets, and what each budget costs; a sentence each.

    Args:
        record: with its checks.
    """
    names, texts = short_names(record), []
    for choice in select_best(record, record.checks):
        if len(choice.results) < 2:
            continue

        def named(result: Result) -> str:
            return f"{names[result.case.id]} (OpScore {result.op_score.value:.3f})"

        best = choice.best
        first = choice.results[0]
        title = f"Best of {len(choice.results)} on {first.case.dataset}"
        if len(record.devices) > 1:
            title += f", measured on {first.device.profile}"
        if record.checks:
            title += f" within the budgets, which {len(choice.allowed)} keep"
        texts.append(f"{title}: {named(best) if best else 'none'}")
        texts.append(f"Pareto front: {', '.join(names[name] for name in choice.pareto)}")
        for budget, other in choice.lifted:
            better = other is not None and (best is None or other.op_score.value < best.op_score.value)
            gain = "no better case" if not better or other is None else named(other)
            texts.append(f"without {budget}: {gain}")
    return texts
