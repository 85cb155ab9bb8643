"""What changed against a baseline, in the terminal: a line for each case, and how the two were compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..analysis.comparison import Change, Comparison, Word, compare
from ..records.result import Key
from ..records.run import Baseline, RunRecord

_MARKS: dict[Word, str] = {"better": "better", "worse": "WORSE", "same": "same", "unclear": "unclear"}
# What gives way until the table fits, the first one first.
_ACCURACY, _TIME, _SIZE, _SCORE = "accuracy\n- baseline", "time\n/ baseline", "size\n/ baseline", "OpScore\n- baseline"
_AXES = "\n= error + time + size"


def comparisons(record: RunRecord, baselines: Mapping[Key, Baseline]) -> list[Comparison]:
    """The results of a run beside what each is compared with, in the run's order; those without are left out."""
    return [compare(result, baselines[result.key]) for result in record.results if result.key in baselines]


def without_baseline(record: RunRecord, compared: Collection[Key]) -> dict[str, str]:
    """By case, why the baseline of a result that is compared with none could not be read; empty where none is there.

    A reference that was measured for others only was not looked up, and is not missed.
    """
    names = [result.case.id for result in record.results if result.key not in compared]
    return {name: record.baseline_errors.get(name, "") for name in names if name not in record.reference_only}


def explanations(found: Sequence[Comparison], missing: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
    """With which runs the cases were compared, and what the marks mean; a sentence each."""
    texts = []
    by_text: dict[str, list[str]] = {}
    for each in found:
        note = f"; {each.baseline.note}" if each.baseline.note else ""
        other = f"; n/a: measured on another machine ({each.elsewhere})" if each.elsewhere else ""
        settings = f"; n/a: worked out by other settings ({each.otherwise})" if each.otherwise else ""
        data = f"; n/a: {each.other_data}" if each.other_data else ""
        text = f"{each.baseline.described}{note}{other}{data}{settings}"
        by_text.setdefault(text, []).append(names.get(each.case_id, each.case_id))
    for text, cases in by_text.items():
        which = "all" if len(cases) == len(found) else ", ".join(cases)
        texts.append(f"{which}: {text}")
    legend = (
        "±: half of the 95 % interval; *: a change that chance does not explain; the word at the end is on OpScore."
    )
    return [*texts, *_absent(missing, names), legend]


def _absent(missing: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for case, why in missing.items():
        by_reason.setdefault(why, []).append(names.get(case, case))
    return [f"no baseline: {', '.join(cases)}{f' ({why})' if why else ''}" for why, cases in by_reason.items()]


def comparison_row(each: Comparison, names: Mapping[str, str]) -> dict[str, str]:
    """What changed, by header; the word under the empty one is on OpScore."""
    axes = [] if each.axes is None else [f"{round(part, 3) + 0.0:+.3f}" for part in each.axes]
    return {
        "case": names.get(each.case_id, each.case_id),
        _ACCURACY: _shown(each.accuracy, "+.4f", "0.0000"),
        _TIME: _shown(each.time, ".3f", ""),
        _SIZE: _shown(each.size, ".3f", "1.000"),
        _SCORE: _shown(each.op_score, "+.3f", "0.000"),
        _AXES: " ".join(axes),
        "": "" if each.op_score is None else _MARKS[each.op_score.word],
    }


def _shown(change: Change | None, pattern: str, same: str) -> str:
    if change is None:
        return "n/a"
    if change.word == "same":
        return f"{same} "
    half = (change.high - change.low) / 2
    margin = "" if half == 0 else f" ±{half:{pattern.lstrip('+')}}".replace("±0.", "±.")
    return f"{round(change.value, 6) + 0.0:{pattern}}{margin}{' ' if change.word == 'unclear' else '*'}"
