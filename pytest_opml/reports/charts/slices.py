"""The chart of slices: the quality on some of the test examples, by case, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

from ...records.result import Slice
from ..cases import CaseGroup, RankingRow
from ..formatting import sentence_case
from .chart import Chart, Value
from .labels import distinct_labels
from .ranking_rows import quality_name, ranked_results
from .series import interval_dots, interval_fields

_MOST = 5  # cases, the best ones
_MOST_SLICES = 30  # those in which one of the cases is worst


def slices_chart(group: CaseGroup, rows: Sequence[RankingRow] | None = None) -> Chart | None:
    """Draw the quality of the best cases in each slice of the test examples; None where no result tells of slices.

    Args:
        group: of cases on one test set.
        rows: of ``ranked_rows``, where they are there already.
    """
    results = [result for _, result in ranked_results(group, rows)]
    best = [result for result in results if any(map(_has_figure, result.slices))][:_MOST]
    if not best:
        return None
    lowest: dict[str, float] = {}
    for result in best:
        for one in result.slices:
            if figure := one.quality or one.accuracy:
                lowest[one.name] = min(figure.value, lowest.get(one.name, 1.0))
    worst = sorted(lowest, key=lambda name: lowest[name])[:_MOST_SLICES]
    names = distinct_labels(worst)
    labels = distinct_labels(group.names[result.case.id] for result in best)
    points: list[dict[str, Value]] = [
        {
            "case": result.case.id,
            "series": labels[group.names[result.case.id]],
            "slice": names[one.name],
            "examples": f"{one.samples:,}",
            **interval_fields(figure),
        }
        for result in best
        for one in result.slices
        if one.name in names and (figure := one.quality or one.accuracy)
    ]
    quality = quality_name(group)
    cases_left = f" Of {len(results):,} cases these are the {_MOST} best." if len(results) > _MOST else ""
    slices_left = f" Of {len(lowest):,} slices these are the {_MOST_SLICES} worst." if len(lowest) > len(worst) else ""
    summary = (
        f"{sentence_case(quality)} on some of the test examples with its 95 % interval, the lowest first."
        f"{cases_left}{slices_left}"
    )
    return Chart(
        name="slices",
        title=f"{sentence_case(quality)} by slice",
        summary=summary,
        spec={
            "description": summary,
            **interval_dots(
                "slices",
                "slice",
                list(names.values()),
                list(labels.values()),
                quality,
                series_title="case",
                fields={"series": "case", "slice": "slice", "examples": "examples", "quality_text": "quality"},
            ),
        },
        datasets={"slices": points},
    )


def _has_figure(one: Slice) -> bool:
    return bool(one.quality or one.accuracy)
