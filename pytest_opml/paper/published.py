"""The rankings that the paper published (its tables 5 and 6), and whether each score follows from its own row."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

from ..analysis.op_score import op_score
from .figures import CIFAR10, CIFAR100, read_table

TABLES = {5: CIFAR10, 6: CIFAR100}


class PublishedRow(NamedTuple):
    """One row as printed, with the score that its printed columns give.

    Attributes:
        score: as published.
        recomputed: from the printed accuracy, inference time and size.
        consistent: whether the rounding of the printed figures explains the difference of the two.
        from_training: the score that the training time would give in the place of the inference time.
    """

    model: str
    accuracy: float
    megabytes: float
    training_s: float
    inference_s: float
    score: float
    recomputed: float
    consistent: bool
    from_training: float


def half_digit(printed: str) -> float:
    """Return half of the last digit of a printed number: how far the rounded one may be from what it was."""
    return float(Decimal((0, (5,), int(Decimal(printed).as_tuple().exponent) - 1)))


def _read(row: dict[str, str]) -> PublishedRow:
    accuracy, megabytes = float(row["accuracy"]), float(row["size_mb"])
    inference, training = float(row["inference_s"]), float(row["training_s_per_epoch"])
    published = float(row["op_score"])

    def corner(sign: int) -> float:
        return op_score(
            accuracy - sign * half_digit(row["accuracy"]),
            inference + sign * half_digit(row["inference_s"]),
            megabytes + sign * half_digit(row["size_mb"]),
        ).value

    slack = half_digit(row["op_score"])
    return PublishedRow(
        row["model"],
        accuracy,
        megabytes,
        training,
        inference,
        published,
        recomputed=op_score(accuracy, inference, megabytes).value,
        consistent=corner(-1) - slack <= published <= corner(1) + slack,
        from_training=op_score(accuracy, training, megabytes).value,
    )


def published_table(number: int) -> tuple[PublishedRow, ...]:
    """Return the rows of table 5 or 6 in the order printed, MIN first and MAX last."""
    return tuple(map(_read, read_table(number)))


def explain(row: PublishedRow) -> str:
    """Say in one line why a score does not follow from its columns; empty for one that does."""
    if row.consistent:
        return ""
    text = f"{row.model}: published {row.score:.2f}, its columns give {row.recomputed:.2f}"
    if math.isclose(row.from_training, row.score, abs_tol=0.02):
        text += f"; {row.score:.2f} follows from the training time ({row.training_s:g} s), used by mistake"
    return text
