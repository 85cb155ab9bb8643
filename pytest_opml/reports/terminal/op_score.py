"""A score by its axes, and the difference of two."""

from __future__ import annotations

from typing import Any

from ...analysis.op_score import difference
from ...metrics import METRICS
from ...records.result import Score
from ..formatting import signed_sum, wrapped
from .tables import fitted

_AXES = ("log_error", "log_seconds", "log_megabytes")
_FORMATS = ("{:.3g}".format, METRICS["inference_s"].format, METRICS["size_mb"].format)
_NAMES = ("error", "time", "size")


def score_lines(score: Score, against: Score | None, width: int, *, samples: int | None = None) -> list[str]:
    """Show a score with what each axis adds to it, and beside another one with what each axis changes.

    Args:
        score: the one that is meant.
        against: the one to compare it with, if any.
        width: columns that prose keeps to.
        samples: of the test set, where the score has an interval from it.
    """
    title = f"OpScore {score.value:.3f}"
    if samples is not None:
        title += f", 95 % interval {score.low:.3f} to {score.high:.3f}, from {samples:,} test samples"
    floored = any(shown.error_floored for shown in (score, against) if shown)
    notes = wrapped("no test sample was wrong; the score takes half an error for it", width) if floored else []
    legend = "Lower is better; 0.301 is a factor of two on any one axis."
    rows = _alone(score) if against is None else _beside(score, against)
    table = fitted(rows, width, left=("",)).lines
    return [*wrapped(title, width), "", *table, *notes, "", *wrapped(legend, width)]


def score_table(score: Score, against: Score | None, *, samples: int | None = None) -> dict[str, Any]:
    """Return the same as plain data; a score without test samples has no interval."""

    def plain(shown: Score) -> dict[str, Any]:
        return shown.model_dump() | ({} if samples is not None else {"low": None, "high": None})

    table = plain(score)
    if against is not None:
        parts = difference(score, against)
        table |= {"against": plain(against), "difference": parts._asdict() | {"total": parts.total}}
    return table


def _values(score: Score) -> list[str]:
    return [show(10 ** getattr(score, axis)) for show, axis in zip(_FORMATS, _AXES, strict=True)]


def _alone(score: Score) -> list[dict[str, str]]:
    rows = [
        {"": name, "value": value, "log10": f"{getattr(score, axis):.3f}"}
        for name, value, axis in zip(_NAMES, _values(score), _AXES, strict=True)
    ]
    return [*rows, {"": "OpScore", "value": "", "log10": f"{score.value:.3f}"}]


def _beside(score: Score, against: Score) -> list[dict[str, str]]:
    parts = difference(score, against)
    total, differences = signed_sum(parts, 3)
    this, reference = ([*_values(shown), f"{shown.value:.3f}"] for shown in (score, against))
    return [
        {"": name, "this": value, "against": reference_value, "difference": text, "factor": f"{10**part:.3g}"}
        for name, value, reference_value, text, part in zip(
            (*_NAMES, "OpScore"), this, reference, (*differences, total), (*parts, parts.total), strict=True
        )
    ]
