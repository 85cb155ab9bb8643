"""What would mend a run, from its record alone: by how much each case misses its budgets, and what to do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from ..analysis import figures
from ..analysis.comparability import differing_in, needs_same_machine
from ..analysis.examples import kind_of
from ..gate.best_case import Selection, select_best
from ..gate.budgets import GateTerms
from ..gate.run_cost import money
from ..metrics import Metric, get
from ..records.result import Key, Result, SideBySide
from ..records.run import WORST_FIRST, Baseline, Check, Failure, FailureKind, RunRecord
from .cases import check_name, short_names
from .formatting import signed, three_digits
from .phrases import check_text, deciding_text, doubtful_cases, fails_below, figure, origin, verdict_text

_USUAL = GateTerms()
_LONGEST_REASON = 300  # characters of a failure's message; the record has the whole
_NAMED = 8  # cases of one remedy
_CLEAR = 10.0  # times the value: an interval that is wider says nothing of what a clear pass takes

_FAILURES: Mapping[FailureKind, str] = {
    "usage": "The input of the case is wrong: correct what the message names.",
    "error": "The message says what went wrong; the log in the record (--opml-json) shows where.",
    "crash": "A fault in a native library is the usual cause: run this case alone, and read the end of its log.",
    "out_of_memory": "Give the case a smaller batch or input size, or more memory (memory_mb in [tool.opml]).",
    "killed": "Something outside ended the process, often the system for lack of memory: read the machine's own log.",
    "timeout": "Raise the limit (timeout in [tool.opml]), or give the case fewer epochs or a smaller input size.",
    "device_busy": "Another run had the device: run again when it is free, or wait longer (wait in [tool.opml]).",
}


@dataclass(frozen=True)
class Remedy:
    """What did not pass in a case, or has no result, and what would mend it; a sentence each.

    Attributes:
        case: its short name in the run; the names of all where several have the same problems.
        verdict: in words: fail, not judged, inconclusive with what it counts as, or no result.
        problems: what is wrong; at least one.
        advice: what would mend it; empty where the record does not tell.
    """

    case: str
    verdict: str
    problems: tuple[str, ...]
    advice: tuple[str, ...]


class _Run(NamedTuple):
    """A run, and what of it is asked for many times."""

    record: RunRecord
    terms: GateTerms
    names: Mapping[str, str]
    results: Mapping[Key, Result]
    baselines: Mapping[Key, Baseline]
    selections: Mapping[Key, Selection]
    allowed: Set[Key]
    doubtful: Set[Key]

    @classmethod
    def of(cls, record: RunRecord, terms: GateTerms, selections: Sequence[Selection]) -> _Run:
        """Return it of a record."""
        return cls(
            record,
            terms,
            short_names(record),
            {result.key: result for result in record.results},
            {baseline.result.key: baseline for baseline in record.baselines},
            {result.key: one for one in selections for result in one.results},
            {result.key for one in selections for result in one.allowed},
            doubtful_cases(record),
        )

    def reference_of(self, result: Result) -> Result | None:
        """Return the result of the case that this one is compared with; None where there is none."""
        return self.results.get(Key(result.case.reference.id, result.device.profile))


def remedies(
    record: RunRecord, terms: GateTerms = _USUAL, *, selections: Sequence[Selection] | None = None
) -> tuple[Remedy, ...]:
    """Return what would mend each case of a run that did not pass.

    Args:
        record: with its checks.
        terms: that they were judged by.
        selections: of ``select_best``, where they are there already.

    Returns:
        First what failed, then the cases without a result, then what was not judged, then what is inconclusive.
    """
    run = _Run.of(record, terms, select_best(record, record.checks) if selections is None else selections)
    by_case: dict[tuple[str, str, str | None], list[Check]] = {}
    for verdict in WORST_FIRST[:3]:
        for check in record.checks:
            if check.verdict == verdict:
                by_case.setdefault((verdict_text(check), check.case_id, check.profile), []).append(check)
    judged = [_of_checks(verdict, checks, run) for (verdict, *_), checks in by_case.items()]
    lost = [_of_failure(failure, run.names) for failure in record.failures]
    first = [remedy for remedy in judged if remedy.verdict.startswith("fail")]
    return _united([*first, *lost, *judged[len(first) :]])


def _united(remedies_of_cases: Sequence[Remedy]) -> tuple[Remedy, ...]:
    """Return one remedy for all cases with the same problems, such as a figure that a device does not tell."""
    cases: dict[Remedy, list[str]] = {}
    for remedy in remedies_of_cases:
        cases.setdefault(replace(remedy, case=""), []).append(remedy.case)
    return tuple(replace(remedy, case=_named(names)) for remedy, names in cases.items())


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _of_failure(failure: Failure, names: Mapping[str, str]) -> Remedy:
    message = failure.message if len(failure.message) <= _LONGEST_REASON else f"{failure.message[:_LONGEST_REASON]}..."
    problem = f"{failure.kind.replace('_', ' ')}: {message}"
    return Remedy(names[failure.case.id], "no result", (problem,), (_FAILURES[failure.kind],))


def _of_checks(verdict: str, checks: Sequence[Check], run: _Run) -> Remedy:
    first = checks[0]
    result = run.results.get(Key(first.case_id, first.profile)) if first.profile else None
    problems = [check_text(check) for check in checks]
    advice: list[str] = []
    for check in checks:
        if check.verdict == "fail":
            advice += filter(None, [needed_change(check, result)])
        elif check.verdict == "not_judged":
            advice += _missing(check, result, run)
        elif text := deciding_text(check, run.record, run.terms):
            advice.append(f"{check.figure_name}, {check.budget}: {text}.")
    if first.verdict == "fail" and result is not None:
        problems += [*_origins(checks), *_paid(checks, result, run)]
        advice += filter(None, [_alternative(result, run)])
    name = check_name(first, run.names, run.record)
    return Remedy(name, verdict, tuple(problems), tuple(dict.fromkeys(advice)))


# --- failed


def needed_change(check: Check, result: Result | None) -> str:
    """Say by how much the figure of a failed check must change; empty where it has no value.

    Args:
        check: that failed.
        result: of its case, for the number of test examples; None where the record has none.
    """
    metric = get(check.metric)
    if check.value is None:
        return ""
    gap = abs(check.value - check.limit)
    if check.is_of_run:
        return f"The run must cost {money(gap)} less: run fewer cases, for a shorter time, or on cheaper machines."
    rises = fails_below(check)
    verb = "rise" if rises else "shrink" if metric and metric.unit == "MB" else "fall"
    text = f"{check.figure_name} must {verb} by at least {_difference(check, gap)}{_share(check, gap, metric, result)}"
    if clear := _clear_change(check, gap, metric, rises=rises):
        text += f"; for a clear pass by about {_difference(check, clear)}, since the whole interval counts"
    return f"{text}."


def _clear_change(check: Check, gap: float, metric: Metric | None, *, rises: bool) -> float | None:
    """Return by how much a figure must change for its interval, if it stays as wide, to lie on the right side."""
    end = check.low if rises else check.high
    if end is None or check.value is None or metric is None:
        return None
    half = abs(check.value - end)
    widest = _CLEAR if metric.evidence == "score" else _CLEAR * abs(check.value)
    is_share = rises and not metric.unit and check.limit <= 1
    is_possible = 0 < half < widest and not (is_share and check.limit + half > 1)
    return gap + half if is_possible else None


def _origins(checks: Sequence[Check]) -> Iterator[str]:
    """Yield where the limits of relative budgets come from."""
    for check in checks:
        if check.reference_value is not None and check.reference:
            compared = "baseline" if check.rule == "max_regression" else "reference"
            value = figure(check, check.reference_value)
            limit = f"The limit of {check.figure_name} follows from {check.budget} and from the {compared}"
            yield f"{limit}, which has {value}: {check.reference}."


def _difference(check: Check, gap: float) -> str:
    """Return a difference of two values in the metric's unit, with digits enough not to be shown as none."""
    metric = get(check.metric)
    unit = f" {metric.unit}" if metric and metric.unit else ""
    return f"{Decimal(f'{gap:.3g}'):f}{unit}"


def _share(check: Check, gap: float, metric: Metric | None, result: Result | None) -> str:
    """Say what a difference means: percent of a figure with a unit, test examples of a share, a factor of a score."""
    if metric is None or not check.value:
        return ""
    if metric.evidence == "score":
        return f", as when the error, the time or the size is divided by {10**gap:.3g}"
    if metric.unit:
        return f" ({100 * gap / abs(check.value):.2g} %)"
    if result is None or kind_of(metric, result) != "right":
        return ""
    samples = next((one.samples for one in result.slices if one.name == check.slice), result.test_samples)
    right = check.value * samples
    if (check.slice and samples == result.test_samples) or not math.isclose(
        right, round(right), abs_tol=1e-4 * samples
    ):
        return ""
    more = max(1, math.ceil(round(check.limit * samples, 6)) - round(right))
    return f", which is {more:,} of {samples:,} test examples"


def _paid(checks: Sequence[Check], result: Result, run: _Run) -> Iterator[str]:
    """Yield what became of each axis, against the reference and against a baseline that a budget names."""
    reference = run.reference_of(result)
    if reference is not None and reference is not result:
        yield _axes("its reference", result, reference, figures.times_beside(result, reference))
    baseline = run.baselines.get(result.key)
    regressed = any(check.rule == "max_regression" for check in checks)
    if regressed and baseline and baseline.result.data_digest == result.data_digest:
        yield _axes("the baseline", result, baseline.result, result.vs_baseline if baseline.remeasured else None)


def _axes(whose: str, result: Result, reference: Result, times: SideBySide | None) -> str:
    axes = figures.score_axes(result, reference, times)
    factors = ", ".join(f"{name} x{three_digits(10**part)}" for name, part in zip(axes._fields, axes, strict=True))
    worst = max(zip(axes, axes._fields, strict=True))
    pays = f"; the {worst[1]} costs the most" if worst[0] > 0 else ""
    return f"Against {whose}: {factors}, OpScore {signed(axes.total, 3)}{pays}."


def _alternative(result: Result, run: _Run) -> str:
    """Say which other case on the same test set passes all its budgets; empty where none does, or there is no other."""
    selection = run.selections.get(result.key)
    best = next((one for one in selection.allowed if one is not result), None) if selection else None
    if selection is None or best is None:
        return ""
    remark = " (an inconclusive one counted as pass)" if best.key in run.doubtful else ""
    others = len(selection.allowed) - (result.key in run.allowed)
    rank = f", the best of {others:,} that do" if others > 1 else ""
    return f"{run.names[best.case.id]} passes every budget here{remark}, at OpScore {best.op_score.value:.3f}{rank}."


# --- not judged


def _missing(check: Check, result: Result | None, run: _Run) -> Iterator[str]:
    """Yield what would let a check be judged."""
    where = origin(check.source)
    if check.rule == "case":
        if check.case_id in run.record.collected:
            yield "Run all its cases again: the test ended before this one was measured."
        else:
            yield f"Correct the id in {where}, or write optional = true there if the case is not in every run."
    elif check.is_of_run:
        yield "Write the price of each kind of device into [tool.opml.price]: a run is judged by the prices it had."
    elif check.is_first:
        yield _first(run.record)
    elif get(check.metric) is None:
        yield f"Install the package, or import the module, that registers the metric {check.metric}."
    elif check.rule == "max_regression":
        yield from _other_baseline(check, result, run)
    elif check.rule in ("max_drop", "max_increase") and result and run.reference_of(result) is None:
        yield f"Mend the reference {result.case.reference.id} first: it has no result in this run."
    elif check.blocking:
        yield f"If a run may pass without it, write optional = true in this budget ({where})."


def _first(record: RunRecord) -> str:
    if record.baseline is not None:
        return f"Name a baseline that has this case: {record.baseline} has no result of it on this kind of device."
    return (
        "This run can be the first: once it is accepted into the history, the next one is compared with it. To let "
        'first runs pass, write first_run = "pass" in [tool.opml.gate].'
    )


def _other_baseline(check: Check, result: Result | None, run: _Run) -> Iterator[str]:
    baseline, metric = (run.baselines.get(result.key) if result else None), get(check.metric)
    if result is None or baseline is None or metric is None:
        return
    if differing_in(result.device, baseline.device) and needs_same_machine(metric, baseline):
        yield (
            "Run on the machine of the baseline, or let the released model be measured again beside this one "
            "(--opml-baseline=release)."
        )
    elif metric.data_dependent and baseline.result.data_digest != result.data_digest:
        yield "Compare with a run on the same test data: the first accepted run on these data can be it."
