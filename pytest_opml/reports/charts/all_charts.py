"""All charts of a run, in the order in which a page has them."""

from __future__ import annotations

from collections.abc import Sequence

from ...records.run import RunRecord
from ..cases import CaseGroup, RankingRow, ranked_rows
from .accuracy_by_epoch import accuracy_by_epoch_chart
from .accuracy_by_technique import accuracy_by_technique_chart
from .accuracy_by_unfrozen_layers import accuracy_by_unfrozen_layers_chart
from .bubbles import bubble_chart
from .chart import Chart
from .clusters import clusters_chart
from .confusion import confusion_chart
from .devices import devices_chart, splits_chart
from .ranking_rows import ranked_results
from .score_axes import score_axes_chart
from .slices import slices_chart


def charts_of(group: CaseGroup, rows: Sequence[RankingRow] | None = None) -> list[Chart]:
    """Return the charts of one test set that there are data for.

    Args:
        group: of cases whose scores may be compared.
        rows: of ``ranked_rows``, where they are there already.

    Returns:
        The charts; no two have the same name, and those of another group have the same names.
    """
    if not group.results:
        return []
    rows = ranked_rows(group)[0] if rows is None else rows
    best = ranked_results(group, rows)[0][1]
    charts = (
        bubble_chart(group, rows),
        score_axes_chart(group, rows),
        accuracy_by_technique_chart(group, rows),
        accuracy_by_unfrozen_layers_chart(group, rows),
        clusters_chart(group, rows),
        accuracy_by_epoch_chart(group, rows),
        confusion_chart(best, group.names[best.case.id]),
        slices_chart(group, rows),
    )
    return [chart for chart in charts if chart]


def run_charts(record: RunRecord) -> list[Chart]:
    """Return the charts that span the test sets or the machines of a run; there are none where it has one of each."""
    return [chart for chart in (devices_chart(record), splits_chart(record)) if chart]
