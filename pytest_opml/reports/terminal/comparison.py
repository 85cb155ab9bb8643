"""How cases compare with their baselines, as text of a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...analysis.comparison import Comparison
from ...records.run import RunRecord
from ..cases import short_names
from ..comparison_rows import (
    _ACCURACY,
    _AXES,
    _SIZE,
    _TIME,
    _absent,
    comparison_row,
    comparisons,
    explanations,
    without_baseline,
)
from ..formatting import wrapped
from .tables import fitted

_YIELDING = (_AXES, _SIZE, _ACCURACY, _TIME)


def comparison_lines(record: RunRecord, width: int) -> list[str]:
    """The results of a run against its baselines.

    Args:
        record: the run.
        width: columns that no line exceeds.

    Returns:
        Lines of plain text; none for a run that had nothing to be compared with, and was not asked to be.
    """
    wanted = record.baseline or "last"
    found = comparisons(record, {baseline.result.key: baseline for baseline in record.baselines})
    names = short_names(record)
    missing = without_baseline(record, {each.key for each in found})
    if found:
        return table_lines(f"Against the baseline {wanted}", found, missing, names, width)
    if not record.baseline or not missing:
        return []
    nothing = f"No case has an earlier result for the baseline {wanted} on {record.device.profile}."
    texts = _absent(missing, names) if any(missing.values()) else [nothing]
    return [line for text in texts for line in wrapped(text, width)]


def table_lines(
    title: str, found: Sequence[Comparison], missing: Mapping[str, str], names: Mapping[str, str], width: int
) -> list[str]:
    """A table of comparisons, with the runs that they are with.

    Args:
        title: above it.
        found: at least one.
        missing: ids of cases without a baseline, and why; empty: there is none.
        names: what each case is called.
        width: columns that no line exceeds.
    """
    rows = [comparison_row(each, names) for each in found]
    table = fitted(rows, width, left=("case", ""), yielding=_YIELDING, names="case")
    explained = [line for text in explanations(found, missing, names) for line in wrapped(text, width)]
    return [*wrapped(title, width), "", *table, "", *explained]
