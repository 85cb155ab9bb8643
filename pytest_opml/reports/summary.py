"""A run in three lines, for who has no time for more: what failed, what changed, and which case is the best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..analysis.comparison import Change, Comparison
from ..gate.best_case import Selection, select_best
from ..printable import clipped
from ..records.run import Baseline, Check, RunRecord
from .cases import check_name, short_names
from .comparison_rows import comparisons
from .formatting import amount, sentence_case, signed
from .phrases import COUNT_WORDS, count_texts, distinct_figures

_SHOWN = 3  # cases that a line names
_LONGEST = 120  # characters of what a line says of one case
_SMALLEST = 0.0005  # part of a ratio, or difference of a share or score, that three digits show


@dataclass(frozen=True)
class Summary:
    """A run in three lines of plain text, each of which stands for itself.

    Attributes:
        failed: which budgets failed and which cases have no result, or that nothing failed, and what was not judged.
        changed: what changed beyond chance against the baseline.
        best: the best case that passes all budgets, on each test set.
    """

    failed: str
    changed: str
    best: str


def summary_of(
    record: RunRecord,
    baselines: Sequence[Baseline] | None = None,
    wanted: str = "",
    *,
    selections: Sequence[Selection] | None = None,
) -> Summary:
    """Return a run in three lines.

    Args:
        record: with its checks.
        baselines: to compare with; None for those that the run was compared with.
        wanted: what was asked for as baseline, where ``baselines`` are given.
        selections: of ``select_best``, where they are there already.
    """
    names = short_names(record)
    candidates = record.baselines if baselines is None else baselines
    compared = comparisons(record, {baseline.result.key: baseline for baseline in candidates})
    name = record.baseline if baselines is None else baselines[0].name if baselines else wanted
    chosen = select_best(record, record.checks) if selections is None else selections
    return Summary(_failed(record, names), _changed(compared, names, name or ""), _best(record, chosen, names))


def _listed(texts: Sequence[str], what: str) -> str:
    """Return the first of many texts in one line, and how many more there are."""
    shown = "; ".join(clipped(text, _LONGEST) for text in texts[:_SHOWN])
    more = len(texts) - _SHOWN
    return f"{shown}; and {amount(more, f'more {what}')}" if more > 0 else shown


# --- what failed


def _failed(record: RunRecord, names: Mapping[str, str]) -> str:
    failed = [check for check in record.checks if check.verdict == "fail" and check.blocking]
    parts = [f"Failed: {_listed(_by_case(failed, record, names, _breach), 'case')}"] if failed else []
    if record.failures:
        lost = [f"{names[failure.case.id]} ({failure.kind.replace('_', ' ')})" for failure in record.failures]
        parts.append(f"no result: {_listed(lost, 'case')}")
    if not failed:
        parts.insert(0, "Nothing failed" if record.checks else "No budget is set")
        waived = sum(check.verdict == "fail" for check in record.checks)
        parts += [f"{amount(waived, 'failure')} waived"] if waived else []
        open_checks = [check for check in record.checks if check.verdict == "not_judged"]
        if open_checks:
            texts = _by_case(open_checks, record, names, lambda check: check.figure_name)
            parts.append(f"{COUNT_WORDS['not_judged']}: {_listed(texts, 'case')}")
        if any(check.verdict == "inconclusive" for check in record.checks):
            parts += count_texts(record.checks, "inconclusive")
    return "; ".join(parts)


def _by_case(
    checks: Sequence[Check], record: RunRecord, names: Mapping[str, str], text_of: Callable[[Check], str]
) -> list[str]:
    by_case: dict[str, list[str]] = {}
    for check in checks:
        by_case.setdefault(check_name(check, names, record), []).append(text_of(check))
    return [f"{name}: {', '.join(texts)}" for name, texts in by_case.items()]


def _breach(check: Check) -> str:
    value, limit = distinct_figures(check)
    sign = "<" if (check.value or 0.0) < check.limit else ">"
    return f"{check.figure_name} {value} {sign} {limit}"


# --- what changed


def _changed(compared: Sequence[Comparison], names: Mapping[str, str], baseline: str) -> str:
    against = f" against {clipped(baseline, _LONGEST)}" if baseline and baseline != "last" else ""
    if not compared:
        return f"Nothing to compare with{against}" if against else "No baseline yet"
    worst_first = sorted(compared, key=_place)
    changes = [(names.get(one.case_id, one.case_id), _change_texts(one)) for one in worst_first]
    texts = [f"{name} {', '.join(parts)}" for name, parts in changes if parts]
    apart = sum(bool(one.elsewhere) for one in compared)
    note = f" (times of {amount(apart, 'case')} not compared: another machine)" if apart else ""
    if not texts:
        return f"No change beyond chance in {amount(len(compared), 'case')}{against}{note}"
    count = f"{len(texts)} of {amount(len(compared), 'case')}"
    return f"{count} changed beyond chance{against}: {_listed(texts, 'case')}{note}"


def _place(comparison: Comparison) -> tuple[int, float]:
    """Return where a change stands among others: a worse score first, then a worse figure, then what is better."""
    score = comparison.op_score
    total = score.value if score and _is_beyond_chance(score, 0.0) else 0.0
    is_worse = any(
        change and change.word == "worse" for change in (comparison.quality, comparison.time, comparison.size)
    )
    return 0 if total > 0 else 1 if is_worse else 2, -abs(total)


def _change_texts(comparison: Comparison) -> list[str]:
    """Say what of a case changed beyond chance; nothing of what did not."""
    score, quality = comparison.op_score, comparison.quality
    texts = [f"OpScore {signed(score.value, 3)}"] if score and _is_beyond_chance(score, 0.0) else []
    if quality and _is_beyond_chance(quality, 0.0):
        texts.append(f"{_short(comparison.quality_name)} {signed(quality.value, 4)}")
    ratios = {"time": comparison.time, "size": comparison.size}
    texts += [f"{axis} x{ratio.value:.3f}" for axis, ratio in ratios.items() if ratio and _is_beyond_chance(ratio, 1.0)]
    return texts


def _is_beyond_chance(change: Change, none: float) -> bool:
    return change.word in ("better", "worse") and abs(change.value - none) >= _SMALLEST


def _short(quality: str) -> str:
    return quality.rpartition(":")[2]


# --- the best


def _best(record: RunRecord, selections: Sequence[Selection], names: Mapping[str, str]) -> str:
    if not selections:
        return "No case has a result"
    texts = [_best_of(selection, record, names, is_one=len(selections) == 1) for selection in selections]
    if all(selection.best is None for selection in selections):
        return sentence_case(texts[0]) if len(texts) == 1 else "No case passes all budgets, on any test set"
    return f"Best case{'s' if len(texts) > 1 else ''}: {_listed(texts, 'test set')}"


def _best_of(selection: Selection, record: RunRecord, names: Mapping[str, str], *, is_one: bool) -> str:
    where = "" if is_one else f" on {selection.results[0].case.dataset}"
    total, passing = len(selection.results), len(selection.allowed)
    best = selection.best
    if best is None:
        return f"no case{where} passes all budgets" if total > 1 else f"the one case{where} does not pass all budgets"
    verb = "passes" if passing == 1 else "pass"
    count = (
        f"{passing} of {amount(total, 'case')} {verb} all budgets" if record.checks else f"of {amount(total, 'case')}"
    )
    return f"{names[best.case.id]}, OpScore {best.op_score.value:.3f} ({count})"
