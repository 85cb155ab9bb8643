"""How good the answers are: the declared quality, the figures of the task, slices and the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError
from ..records.result import ConfusionMatrix, Estimate, ExampleColumn, QualityFigure, Slice
from ..runtimes.base import Probabilities
from ..stats.answer_sheet import AnswerSheet
from ..stats.example_figures import pack_rows
from ..stats.label_sets import LabelSets, pack_sets
from ..stats.predictions import Predictions, pack
from ..stats.regression_errors import SquaredErrors
from ..tensors import Task
from .areas import area_under_curve
from .outputs import of_classes, of_labels, of_targets
from .quality_functions import DeclaredQuality, declared_quality
from .slices import MOST_CLASSES, as_estimate, coded_columns, make_slices

_THRESHOLD = 0.5  # above it an example is given a label
_LARGEST = 1e30  # an error that 32-bit floats can hold, and add up
NO_CLASS = "(no class)"
Rows = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What a result says of the quality of the answers; its fields are those of ``Result``."""

    task: Task
    classes: int
    class_names: tuple[str, ...]
    quality: QualityFigure
    predictions: str | None = None
    figures: str | None = None
    accuracy: Estimate | None = None
    recall: float | None = None
    precision: float | None = None
    f1: float | None = None
    auc: float | None = None
    auc_error: float = 0.0
    columns: dict[str, ExampleColumn]
    slices: tuple[Slice, ...]
    confusion: ConfusionMatrix | None = None

    def as_fields(self) -> dict[str, Any]:
        """Return the fields of a ``Result`` by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def assess(
    rows: Rows,
    labels: Rows,
    task: Task,
    classes: Sequence[str],
    output_classes: Sequence[str] | None = None,
    quality: str | None = None,
    columns: Mapping[str, Rows] = {},
) -> Quality:
    """Compare what a model gave with the labels.

    Args:
        rows: what the model gave for each example (n, outputs): probabilities or logits; of two classes also one
            sigmoid; of a regression the targets.
        labels: the class of each example (n,); whether it has each label (n, labels); its targets (n,) or (n, targets).
            A class without a test example is left out of the averages.
        task: of the data.
        classes: names of the classes, labels or targets.
        output_classes: names of the model's outputs in their order, where they are not just the classes. An answer
            that is no class of the data is wrong.
        quality: the declared one; None for that of the task.
        columns: of the test data (n,), which slices are made by.

    Raises:
        DatasetError: no quality can be measured on the labels.
        ModelFileError: the outputs do not fit the classes.
        CaseDefinitionError: the quality is none for these data.
    """
    answered, sheet = _ASSESSED[task](rows, labels, classes, output_classes)
    declared = declared_quality(quality, task, answered, labels)
    if declared.figures is not None:
        sheet = replace(sheet, figures=declared.figures)
    names = tuple(classes) if len(classes) <= MOST_CLASSES else ()
    coded = coded_columns(columns)
    shares = {} if sheet.labels is None else {name: _value(sheet, name) for name in ("recall", "precision", "f1")}
    area = sheet.area
    return Quality(
        task=task,
        classes=len(classes),
        class_names=names,
        quality=_figure(declared, sheet),
        predictions=_packed_answers(sheet),
        figures=_packed_figures(declared, sheet),
        accuracy=as_estimate(sheet.evidence("right")),
        **shares,
        auc=area[0] if area else None,
        auc_error=area[1] if area else 0.0,
        columns=coded,
        slices=make_slices(sheet, declared.kind, names, coded),
        confusion=_confusion(sheet.predictions, names) if sheet.predictions and names else None,
    )


def _classification(
    rows: Rows, labels: Rows, classes: Sequence[str], outputs: Sequence[str] | None
) -> tuple[Probabilities, AnswerSheet]:
    if len(np.unique(labels)) < 2:
        raise DatasetError("the test labels are all of one class, which no quality can be measured on")
    probabilities = of_classes(rows, classes, outputs)
    # all that is no class of the data is one answer, behind the classes
    predicted = np.minimum(probabilities.argmax(axis=1), len(classes))
    predictions = Predictions(labels.astype(np.uint16), predicted.astype(np.uint16))
    return probabilities, AnswerSheet(predictions=predictions, area=area_under_curve(probabilities, labels))


def _multilabel(
    rows: Rows, labels: Rows, classes: Sequence[str], outputs: Sequence[str] | None
) -> tuple[Probabilities, AnswerSheet]:
    if not labels.any():
        raise DatasetError("no test example has a label, so no quality can be measured")
    probabilities = of_labels(rows, classes, outputs)
    sets = LabelSets(labels.astype(bool), probabilities > _THRESHOLD)
    return probabilities, AnswerSheet(label_sets=sets, area=area_under_curve(probabilities, sets.labels))


def _regression(
    rows: Rows,
    labels: Rows,
    classes: Sequence[str],  # noqa: ARG001 - the targets need no names
    outputs: Sequence[str] | None,  # noqa: ARG001
) -> tuple[Rows, AnswerSheet]:
    answered = of_targets(rows, labels)
    targets = labels.reshape(len(labels), -1).astype(np.float64)
    guessed = (targets - targets.mean(axis=0)) ** 2
    varying = guessed.any(axis=0)
    if not varying.any():
        raise DatasetError("the test targets are all the same, which no quality can be measured on")
    own = (targets - answered.reshape(targets.shape)) ** 2
    relative = [(part[:, varying] / guessed[:, varying].mean(axis=0)).mean(axis=1) for part in (own, guessed)]
    # as the record holds them
    errors = (np.minimum(part, _LARGEST).astype(np.float32).astype(np.float64) for part in relative)
    return answered, AnswerSheet(errors=SquaredErrors(*errors))


_ASSESSED = {"classification": _classification, "multilabel": _multilabel, "regression": _regression}


def _value(sheet: AnswerSheet, name: str) -> float | None:
    evidence = sheet.evidence(name)  # type: ignore[arg-type]
    return None if evidence is None else evidence.value


def _figure(declared: DeclaredQuality, sheet: AnswerSheet) -> QualityFigure:
    estimate = as_estimate(sheet.evidence(declared.kind))
    if estimate is None:
        raise DatasetError(f"{declared.name} cannot be measured on these labels")
    return QualityFigure(name=declared.name, kind=declared.kind, **estimate.model_dump())


def _packed_answers(sheet: AnswerSheet) -> str | None:
    if sheet.predictions:
        return pack(*sheet.predictions)
    return pack_sets(*sheet.label_sets) if sheet.label_sets else None


def _packed_figures(declared: DeclaredQuality, sheet: AnswerSheet) -> str | None:
    if declared.figures is not None:
        return pack_rows(declared.figures)
    return pack_rows(np.stack(sheet.errors)) if declared.kind == "errors" and sheet.errors else None


def _confusion(predictions: Predictions, classes: tuple[str, ...]) -> ConfusionMatrix:
    size = len(classes)
    codes = predictions.labels.astype(np.int64) * (size + 1) + predictions.predicted
    counts = np.bincount(codes, minlength=size * (size + 1)).reshape(size, size + 1)
    answers = (*classes, NO_CLASS) if counts[:, size].any() else classes
    return ConfusionMatrix(
        labels=classes, answers=answers, counts=tuple(map(tuple, counts[:, : len(answers)].tolist()))
    )
