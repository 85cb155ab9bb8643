"""The rows of the bubble chart: the cases, their front, and the lines of equal score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from ...analysis.figures import times_inference
from ...records.result import Result
from ..cases import CaseGroup, RankingRow
from ..formatting import three_digits
from .chart import Rows, Value
from .labels import distinct_labels
from .ranking_rows import Ranked, interval_text, seconds_text

MOST_NUMBERED = 40  # cases whose place stands beside the bubble
_WIDTH, HEIGHT = 640.0, 400.0  # pixels, for which the numbers are set apart
LARGEST_AREA = 1_400.0  # of the largest bubble, pixels x pixels
_LEAST_AREA = 30.0
_MOST_TECHNIQUES, _MOST_MODELS = 12, 8  # there are as many colours and shapes
_MOST_LINES = 6  # of equal score
_POINTS = 33  # of such a line
_DOUBLE = math.log10(2)
_LETTER, _LINE = 6.0, 12.0  # pixels across and up that a letter of a note takes


class PlotRange(NamedTuple):
    """What the axes show: seconds, above 0, and the quality."""

    seconds: tuple[float, float]
    quality: tuple[float, float]


def case_labels(ranked: Ranked, group: CaseGroup) -> dict[str, str]:
    """Return the label of each case by its id."""
    texts = distinct_labels(group.names[result.case.id] for _, result in ranked)
    return {result.case.id: texts[group.names[result.case.id]] for _, result in ranked}


def technique_labels(ranked: Ranked) -> dict[str, str]:
    """Return the label of each technique, those beyond the colours in one."""
    return _legend_labels([result.case.technique for _, result in ranked], _MOST_TECHNIQUES, "other techniques")


def model_labels(ranked: Ranked) -> dict[str, str]:
    """Return the label of each model, those beyond the shapes in one."""
    return _legend_labels([result.case.model for _, result in ranked], _MOST_MODELS, "other models")


def _legend_labels(names: Sequence[str], most: int, rest: str) -> dict[str, str]:
    """Return the label of each name in a legend of at most so many; where there are more, the last is for the rest.

    Args:
        names: of the cases, the best first.
        most: labels.
        rest: the label of the names for which there is none.
    """
    distinct = list(dict.fromkeys(names))
    shown = distinct if len(distinct) <= most else distinct[: most - 1]
    return distinct_labels(sorted(shown)) | dict.fromkeys(distinct[len(shown) :], rest)


def case_rows(ranked: Ranked, group: CaseGroup) -> list[dict[str, Value]]:
    """Return a row for each case, the largest first, so that small bubbles lie upon large ones."""
    names = case_labels(ranked, group)
    models, techniques = model_labels(ranked), technique_labels(ranked)
    largest = max(row.entry.megabytes for row, _ in ranked)
    rows: list[dict[str, Value]] = []
    for row, result in ranked:
        place = row.place.lstrip("*")
        area = max(_LEAST_AREA, LARGEST_AREA * row.entry.megabytes / largest)
        rows.append(
            {
                "case": result.case.id,
                "name": names[result.case.id],
                "model": models[result.case.model],
                "technique": techniques[result.case.technique],
                "place": place,
                "key": key_text(row, names[result.case.id]),
                "front": row.place.startswith("*"),
                "shown": True,
                "megabytes": row.entry.megabytes,
                "area": area,
                "gap": math.sqrt(area / math.pi / 2) + 1,  # across and up from the centre to the rim
                "score": row.entry.score,
                **_quality_fields(row, result),
                **_time_fields(row, result),
                "size_text": f"{three_digits(row.entry.megabytes)} MB",
                "score_text": interval_text(result.op_score, 3),
            }
        )
    for case, label in zip(rows, _place_labels(rows, range_of(ranked)), strict=True):
        case["label"] = label
    return sorted(rows, key=lambda case: -_number(case["area"]))


def _place_labels(rows: Rows, shown: PlotRange) -> list[str]:
    """Return what stands beside each bubble: its place, and those of bubbles so near that theirs would lie upon it."""
    if len(rows) > MOST_NUMBERED:
        return [""] * len(rows)
    (first, last), (low, high) = shown
    anchors: list[tuple[float, float, list[str]]] = []
    labels: list[list[str]] = []
    for row in rows:
        across = (_number(row["seconds"]) - first) / (last - first) * _WIDTH + _number(row["gap"])
        up = (_number(row["quality"]) - low) / (high - low) * HEIGHT + _number(row["gap"])
        near = (texts for x, y, texts in anchors if abs(x - across) < 14 and abs(y - up) < 12)
        own: list[str] = []
        together = next(near, own)
        if together is own:
            anchors.append((across, up, own))
        together.append(str(row["place"]))
        labels.append(own)
    return [",".join(texts[:3]) + "…" * (len(texts) > 3) for texts in labels]


def _quality_fields(row: RankingRow, result: Result) -> dict[str, Value]:
    return {
        "quality": row.entry.quality,
        "quality_low": result.quality.low,
        "quality_high": result.quality.high,
        "quality_text": interval_text(result.quality, 4),
    }


def _time_fields(row: RankingRow, result: Result) -> dict[str, Value]:
    """Return the time in the score; one with other times than inference was taken once and has no interval."""
    time = result.inference_s
    if times_inference(result):
        low, high, text = time.low, time.high, seconds_text(time)
    else:
        low = high = row.entry.seconds
        text = f"{three_digits(row.entry.seconds)} s"
    return {"seconds": row.entry.seconds, "seconds_low": low, "seconds_high": high, "seconds_text": text}


def range_of(ranked: Ranked) -> PlotRange:
    """Return what the axes show: all cases, with some room beside them."""
    seconds = [row.entry.seconds for row, _ in ranked]
    qualities = [row.entry.quality for row, _ in ranked]
    first, last, low, high = min(seconds), max(seconds), min(qualities), max(qualities)
    beside = max(0.08 * (last - first), 0.02 * last)
    above = max(0.08 * (high - low), 0.005)
    return PlotRange((max(first - beside, first / 1.6), last + beside), (max(0.0, low - above), min(1.0, high + above)))


def typical_size(ranked: Ranked) -> float:
    """Return the size that the lines of equal score are for: the median of the references, or else of all."""
    references = [row.entry.megabytes for row, result in ranked if result is row.reference]
    return median(references or [row.entry.megabytes for row, _ in ranked])


def front_rows(cases: Rows) -> list[dict[str, Value]]:
    """Return the cases that none beats in both time and quality, by time."""
    front: list[dict[str, Value]] = []
    best = -math.inf
    for case in sorted(cases, key=lambda case: (case["seconds"], -_number(case["quality"]))):
        if _number(case["quality"]) > best:
            best = _number(case["quality"])
            front.append({name: case[name] for name in ("case", "seconds", "quality")})
    return front


def _number(value: Value) -> float:
    return float(value or 0.0)


def equal_score_rows(shown: PlotRange, megabytes: float) -> tuple[list[dict[str, Value]], int]:
    """Return points of lines on which error x seconds x megabytes is constant, and the factor from line to line.

    Args:
        shown: which the lines do not leave.
        megabytes: of the model that they are for.
    """
    (first, last), (low, high) = shown
    ends = [math.log10(max(1 - quality, 1e-6) * seconds) for quality, seconds in ((high, first), (low, last))]
    least, most = (end + math.log10(megabytes) for end in ends)
    doublings = max(1, math.ceil((most - least) / _DOUBLE / _MOST_LINES))
    step = doublings * _DOUBLE
    lines = []
    for number in range(math.ceil(least / step), math.floor(most / step) + 1):
        product = 10 ** (number * step) / megabytes
        start = max(first, product / (1 - low)) if low < 1 else last
        end = min(last, product / (1 - high)) if high < 1 else last
        if start < end:
            lines.append((f"{number * step + 0.0:.2f}", product, start, end))
    texts = [score for score, *_ in lines]
    texts[-1:] = [f"OpScore {score} at {three_digits(megabytes)} MB" for score in texts[-1:]]
    texts = _with_room(texts, [(end, 1 - product / end) for _, product, _, end in lines], shown)
    rows: list[dict[str, Value]] = []
    for (score, product, start, end), text in zip(lines, texts, strict=True):
        for place in range(_POINTS):
            seconds = start * (end / start) ** (place / (_POINTS - 1))
            quality = min(max(1 - product / seconds, low), high)
            is_last = place == _POINTS - 1
            rows.append({"score": score, "seconds": seconds, "quality": quality, "text": text if is_last else ""})
    return rows, 2**doublings


def _with_room(texts: Sequence[str], ends: Sequence[tuple[float, float]], shown: PlotRange) -> list[str]:
    """Return texts that end where lines do, those empty that would lie upon another one or beside the plot.

    Args:
        texts: of the lines; the last one is the most important.
        ends: of the lines, in seconds and quality.
        shown: by the axes, both linear.
    """
    (first, last), (low, high) = shown
    taken: list[tuple[float, float, float]] = []
    shown_texts = []
    for text, (seconds, quality) in reversed(list(zip(texts, ends, strict=True))):
        right = (seconds - first) / (last - first) * _WIDTH
        left, up = right - _LETTER * len(text), (quality - low) / (high - low) * HEIGHT
        is_free = left >= 0 and not any(
            left < end and start < right and abs(up - height) < _LINE for start, end, height in taken
        )
        if is_free:
            taken.append((left, right, up))
        shown_texts.append(text if is_free else "")
    return shown_texts[::-1]


def key_text(row: RankingRow, name: str) -> str:
    """Return the line of a case in the key: its place and its label."""
    return f"{row.place.lstrip('*')}  {name}"
