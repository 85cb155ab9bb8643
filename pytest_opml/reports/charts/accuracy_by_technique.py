"""The chart of quality by technique (Figure 4 of the paper), with intervals."""

from __future__ import annotations

from collections.abc import Sequence

from ...records.result import Result
from ..cases import CaseGroup, RankingRow
from ..formatting import amount, sentence_case
from .chart import Chart, Value
from .labels import distinct_labels, series_names
from .ranking_rows import quality_name, ranked_results
from .series import interval_dots, interval_fields

_MOST = 40  # techniques, those of the highest quality
_MOST_SERIES = 8  # those of the best cases; there are as many colours and shapes


def accuracy_by_technique_chart(group: CaseGroup, rows: Sequence[RankingRow] | None = None) -> Chart | None:
    """Draw the quality of each technique, by what else the cases differ in; None where there is one technique only.

    Args:
        group: of cases on one test set.
        rows: of ``ranked_rows``, where they are there already.
    """
    results = [result for _, result in ranked_results(group, rows)]
    results.sort(key=lambda result: -result.quality.value)  # the techniques stand in the order of their best case
    if len({result.case.technique for result in results}) < 2:
        return None
    own_names = series_names(results)
    series = list(dict.fromkeys(own_names[result.case.id] for result in results))[:_MOST_SERIES]
    drawn = [result for result in results if own_names[result.case.id] in series]
    # a technique that only the other series have would be a name without a point
    techniques = list(dict.fromkeys(result.case.technique for result in drawn))[:_MOST]
    chosen = [result for result in drawn if result.case.technique in techniques]
    series_labels = distinct_labels(sorted(series))
    technique_labels = distinct_labels(techniques)
    points = [
        _point(one, technique_labels[one.case.technique], series_labels[own_names[one.case.id]], group)
        for one in chosen
    ]
    quality = quality_name(group)
    left_out = f" {len(chosen):,} of {len(results):,} cases are shown." if len(chosen) < len(results) else ""
    summary = (
        f"{sentence_case(quality)} of {amount(len(techniques), 'technique')} with its 95 % interval, the "
        f"highest first.{left_out}"
    )
    return Chart(
        name="accuracy-by-technique",
        title=f"{sentence_case(quality)} by technique",
        summary=summary,
        spec={
            "description": summary,
            **interval_dots(
                "techniques",
                "technique",
                list(technique_labels.values()),
                list(series_labels.values()),
                quality,
                series_title="model, unfrozen layers",
                fields={"name": "case", "quality_text": "quality"},
            ),
        },
        datasets={"techniques": points},
    )


def _point(result: Result, technique: str, series: str, group: CaseGroup) -> dict[str, Value]:
    name = distinct_labels([group.names[result.case.id]])[group.names[result.case.id]]
    case: dict[str, Value] = {"case": result.case.id, "name": name, "technique": technique, "series": series}
    return case | interval_fields(result.quality)
