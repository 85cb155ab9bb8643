"""Slices and confusions of the cases on one test set, whatever shows them: rows of texts by header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..analysis.examples import BY_CLASS
from ..records.result import ConfusionMatrix, Estimate, Result, Slice

_LARGEST_MATRIX = 20  # classes that are still read in one table
_CONFUSIONS = 3  # of a case, the most frequent ones

Rows = list[dict[str, str]]


def slice_rows(results: Sequence[Result], names: Mapping[str, str]) -> Rows:
    """Return a row for each slice that the results tell of, with the quality of each case in it.

    Args:
        results: on one test set, at least one.
        names: the short name of each case, by its id.
    """
    by_name = {one.name: one for result in results for one in result.slices}
    figures = {result.case.id: {one.name: _figure(one) for one in result.slices} for result in results}
    return [
        {"slice": f"{name}{_instead(one)}", "examples": f"{one.samples:,}"}
        | {names[case]: _text(of_case.get(name)) for case, of_case in figures.items()}
        for name, one in by_name.items()
    ]


def lowest_slices(results: Sequence[Result], names: Mapping[str, str]) -> list[str]:
    """Say for each case which value of a column of the data has the lowest quality; nothing of the classes."""
    texts = []
    for result in results:
        columns: dict[str, list[Slice]] = {}
        for one in result.slices:
            if one.by != BY_CLASS and _figure(one) is not None:
                columns.setdefault(one.by, []).append(one)
        lowest = [min(slices, key=_value) for slices in columns.values()]
        parts = [f"{one.name} {_text(_figure(one))} of {one.samples:,} examples" for one in lowest]
        texts += [f"lowest {result.quality.name} of {names[result.case.id]}: {'; '.join(parts)}"] if parts else []
    return texts


def confusion_rows(results: Sequence[Result], names: Mapping[str, str]) -> Rows:
    """Return a row for each case that took a class for another, with what it took for what most often."""
    rows: Rows = []
    for result in results:
        texts = [f"{label} as {answer}: {count:,}" for count, label, answer in _confusions(result.confusion)]
        if texts:
            rows.append({"case": names[result.case.id], "most often taken": "; ".join(texts[:_CONFUSIONS])})
    return rows


def matrix_rows(confusion: ConfusionMatrix | None) -> Rows:
    """Return a row for each class, with how often it was answered with each; none where the classes are too many."""
    if confusion is None or len(confusion.labels) > _LARGEST_MATRIX:
        return []
    return [
        {"class": label}
        | {f"as {answer}": f"{count:,}" for answer, count in zip(confusion.answers, counts, strict=True)}
        for label, counts in zip(confusion.labels, confusion.counts, strict=True)
    ]


def _confusions(confusion: ConfusionMatrix | None) -> list[tuple[int, str, str]]:
    """Return how often a class was taken for which answer, the most frequent first."""
    if confusion is None:
        return []
    wrong = [
        (count, label, answer)
        for label, counts in zip(confusion.labels, confusion.counts, strict=True)
        for answer, count in zip(confusion.answers, counts, strict=True)
        if count and answer != label
    ]
    return sorted(wrong, key=lambda one: -one[0])


def _figure(one: Slice) -> Estimate | None:
    return one.quality or one.accuracy


def _instead(one: Slice) -> str:
    """Say that a slice has its accuracy where the declared quality means nothing on it alone."""
    return " (accuracy)" if one.quality is None and one.accuracy else ""


def _value(one: Slice) -> float:
    figure = _figure(one)
    return 1.0 if figure is None else figure.value


def _text(figure: Estimate | None) -> str:
    if figure is None:
        return "n/a"
    return f"{figure.value:.4f} ±{(figure.high - figure.low) / 2:.3f}".replace("±0.", "±.")
