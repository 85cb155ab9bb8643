"""What charts take from a ranking: its cases without the fictitious models, and the words around their figures."""

from __future__ import annotations

from collections.abc import Sequence

from ...printable import clipped
from ...records.result import Estimate, Result, Score
from ..cases import CaseGroup, RankingRow, ranked_rows
from ..formatting import three_digits
from ..ranking_columns import quality_title

Ranked = Sequence[tuple[RankingRow, Result]]


def ranked_results(group: CaseGroup, rows: Sequence[RankingRow] | None = None) -> Ranked:
    """Return the rows of a ranking that have a result, from best to worst, each with it.

    Args:
        group: of the ranking; without results there are no rows.
        rows: of ``ranked_rows``, where they are there already: the front takes time that grows with the square.
    """
    if not group.results:
        return []
    rows = ranked_rows(group)[0] if rows is None else rows
    return [(row, row.result) for row in rows if row.result is not None]


def quality_name(group: CaseGroup) -> str:
    """Return what the quality of a group is, for a title."""
    return clipped(quality_title(result.quality.name for result in group.results), 60)


def interval_text(value: Estimate | Score, decimals: int) -> str:
    """Return a value with its 95 % interval: ``0.9366 (0.91 to 0.95)``."""
    return f"{value.value:.{decimals}f} ({value.low:.{decimals}f} to {value.high:.{decimals}f})"


def seconds_text(value: Estimate) -> str:
    """Return a time with its 95 % interval, in seconds."""
    low, middle, high = map(three_digits, (value.low, value.value, value.high))
    return f"{middle} s ({low} to {high})"
