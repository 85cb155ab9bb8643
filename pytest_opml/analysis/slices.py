"""Figures of a part of the test examples: those of a class, or with a value in a column of the data."""

from __future__ import annotations

from ..metrics import Metric
from ..records.result import Result
from ..stats.evidence import Evidence, Negative, SumOf
from .examples import (
    BY_CLASS,
    MACRO_KINDS,
    Examples,
    SliceName,
    answer_sheet,
    examples_of,
    kind_of,
    of_examples,
    same_examples,
)


def slices_by(result: Result, by: str) -> tuple[SliceName, ...]:
    """Return the slices of a result by its classes or by a column; the classes without a test example too."""
    if by == BY_CLASS:
        return () if result.task == "regression" else tuple(SliceName(by, name) for name in result.class_names)
    column = result.columns.get(by)
    return tuple(SliceName(by, value) for value in column.values) if column else ()


def why_no_slice(metric: Metric, result: Result, name: SliceName) -> str:
    """Say why a result has no such figure of a slice; empty where it has."""
    there = [one.value for one in slices_by(result, name.by)]
    if not there:
        if name.by == BY_CLASS:
            return "the test data have no classes, or too many to be told apart (100 at most)"
        names = ", ".join(result.columns) or "none"
        return f"the test data have no column {name.by!r} with 20 values or fewer; the columns: {names}"
    if name.value not in there:
        return f"no test example has {name}; the values: {', '.join(there)}"
    kind, examples = kind_of(metric, result), examples_of(result, name)
    if examples is None:
        return f"no test example has {name}"
    if kind == "auc" or (name.by == BY_CLASS and kind in MACRO_KINDS):
        figure = metric.name if metric.name == kind else result.quality.name
        return f"{figure} means nothing on these examples alone"
    if kind is None or of_examples(kind, result, examples) is None:
        return f"{metric.name} {metric.missing}"
    return ""


def of_slice(metric: Metric, result: Result, name: SliceName) -> Evidence:
    """Return the evidence of a figure of a slice.

    Raises:
        ValueError: there is none; ``why_no_slice`` says why.
    """
    kind, examples = kind_of(metric, result), examples_of(result, name)
    evidence = of_examples(kind, result, examples) if kind and examples is not None else None
    if evidence is None:
        raise ValueError(f"{name}: {why_no_slice(metric, result, name)}")
    return evidence


def of_slice_difference(metric: Metric, result: Result, reference: Result, name: SliceName) -> Evidence:
    """Return the evidence of a figure of a slice given that of a reference, which the interval takes as exact.

    It is paired on the test examples where both were asked the same.

    Raises:
        ValueError: one of the two has none; ``why_no_slice`` says why.
    """
    own, its = of_slice(metric, result, name), of_slice(metric, reference, name)
    kind, examples = kind_of(metric, result), examples_of(result, name)
    if kind and examples is not None and kind == kind_of(metric, reference) and same_examples(result, reference):
        sheets = (answer_sheet(one).chosen(examples) for one in (result, reference))
        if paired := next(sheets).beside(kind, next(sheets), its.value):
            return paired
    return SumOf(own, Negative(its), constant=its.value)


def examples_in(result: Result, name: SliceName | None) -> Examples | None:
    """Return which test examples a figure is of (n,): those of a slice, or None for all."""
    return None if name is None else examples_of(result, name)
