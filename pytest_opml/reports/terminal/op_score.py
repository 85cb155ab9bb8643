"""One score by its axes, and the difference of two."""

from __future__ import annotations

from typing import Any

from ...analysis.op_score import difference
from ...metrics import METRICS
from ...records.result import Score
from ..formatting import wrapped

_AXES = ("log_error", "log_seconds", "log_megabytes")
_FORMATS = ("{:.3g}".format, METRICS["inference_s"].format, METRICS["size_mb"].format)
_NAMES = ("error", "time", "size")


def score_lines(score: Score, against: Score | None, width: int, *, samples: int | None = None) -> list[str]:
    """A score with what each axis adds to it, and beside another one with what each axis changes.

    Args:
        score: the one that is meant.
        against: the one to compare it with, if any.
        width: columns that prose keeps to.
        samples: of the test set, where the score has an interval from it.
    """
    said = f"OpScore {score.value:.3f}"
    if samples is not None:
        said += f", 95 % interval {score.low:.3f} to {score.high:.3f}, from {samples:,} test samples"
    floored = any(each.error_floored for each in (score, against) if each)
    notes = wrapped("no test sample was wrong; the score takes half an error for it", width) if floored else []
    legend = "Lower is better; 0.301 is a factor of two on any one axis."
    table = _alone(score) if against is None else _beside(score, against)
    return [*wrapped(said, width), "", *table, *notes, "", *wrapped(legend, width)]


def score_table(score: Score, against: Score | None, *, samples: int | None = None) -> dict[str, Any]:
    """The same as plain data; a score without test samples has no interval."""

    def plain(each: Score) -> dict[str, Any]:
        return each.model_dump() | ({} if samples is not None else {"low": None, "high": None})

    table = plain(score)
    if against is not None:
        parts = difference(score, against)
        table |= {"against": plain(against), "difference": parts._asdict() | {"total": parts.total}}
    return table


def _values(score: Score) -> list[str]:
    return [show(10 ** getattr(score, axis)) for show, axis in zip(_FORMATS, _AXES, strict=True)]


def _alone(score: Score) -> list[str]:
    logs = [f"{getattr(score, axis):.3f}" for axis in _AXES]
    rows = [list(row) for row in zip(_NAMES, _values(score), logs, strict=True)]
    return _rendered([*rows, ["OpScore", "", f"{score.value:.3f}"]], ("", "value", "log10"))


def _beside(score: Score, against: Score) -> list[str]:
    parts = difference(score, against)
    rows = [
        [name, mine, other, f"{part:+.3f}", f"{10**part:.3g}"]
        for name, mine, other, part in zip(_NAMES, _values(score), _values(against), parts, strict=True)
    ]
    total = ["OpScore", f"{score.value:.3f}", f"{against.value:.3f}", f"{parts.total:+.3f}", f"{10**parts.total:.3g}"]
    return _rendered([*rows, total], ("", "this", "against", "difference", "factor"))


def _rendered(rows: list[list[str]], headers: tuple[str, ...]) -> list[str]:
    from tabulate import tabulate

    align = ("left", *["right"] * (len(headers) - 1))
    return tabulate(rows, headers, colalign=align, disable_numparse=True).splitlines()
