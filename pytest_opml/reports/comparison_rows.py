"""The changes against a baseline, whatever shows them: a row for each case, and how the two were compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..analysis.comparison import Change, Comparison, Word, compare
from ..records.result import Key, Result
from ..records.run import Baseline, RunRecord
from .formatting import signed_sum
from .ranking_columns import quality_title

_MARKS: dict[Word, str] = {"better": "better", "worse": "WORSE", "same": "same", "unclear": "unclear"}
TIME, SIZE, SCORE = "time\n/ baseline", "size\n/ baseline", "OpScore\n- baseline"
AXES = "\n= error + time + size"


def comparisons(record: RunRecord, baselines: Mapping[Key, Baseline]) -> list[Comparison]:
    """Compare the results of a run with their baselines, in the run's order; those without one are left out.

    What the run measured again of a baseline, in turn with its own, counts more than what was stored of it.
    """
    remeasured = {(earlier.run_id, earlier.result.key): earlier for earlier in record.baselines if earlier.remeasured}

    def baseline_of(result: Result) -> Baseline:
        stored = baselines[result.key]
        again = remeasured.get((stored.run_id, result.key))
        return again.model_copy(update={"name": stored.name}) if again else stored

    return [compare(result, baseline_of(result)) for result in record.results if result.key in baselines]


def without_baseline(record: RunRecord, compared: Collection[Key]) -> dict[str, str]:
    """Say by case why a result has no baseline that it is compared with; empty where there is none at all.

    A reference that was measured for others only was not looked up, and is not missed.
    """
    names = [result.case.id for result in record.results if result.key not in compared]
    return {name: record.baseline_errors.get(name, "") for name in names if name not in record.reference_only}


def explanations(compared: Sequence[Comparison], missing: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
    """Say with which runs the cases were compared, and what the marks mean; a sentence each."""
    texts = []
    by_text: dict[str, list[str]] = {}
    for comparison in compared:
        baseline = comparison.baseline
        error = f"; {baseline.remeasure_error}" if baseline.remeasure_error else ""
        machine = f"; n/a: measured on another machine ({comparison.elsewhere})" if comparison.elsewhere else ""
        settings = f"; n/a: worked out by other settings ({comparison.otherwise})" if comparison.otherwise else ""
        data = f"; n/a: {comparison.other_data}" if comparison.other_data else ""
        text = f"{baseline.described}{error}{machine}{data}{settings}"
        by_text.setdefault(text, []).append(names.get(comparison.case_id, comparison.case_id))
    for text, cases in by_text.items():
        which = "all" if len(cases) == len(compared) else ", ".join(cases)
        texts.append(f"{which}: {text}")
    legend = (
        "±: half of the 95 % interval; *: a change that chance does not explain; the word at the end is on OpScore."
    )
    return [*texts, *absence_texts(missing, names), legend]


def absence_texts(missing: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
    """Name the cases without a baseline, those of one reason together."""
    by_reason: dict[str, list[str]] = {}
    for case, why in missing.items():
        by_reason.setdefault(why, []).append(names.get(case, case))
    return [f"no baseline: {', '.join(cases)}{f' ({why})' if why else ''}" for why, cases in by_reason.items()]


def quality_header(compared: Sequence[Comparison]) -> str:
    """Return the header of the changes of quality."""
    return f"{quality_title([comparison.quality_name for comparison in compared])}\n- baseline"


def comparison_row(comparison: Comparison, names: Mapping[str, str], quality: str) -> dict[str, str]:
    """Return what changed, by header, that of the quality as given; the word under the empty one is on OpScore."""
    axes = () if comparison.axes is None else signed_sum(comparison.axes, 3)[1]
    return {
        "case": names.get(comparison.case_id, comparison.case_id),
        quality: _shown(comparison.quality, "+.4f", "0.0000"),
        TIME: _shown(comparison.time, ".3f", ""),
        SIZE: _shown(comparison.size, ".3f", "1.000"),
        SCORE: _shown(comparison.op_score, "+.3f", "0.000"),
        AXES: " ".join(axes),
        "": "" if comparison.op_score is None else _MARKS[comparison.op_score.word],
    }


def _shown(change: Change | None, pattern: str, same: str) -> str:
    if change is None:
        return "n/a"
    if change.word == "same":
        return f"{same} "
    half = (change.high - change.low) / 2
    margin = "" if half == 0 else f" ±{half:{pattern.lstrip('+')}}".replace("±0.", "±.")
    return f"{round(change.value, 6) + 0.0:{pattern}}{margin}{' ' if change.word == 'unclear' else '*'}"
