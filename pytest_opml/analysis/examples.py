"""The test examples of a result one by one: what was answered to each, and which of them make a slice."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..metrics import Metric
from ..records.result import QualityKind, Result
from ..stats.answer_sheet import AnswerSheet
from ..stats.evidence import Evidence
from ..stats.example_figures import unpack_rows
from ..stats.label_sets import unpack_sets
from ..stats.predictions import unpack, unpack_codes
from ..stats.regression_errors import SquaredErrors

BY_CLASS = "class"
MACRO_KINDS: tuple[QualityKind, ...] = ("recall", "precision", "f1", "auc")
_AVERAGES: dict[str, QualityKind] = {"recall": "recall", "precision": "precision", "f1": "f1"}

Examples = npt.NDArray[np.bool_]


class SliceName(NamedTuple):
    """Which test examples: those of a class, or with a value in a column of the data."""

    by: str
    value: str

    def __str__(self) -> str:
        return f"{self.by}={self.value}"


def kind_of(metric: Metric, result: Result) -> QualityKind | None:
    """Return what a figure of a result is worked out from; None for one that is not of quality."""
    if metric.evidence == "quality":
        return result.quality.kind
    kinds: dict[str, QualityKind | None] = {"proportion": "right", "area": "auc", "macro": _AVERAGES.get(metric.name)}
    return kinds.get(metric.evidence)


def same_examples(result: Result, reference: Result) -> bool:
    """Tell whether two results are of the same test examples."""
    return result.data_digest == reference.data_digest and result.test_samples == reference.test_samples


def answer_sheet(result: Result) -> AnswerSheet:
    """Return what the record of a result holds of the answers; nothing where its parts are of different examples."""
    sets = result.task == "multilabel"
    predictions = unpack(result.predictions) if result.predictions and not sets else None
    rows = unpack_rows(result.figures) if result.figures else None
    is_errors = result.quality.kind == "errors"
    sheet = AnswerSheet(
        predictions=predictions,
        label_sets=unpack_sets(result.predictions) if result.predictions and sets else None,
        figures=rows[0] if rows is not None and not is_errors else None,
        errors=SquaredErrors(*rows) if rows is not None and is_errors and len(rows) == 2 else None,
        area=None if result.auc is None else (result.auc, result.auc_error),
    )
    return sheet if len(sheet.lengths) <= 1 else AnswerSheet()


def of_examples(kind: QualityKind, result: Result, examples: Examples | None = None) -> Evidence | None:
    """Return the evidence of a figure by the answers in the record; None where they do not tell.

    Args:
        kind: of the figure.
        result: whose record.
        examples: those of a slice (n,), at least one; None for all.
    """
    sheet = answer_sheet(result)
    if examples is None:
        return sheet.evidence(kind)
    return sheet.chosen(examples).evidence(kind) if sheet.lengths == {len(examples)} else None


def examples_of(result: Result, name: SliceName) -> Examples | None:
    """Return which test examples make a slice (n,); None where there are none, or the record does not tell."""
    if name.by == BY_CLASS:
        labels = answer_sheet(result).labels
        if labels is None or name.value not in result.class_names:
            return None
        place = result.class_names.index(name.value)
        examples = labels == place if labels.ndim == 1 else labels[:, place]
    else:
        column = result.columns.get(name.by)
        codes = unpack_codes(column.codes) if column else None
        if column is None or codes is None or name.value not in column.values:
            return None
        examples = codes == column.values.index(name.value)
    return np.asarray(examples) if len(examples) == result.test_samples and examples.any() else None
