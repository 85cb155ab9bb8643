"""What a model answered to each test example, and the evidence of every figure of quality that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..records.result import QualityKind
from .evidence import Evidence, PairedProportion, Proportion, SumOf
from .example_figures import Floats, MeanFigure, PairedFigures
from .label_sets import LabelAverage, LabelSets, label_averages
from .macro_averages import MacroAverage, paired_averages
from .predictions import Predictions, discordant
from .quality_evidence import Area, ErrorRatio, MacroShare, PairedMacroShare
from .regression_errors import ExplainedShare, LogExplainedRatio, PairedExplainedShare, SquaredErrors

_MACRO: tuple[QualityKind, ...] = ("recall", "precision", "f1")


@dataclass(frozen=True)
class AnswerSheet:
    """The answers to n test examples; None for what the task has not, or the record does not hold.

    Attributes:
        predictions: of a classification.
        label_sets: of examples with any number of labels.
        figures: of the declared quality, where it is a mean of figures of the examples (n,).
        errors: of a regression.
        area: macro AUC and its standard error.
    """

    predictions: Predictions | None = None
    label_sets: LabelSets | None = None
    figures: Floats | None = None
    errors: SquaredErrors | None = None
    area: tuple[float, float] | None = None

    @property
    def lengths(self) -> set[int]:
        """The numbers of examples that its parts are of: one, unless a record was damaged; none of an empty sheet."""
        parts = (self.labels, self.figures, self.errors and self.errors.own)
        return {len(part) for part in parts if part is not None}

    @property
    def right(self) -> npt.NDArray[np.bool_] | None:
        """Whether each example was answered right (n,); None for a regression."""
        answered = self.predictions or self.label_sets
        return answered.right if answered else None

    @property
    def labels(self) -> npt.NDArray[Any] | None:
        """The classes of the examples (n,), or which labels each has (n, labels)."""
        answered = self.predictions or self.label_sets
        return answered.labels if answered else None

    def chosen(self, examples: npt.NDArray[np.bool_]) -> AnswerSheet:
        """Return the answers to some examples, by a mask (n,); an area is not known of them."""
        return AnswerSheet(
            self.predictions and self.predictions.chosen(examples),
            self.label_sets and self.label_sets.chosen(examples),
            None if self.figures is None else self.figures[examples],
            self.errors and SquaredErrors(*(part[examples] for part in self.errors)),
        )

    def evidence(self, kind: QualityKind) -> Evidence | None:
        """Return the evidence of a figure; None where the answers that it follows from are not there."""
        if kind == "right":
            return None if self.right is None else Proportion(int(self.right.sum()), len(self.right))
        if kind == "figures":
            return None if self.figures is None else MeanFigure(self.figures)
        if kind == "errors":
            return ExplainedShare(self.errors) if self.errors and self.errors.guessed.sum() > 0 else None
        if kind == "auc":
            return None if self.area is None or self.labels is None else Area.of_labels(*self.area, self.labels)
        average = self._average(kind)
        return MacroShare(average) if average and average.present.any() else None

    def _average(self, metric: str) -> MacroAverage | None:
        if self.predictions:
            return MacroAverage(metric, self.predictions)
        return LabelAverage(metric, self.label_sets) if self.label_sets and self.label_sets.labels.any() else None

    def beside(self, kind: QualityKind, reference: AnswerSheet, value: float) -> Evidence | None:
        """Return the evidence of a figure given that of a reference, paired on the same examples; None where it cannot.

        Args:
            kind: of the figure.
            reference: what another model answered.
            value: its figure, which the interval takes as exact.
        """
        difference: Evidence | None = None
        if not self._has_examples_of(reference):
            return None
        if kind == "right" and (own := self.right) is not None and (its := reference.right) is not None:
            difference = PairedProportion(discordant(own, its))
        elif kind == "figures" and self.figures is not None and reference.figures is not None:
            difference = PairedFigures(self.figures, reference.figures)
        elif kind == "errors" and (errors := self._paired_errors(reference)):
            return PairedExplainedShare(*errors)
        elif kind in _MACRO and (averages := self._averages(kind, reference)):
            difference = PairedMacroShare(*averages)
        return difference and SumOf(difference, constant=value)

    def error_ratio(self, kind: QualityKind, reference: AnswerSheet) -> Evidence | None:
        """Return the evidence of the base-10 logarithm of the ratio of two errors, candidate to reference.

        Args:
            kind: of the figure that the errors are 1 minus.
            reference: what another model answered; None where its examples are not the same, or the kind is not paired.
        """
        if not self._has_examples_of(reference):
            return None
        if kind == "right" and (own := self.right) is not None and (its := reference.right) is not None:
            return ErrorRatio(~own, ~its)
        if kind == "figures" and self.figures is not None and reference.figures is not None:
            return ErrorRatio(1 - self.figures, 1 - reference.figures)
        errors = self._paired_errors(reference) if kind == "errors" else None
        return LogExplainedRatio(*errors) if errors else None

    def _has_examples_of(self, reference: AnswerSheet) -> bool:
        """Tell whether two sheets are of examples with the same labels."""
        if (self.errors is None) != (reference.errors is None):
            return False
        if self.errors and reference.errors:
            return np.array_equal(self.errors.guessed, reference.errors.guessed)
        if self.labels is None or reference.labels is None:
            figures = self.figures, reference.figures
            return self.labels is reference.labels and len({None if one is None else len(one) for one in figures}) == 1
        return np.array_equal(self.labels, reference.labels)

    def _paired_errors(self, reference: AnswerSheet) -> tuple[SquaredErrors, SquaredErrors] | None:
        if not self.errors or not reference.errors or not self.errors.guessed.sum() > 0:
            return None
        pair = self.errors, reference.errors
        return pair if all(errors.own.any() for errors in pair) else None

    def _averages(self, kind: str, reference: AnswerSheet) -> tuple[MacroAverage, MacroAverage] | None:
        if self.predictions and reference.predictions:
            return paired_averages(kind, self.predictions, reference.predictions)
        if self.label_sets and reference.label_sets and self.label_sets.labels.any():
            return label_averages(kind, self.label_sets, reference.label_sets)
        return None
