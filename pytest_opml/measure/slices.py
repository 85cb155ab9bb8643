"""Parts of the test examples: those of a class, and those with a value in a column of the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..analysis.examples import BY_CLASS, MACRO_KINDS
from ..printable import clipped
from ..records.result import Estimate, ExampleColumn, QualityKind, Slice
from ..stats.answer_sheet import AnswerSheet
from ..stats.evidence import Evidence
from ..stats.intervals import CONFIDENCE
from ..stats.predictions import pack_codes, unpack_codes

MOST_CLASSES = 100
MOST_VALUES = 20  # of a column
_LONGEST_VALUE = 200  # characters
Rows = npt.NDArray[Any]


def coded_columns(columns: Mapping[str, Rows]) -> dict[str, ExampleColumn]:
    """Return the columns of the test data that have at most 20 values, in the order of the values.

    Args:
        columns: each of the test examples (n,), by name. One that is called ``class`` is not taken, for the classes
            are.
    """
    return {
        name: column
        for name, values in columns.items()
        if name != BY_CLASS and (column := _coded(np.asarray(values))) is not None
    }


def _coded(values: Rows) -> ExampleColumn | None:
    texts = [_text(value) for value in values.tolist()]
    distinct = sorted(set(texts), key=lambda text: (len(text), text) if text.isdigit() else (-1, text))
    if not 1 <= len(distinct) <= MOST_VALUES:
        return None
    places = {text: place for place, text in enumerate(distinct)}
    return ExampleColumn(values=tuple(distinct), codes=pack_codes([places[text] for text in texts]))


def _text(value: object) -> str:
    """Return a value in one line, as a budget names it: 3.0 as 3."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, float):
        return f"{value:g}"
    return clipped(value, _LONGEST_VALUE)


def make_slices(
    sheet: AnswerSheet, kind: QualityKind, classes: Sequence[str], columns: Mapping[str, ExampleColumn]
) -> tuple[Slice, ...]:
    """Return each class and each value of a column that has test examples, with its figures.

    Args:
        sheet: the answers.
        kind: of the declared quality.
        classes: names of the classes or labels; empty where there are none, or too many to be told.
        columns: as ``coded_columns`` gave them.
    """
    return tuple(
        _slice(sheet.chosen(examples), kind, by, value)
        for by, value, examples in _parts(sheet, classes, columns)
        if examples.any()
    )


def _parts(
    sheet: AnswerSheet, classes: Sequence[str], columns: Mapping[str, ExampleColumn]
) -> Iterator[tuple[str, str, npt.NDArray[np.bool_]]]:
    labels = sheet.labels
    for place, name in enumerate(classes if labels is not None else ()):
        if labels is not None:
            yield BY_CLASS, name, labels == place if labels.ndim == 1 else labels[:, place]
    for by, column in columns.items():
        codes = unpack_codes(column.codes)
        for place, value in enumerate(column.values if codes is not None else ()):
            yield by, value, np.asarray(codes == place)


def _slice(sheet: AnswerSheet, kind: QualityKind, by: str, value: str) -> Slice:
    (samples,) = sheet.lengths
    means_something = by != BY_CLASS or kind not in MACRO_KINDS
    return Slice(
        by=by,
        value=value,
        samples=samples,
        quality=as_estimate(sheet.evidence(kind)) if means_something else None,
        accuracy=as_estimate(sheet.evidence("right")),
    )


def as_estimate(evidence: Evidence | None) -> Estimate | None:
    """Return a figure with its 95 % interval."""
    if evidence is None:
        return None
    low, high = evidence.interval(1 - CONFIDENCE)
    return Estimate(value=evidence.value, low=min(low, evidence.value), high=max(high, evidence.value))
