"""The checks of a run in words: what they found, with which confidence, which axis paid, and how to see it again."""

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
from .formatting import amount, signed

WORDS: dict[Verdict, str] = {
    "pass": "pass",
    "fail": "fail",
    "inconclusive": "inconclusive",
    "not_judged": "not judged",
}
# Behind a number: 3 passed.
COUNT_WORDS: dict[Verdict, str] = WORDS | {"pass": "passed", "fail": "failed"}


INTERRUPTED = "The run was interrupted: it was stopped before its end, and cases are missing"


def is_judged(check: Check) -> bool:
    """Tell whether a check has a verdict: pass, fail or inconclusive."""
    return check.verdict != "not_judged"


def figure(check: Check, value: float | None) -> str:
    """Return a value in the unit of the metric that a check is on."""
    metric = get(check.metric)  # a stored check may be of one that is not installed here
    if metric is None:
        return "n/a" if value is None else f"{value:.4g}"
    return metric.format(value)


def check_text(check: Check) -> str:
    """Say what a check found, without its case."""
    if check.rule == "case":
        return check.reason
    if not is_judged(check):
        return f"{check.metric}: {WORDS[check.verdict]} ({check.budget}): {check.reason}"
    value, limit = distinct_figures(check)
    side = "below" if (check.value or 0.0) < check.limit else "above"
    if check.busy:
        return f"{check.metric} {value} is {side} {limit} ({check.budget}{_from(check)}), but {check.reason}"
    if check.verdict == "inconclusive":
        why = check.reason or f"{limit} lies within {interval(check)}"
        return f"{check.metric} {value} ({check.budget}{_from(check)}): {why}"
    waived = f"; waived {check.waived}" if check.waived else ""
    return f"{check.metric} {value} is {side} {limit} ({check.budget}{_from(check)}){waived}"


def distinct_figures(check: Check) -> tuple[str, str]:
    """Return value and limit; with more digits where one fails the other and the usual ones show them as the same."""
    value, limit = figure(check, check.value), figure(check, check.limit)
    if value == limit and (check.verdict == "fail" or check.busy):
        return f"{check.value:.10g}", f"{check.limit:.10g}"
    return value, limit


def interval(check: Check) -> str:
    """Return the interval of the value at the gate's confidence; empty where the check has none."""
    return "" if check.low is None else f"{figure(check, check.low)} to {figure(check, check.high)}"


def _from(check: Check) -> str:
    return "" if check.reference_value is None else f" from {figure(check, check.reference_value)}"


def confidence(check: Check) -> str:
    """Return the confidence of a verdict, or ``exact``; empty for a check that was not judged."""
    if not is_judged(check):
        return ""
    return "exact" if check.confidence is None else percent(check.confidence)


def confidence_legend(terms: GateTerms) -> str:
    """Explain the confidence of a verdict, and say how much of it the gate asks for."""
    asked = percent(1 - terms.error / 2)
    return f"Confidence is the level at which the interval just leaves the limit out; {asked} is asked for on its side."


def percent(share: float) -> str:
    """Return a share with digits enough to tell it from certainty, four nines at most."""
    return "> 99.99 %" if share > 0.9999 else f"{100 * share:.{3 if share < 0.999 else 4}g} %"


def origin(source: str) -> str:
    """Say where a budget was written."""
    return f"{source} in pyproject.toml" if source.startswith("tool.opml") else source


def evidence_text(check: Check) -> str:
    """Say what a failed check rests on: the reason that it was given, or else its interval."""
    if check.reason:
        return check.reason
    if check.low is None or check.high is None or check.confidence is None:
        metric = get(check.metric)
        return "measured once: no interval, judged as it is" if metric and metric.machine_dependent else "exact"
    return f"interval {interval(check)}, confidence {percent(check.confidence)}"


def against(checks: Sequence[Check], record: RunRecord) -> list[tuple[str, str]]:
    """Say what the case of the checks is compared with, and which axis the difference to it comes from.

    Returns:
        Labels and texts: the reference and the difference to it, then likewise a baseline that a budget names.
    """
    results = {result.key: result for result in record.results}
    result = next(result for result in record.results if checks[0].is_of(result))
    facts = []
    reference = results.get(Key(result.case.reference.id, result.device.profile))
    if reference is not None and reference is not result:
        facts += [("reference", reference.case.id), ("OpScore", _axes(result, reference))]
    baseline = next((earlier.result for earlier in record.baselines if earlier.result.key == result.key), None)
    regressed = next((check for check in checks if check.rule == "max_regression"), None)
    if regressed is not None and baseline is not None:
        facts.append(("baseline", regressed.reference or ""))
        if result.data_digest == baseline.data_digest:
            facts.append(("OpScore", _axes(result, baseline)))
    return facts


def _axes(result: Result, reference: Result) -> str:
    parts = difference(result.op_score, reference.op_score)
    axes = ", ".join(f"{axis} {signed(part, 3)}" for axis, part in zip(parts._fields, parts, strict=True))
    return f"{signed(parts.total, 3)} against it: {axes}"


def repeat_command(check: Check, record: RunRecord, gate: Gate) -> str:
    """Return the command that repeats just the case of a check; empty where its test is not known."""
    test = record.collected.get(check.case_id)
    if not test:
        return ""
    options = [budget.source.removeprefix(f"{OPTION} ") for budget in gate.given]
    kind = check.profile or record.device.profile
    profile = [f"--opml-gpu={kind}"] if kind != "cpu" else []
    return shlex.join(["pytest", test, *profile, *(f"{OPTION}={option}" for option in options)])


def counted(checks: Sequence[Check], terms: GateTerms) -> str:
    """Say how many checks came out how, and how many of the failed ones chance alone may have made."""
    counts = Counter(check.verdict for check in checks)
    summary = ", ".join(f"{counts[verdict]} {word}" for verdict, word in COUNT_WORDS.items())
    if waived := sum(bool(check.waived) for check in checks):
        summary += f"; {waived} of the failed waived"
    statistical = sum(check.confidence is not None for check in checks)
    if not statistical:
        return summary
    family = " in one family (Holm)" if terms.multiple == "holm" else ""
    expected = f"{expected_false_alarms(checks, terms):.2g}"
    alarms = f"at most {expected} false alarm{'' if expected == '1' else 's'} expected"
    return f"{summary} ({amount(statistical, 'statistical check')}{family}; {alarms})"


def best_texts(record: RunRecord) -> list[str]:
    """Name the best case on each test set within the budgets, and what each budget costs; a sentence each.

    Args:
        record: with its checks.
    """
    names, texts = short_names(record), []

    def named(result: Result) -> str:
        return f"{names[result.case.id]} (OpScore {result.op_score.value:.3f})"

    for selection in select_best(record, record.checks):
        if len(selection.results) < 2:
            continue
        best, first = selection.best, selection.results[0]
        title = f"Best of {len(selection.results)} on {first.case.dataset}"
        if len(record.devices) > 1:
            title += f", measured on {first.device.profile}"
        if record.checks:
            title += f" within the budgets, which {len(selection.allowed)} pass"
        texts.append(f"{title}: {named(best) if best else 'none'}")
        texts.append(f"Pareto front: {', '.join(names[name] for name in selection.pareto)}")
        for budget, candidate in selection.without:
            is_better = candidate is not None and (best is None or candidate.op_score.value < best.op_score.value)
            texts.append(f"without {budget}: {named(candidate) if candidate and is_better else 'no better case'}")
    return texts
