"""The changes of a run against its baselines, in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...analysis.comparison import Comparison, Word
from ...records.run import RunRecord
from ..cases import short_names
from ..comparison_rows import (
    AXES,
    SIZE,
    TIME,
    absence_texts,
    comparison_row,
    comparisons,
    explanations,
    quality_header,
    without_baseline,
)
from ..formatting import wrapped
from .styles import Style, all_styled, styled
from .tables import fitted

_WORD_STYLES: dict[Word, Style] = {"better": Style.GOOD, "worse": Style.BAD, "unclear": Style.DOUBT}


def comparison_lines(record: RunRecord, width: int) -> list[str]:
    """Compare the results of a run with its baselines.

    Args:
        record: the run.
        width: columns that no line exceeds.

    Returns:
        Lines of plain text; none for a run that had nothing to be compared with, and was not asked to be.
    """
    wanted = f"the baseline {record.baseline}" if record.baseline else "the newest accepted run"
    compared = comparisons(record, {baseline.result.key: baseline for baseline in record.baselines})
    names = short_names(record)
    missing = without_baseline(record, {comparison.key for comparison in compared})
    if compared:
        lines = table_lines(f"Against {wanted}", compared, missing, names, width)
        return [*lines, *(wrapped(f"baseline: {record.baseline_choice}", width) if record.baseline_choice else [])]
    if not record.baseline or not missing:
        return []
    nothing = f"No case has an earlier result for {wanted} on {record.device.profile}."
    texts = absence_texts(missing, names) if any(missing.values()) else [nothing]
    return [line for text in texts for line in wrapped(text, width)]


def table_lines(
    title: str, compared: Sequence[Comparison], missing: Mapping[str, str], names: Mapping[str, str], width: int
) -> list[str]:
    """Show comparisons, and the runs that they are with.

    Args:
        title: above it.
        compared: at least one.
        missing: ids of cases without a baseline, and why; empty: there is none.
        names: the short name of each case, by its id.
        width: columns that no line exceeds.
    """
    quality = quality_header(compared)
    rows = [_row(comparison, names, quality) for comparison in compared]
    yielding = (AXES, SIZE, quality, TIME)  # what gives way until the table fits, the first one first
    table = fitted(rows, width, left=("case", ""), yielding=yielding, names="case").lines
    explained = [line for text in explanations(compared, missing, names) for line in wrapped(text, width)]
    return [*all_styled(wrapped(title, width), Style.STRONG), "", *table, "", *explained]


def _row(comparison: Comparison, names: Mapping[str, str], quality: str) -> dict[str, str]:
    """Return the cells of a comparison, its word with a colour."""
    row = comparison_row(comparison, names, quality)
    style = None if comparison.op_score is None else _WORD_STYLES.get(comparison.op_score.word)
    return row if style is None else row | {"": styled(row[""], style)}
