"""The checks of a run in words: what they found, with which confidence, which axis paid, and how to see it again."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress

from ..analysis import figures
from ..gate.best_case import Selection, select_best
from ..gate.budgets import OPTION, Gate, GateTerms
from ..gate.needed_evidence import needed_evidence
from ..gate.run_cost import money
from ..gate.run_verdicts import expected_false_alarms
from ..metrics import get
from ..records.result import Key, Result, SideBySide
from ..records.run import Check, RunRecord, Verdict
from ..stats.evidence import UNBOUNDED
from .cases import short_names
from .formatting import amount, signed_sum

WORDS: dict[Verdict, str] = {
    "pass": "pass",
    "fail": "fail",
    "inconclusive": "inconclusive",
    "not_judged": "not judged",
}
# Behind a number: 3 passed.
COUNT_WORDS: dict[Verdict, str] = WORDS | {"pass": "passed", "fail": "failed"}


# A test whose name begins with it is a command of ours, and no test of pytest's.
COMMAND = "opml measure"
INTERRUPTED = "The run was interrupted: it was stopped before its end, and cases are missing"


def verdict_text(check: Check) -> str:
    """Return the verdict, of an inconclusive one with what it counts as: ``inconclusive, counted as pass``."""
    return ", ".join(filter(None, (WORDS[check.verdict], "waived" if check.waived else "", counted_as(check))))


def counted_as(check: Check) -> str:
    """Say what an inconclusive check counts as; empty for a verdict that speaks for itself."""
    return "" if check.verdict != "inconclusive" else "counted as fail" if check.blocking else "counted as pass"


def deciding_text(check: Check, record: RunRecord, terms: GateTerms) -> str:
    """Say what would decide an inconclusive check; empty for another, and where nothing can be said."""
    result = record.find_result(check.case_id, check.profile)
    if result is None:
        return ""
    family = sum(one.confidence is not None for one in record.checks) if terms.multiple == "holm" else 1
    needed = needed_evidence(check, result, terms, family=family)
    return f"{needed} would decide it" if needed else ""


def is_judged(check: Check) -> bool:
    """Tell whether a check has a verdict: pass, fail or inconclusive."""
    return check.verdict != "not_judged"


def figure(check: Check, value: float | None) -> str:
    """Return a value in the unit of the metric that a check is on."""
    if check.is_of_run:
        return "n/a" if value is None else money(value)
    metric = get(check.metric)  # a stored check may be of one that is not installed here
    if metric is None:
        return "n/a" if value is None else f"{value:.4g}"
    return metric.format(value)


def check_text(check: Check) -> str:
    """Say what a check found, without its case."""
    if check.rule == "case" or (check.is_of_run and check.verdict == "fail"):
        return check.reason
    if not is_judged(check):
        return f"{check.figure_name}: {WORDS[check.verdict]} ({check.budget}): {check.reason}"
    value, limit = distinct_figures(check)
    side = "below" if (check.value or 0.0) < check.limit else "above"
    if check.busy:
        return f"{check.figure_name} {value} is {side} {limit} ({check.budget}{_from(check)}), but {check.reason}"
    if check.verdict == "inconclusive":
        why = check.reason or f"{limit} lies within {interval(check)}"
        return f"{check.figure_name} {value} ({check.budget}{_from(check)}): {why}"
    waived = f"; waived {check.waived}" if check.waived else ""
    return f"{check.figure_name} {value} is {side} {limit} ({check.budget}{_from(check)}){waived}"


def breach_text(check: Check) -> str:
    """Say in few words which figure is beyond which limit: ``size_mb 4.71 MB > 4.5 MB (max = 4.5)``."""
    value, limit = distinct_figures(check)
    sign = "<" if (check.value or 0.0) < check.limit else ">"
    return f"{check.figure_name} {value} {sign} {limit} ({check.budget}{_from(check)})"


def distinct_figures(check: Check) -> tuple[str, str]:
    """Return value and limit; with more digits where one fails the other and the usual ones show them as the same."""
    value, limit = figure(check, check.value), figure(check, check.limit)
    if value == limit and (check.verdict == "fail" or check.busy):
        return f"{check.value:.10g}", f"{check.limit:.10g}"
    return value, limit


def budget_text(check: Check) -> str:
    """Return the budget of a check with the figure that it is on: ``size_mb max = 4.5``."""
    return check.budget if check.is_of_run or check.rule == "case" else f"{check.figure_name} {check.budget}"


def interval(check: Check) -> str:
    """Return the interval of the value at the gate's confidence; empty where the check has none."""
    if check.low is None or check.high is None:
        return ""
    low, high = figure(check, check.low), figure(check, check.high)
    least, most = ((check.value or 0.0) * factor for factor in (1 / UNBOUNDED, UNBOUNDED))
    if most and check.high > most:
        return f"{low} or more" if check.low > least else "any value at all"
    return f"{high} or less" if check.low < least else f"{low} to {high}"


def _from(check: Check) -> str:
    return "" if check.reference_value is None else f" from {figure(check, check.reference_value)}"


def fails_below(check: Check) -> bool:
    """Whether too low a value fails the budget of a check."""
    metric = get(check.metric)
    return check.rule in ("min", "max_drop") or (
        check.rule == "max_regression" and metric is not None and metric.better == "higher"
    )


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
    result = record.find_result(checks[0].case_id, checks[0].profile)
    if result is None:  # in a record of others, whose checks are on cases that it does not have
        return []
    facts = []
    reference = record.find_result(result.case.reference.id, result.device.profile)
    if reference is not None and reference is not result:
        times = figures.times_beside(result, reference)
        facts += [("reference", reference.case.id), ("OpScore", _axes(result, reference, times))]
    baseline = next((earlier for earlier in record.baselines if earlier.result.key == result.key), None)
    regressed = next((check for check in checks if check.rule == "max_regression"), None)
    if regressed is not None and baseline is not None:
        facts.append(("baseline", regressed.reference or ""))
        if result.data_digest == baseline.result.data_digest:
            times = result.vs_baseline if baseline.remeasured else None
            facts.append(("OpScore", _axes(result, baseline.result, times)))
    return facts


def _axes(result: Result, reference: Result, times: SideBySide | None) -> str:
    axes = figures.score_axes(result, reference, times)
    total, parts = signed_sum(axes, 3)
    by_axis = ", ".join(f"{axis} {part}" for axis, part in zip(axes._fields, parts, strict=True))
    return f"{total} against it: {by_axis}"


def repeat_command(check: Check, record: RunRecord, gate: Gate) -> str:
    """Return the command that repeats just the case of a check; empty where its test is not known."""
    test = record.collected.get(check.case_id)
    if not test:
        return ""
    if test.startswith("-"):  # in a record of others, which would be an option
        test = f"./{test}"
    options = [budget.source.removeprefix(f"{OPTION} ") for budget in gate.given]
    kind = check.profile or record.device.profile
    given = [("gpu", kind)] if kind != "cpu" else []
    given += [("gate", option) for option in options]
    if test.startswith(f"{COMMAND} "):
        with suppress(ValueError):
            return shlex.join([*shlex.split(test), *(f"--{name}={value}" for name, value in given)])
        return ""
    return shlex.join(["pytest", test, *(f"--opml-{name}={value}" for name, value in given)])


def counted(record: RunRecord, terms: GateTerms) -> str:
    """Say how many checks came out how, and how many of the failed ones chance alone may have made."""
    checks = record.checks
    parts = [text for verdict in COUNT_WORDS for text in count_texts(checks, verdict)]
    if record.failures:
        parts.append(f"{amount(len(record.failures), 'case')} without a result")
    summary = ", ".join(parts)
    if waived := sum(bool(check.waived) for check in checks):
        summary += f"; {waived} of the failed waived"
    statistical = sum(check.confidence is not None for check in checks)
    if not statistical:
        return summary
    family = " in one family (Holm)" if terms.multiple == "holm" else ""
    expected = f"{expected_false_alarms(checks, terms):.2g}"
    alarms = f"at most {expected} false alarm{'' if expected == '1' else 's'} expected"
    return f"{summary} ({amount(statistical, 'statistical check')}{family}; {alarms})"


def count_texts(checks: Sequence[Check], verdict: Verdict) -> list[str]:
    """Say how many checks came out so; the inconclusive ones by what they count as."""
    kinds = Counter(counted_as(check) for check in checks if check.verdict == verdict)
    word = COUNT_WORDS[verdict]
    return [f"{count} {word}{f' ({kind})' if kind else ''}" for kind, count in sorted(kinds.items())] or [f"0 {word}"]


def best_texts(record: RunRecord, *, alone: bool = False, selections: Sequence[Selection] | None = None) -> list[str]:
    """Name the best case on each test set within the budgets, and what each budget costs; a sentence each.

    Args:
        record: with its checks.
        alone: whether to name the case of a test set that has but one.
        selections: of ``select_best``, where they are there already.
    """
    names, texts = short_names(record), []
    doubtful = doubtful_cases(record)

    def named(result: Result) -> str:
        remark = "; inconclusive, counted as pass" if result.key in doubtful else ""
        return f"{names[result.case.id]} (OpScore {result.op_score.value:.3f}{remark})"

    for selection in select_best(record, record.checks) if selections is None else selections:
        if len(selection.results) < 2 and not alone:
            continue
        best = selection.best
        texts.append(f"{_best_title(selection, record, doubtful)}{f': {named(best)}' if best else ''}")
        texts.append(f"Pareto front: {', '.join(names[name] for name in selection.pareto)}")
        for budget, candidate in selection.without:
            is_better = candidate is not None and (best is None or candidate.op_score.value < best.op_score.value)
            texts.append(f"without {budget}: {named(candidate) if candidate and is_better else 'no better case'}")
    return texts


def doubtful_cases(record: RunRecord) -> set[Key]:
    """Return the cases that have a check which is inconclusive and counts as pass."""
    checks = [check for check in record.checks if check.verdict == "inconclusive" and not check.blocking]
    results = (record.find_result(check.case_id, check.profile) for check in checks)
    return {result.key for result in results if result}


def _best_title(selection: Selection, record: RunRecord, doubtful: Collection[Key]) -> str:
    """Say of how many cases the best is, and how many pass the budgets; of those, how many as inconclusive."""
    first = selection.results[0]
    where = f"{len(selection.results):,} on {first.case.dataset}"
    if len(record.devices) > 1:
        where += f", measured on {first.device.profile}"
    title, passing = f"Best of {where}", len(selection.allowed)
    if not record.checks:
        return title
    if not passing:
        return f"None of {where} passes all budgets"
    title += f" within the budgets, which {passing} {'passes' if passing == 1 else 'pass'}"
    unclear = sum(result.key in doubtful for result in selection.allowed)
    if not unclear:
        return title
    return f"{title} ({'' if unclear == passing else f'{unclear} of them '}inconclusive, counted as pass)"
