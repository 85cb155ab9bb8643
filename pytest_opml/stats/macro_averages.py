"""Macro averages of predictions, and how many independent answers they are worth.

An average over classes weighs the examples of a small class more than others, so it is less sure than a share of as
many examples. How much less, its influence function tells (F. R. Hampel, J. Am. Stat. Assoc. 69, 1974): what one
example adds to the average, or takes from it. The effective number of examples is that of which a plain share would
have the same variance, as E. L. Korn and B. I. Graubard take it for surveys (Survey Methodology 24, 1998). With classes
of the same size it is the number of examples, and the interval of macro recall is that of the accuracy.

A class of which all answers were right may have a wrong one yet: before the variance is taken, examples that are right
and as many that are wrong are added to each class, as A. Agresti and B. A. Coull add them to a share (The American
Statistician 52, 1998). So no set of right answers is ever certain.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .predictions import Predictions

FEWEST_EXAMPLES = 10  # below it the errors of docs/gate.md do not hold

Floats = npt.NDArray[np.float64]


class SmallClass(NamedTuple):
    """A class of the test examples, and how many they are."""

    label: int
    examples: int


class EffectiveShare(NamedTuple):
    """An average over the classes as a share of so many independent answers.

    Attributes:
        value: 0 to 1.
        trials: the effective number of examples.
    """

    value: float
    trials: float


class EffectivePair(NamedTuple):
    """The difference between two averages as discordant answers to so many examples, all of them effective numbers."""

    worse: float
    better: float
    examples: float


class Influence(NamedTuple):
    """What one example does to an average, by class (classes,).

    Attributes:
        gain: of an example that is right.
        of_label: what each example with this label takes.
        of_prediction: what each example that is predicted as this class takes.
        smoothed: the average with the examples that are added to each class.
    """

    gain: Floats
    of_label: Floats
    of_prediction: Floats
    smoothed: float

    @property
    def of_right(self) -> Floats:
        """What an example of each class does that is right (classes,)."""
        return self.gain - self.of_label - self.of_prediction

    def of_examples(self, model: Predictions) -> Floats:
        """What each example does (n,)."""
        gained = np.where(model.labels == model.predicted, self.gain[model.labels], 0.0)
        return np.asarray(gained - self.of_label[model.labels] - self.of_prediction[model.predicted])


class MacroAverage:
    """A macro average of what a model answered, over the classes that have test examples.

    Args:
        metric: ``recall``, ``precision`` or ``f1``.
        model: what it answered.
        classes: more than any label and prediction; by default as many as there are.
        left_out: a class that is not averaged over, though something is labelled so.
    """

    def __init__(
        self, metric: str, model: Predictions, classes: int | None = None, *, left_out: int | None = None
    ) -> None:
        self.metric, self.model = metric, model
        size = classes or count_classes(model)
        right = model.labels[model.labels == model.predicted]
        labelled, predicted, hits = (
            np.bincount(chosen, minlength=size).astype(float) for chosen in (model.labels, model.predicted, right)
        )
        self.present = labelled > 0
        if left_out is not None:
            self.present[left_out] = False
        self.labelled, self.predicted, self.right = labelled, predicted, hits
        self._below = {"recall": labelled, "precision": predicted, "f1": (labelled + predicted) / 2}[metric]
        rates = np.divide(hits, self._below, out=np.zeros(size), where=self._below > 0)
        self.rates: Floats = rates[self.present]
        self.value = float(self.rates.mean())
        wrong = model.labels != model.predicted
        pairs = model.labels[wrong].astype(np.int64) * size + model.predicted[wrong]
        codes, self._wrong_counts = np.unique(pairs, return_counts=True)
        self._wrong = np.divmod(codes, size)

    def by_example(self, amounts: Floats) -> Floats:
        """Add up what stands for one example: here each example by itself (n,)."""
        return amounts

    def of_one_example(self, of_classes: Floats) -> Floats:
        """Return what one example does, given what one of each class does (classes,): here it is of one class."""
        return of_classes

    def rare_ends(self, error: float, reference: MacroAverage | None = None) -> tuple[float, float]:  # noqa: ARG002
        """Return how far rare large parts may move the average, or its difference to a reference, down and up."""
        return 0.0, 0.0

    def influence(self, added: float) -> Influence:
        """Return what one example does.

        Args:
            added: examples that are right, and as many that are wrong, added to each class.
        """
        whole = self._below + 2 * added
        smoothed = np.divide(self.right + added, whole, out=np.zeros(len(whole)), where=whole > 0)
        below = np.maximum(self._below, 1.0)
        gain = self.present / (np.sqrt(below * (below + 2 * added)) * self.present.sum())
        taken, none = gain * smoothed, np.zeros(len(gain))
        shares = {"recall": (taken, none), "precision": (none, taken), "f1": (taken / 2, taken / 2)}
        return Influence(gain, *shares[self.metric], float(smoothed[self.present].mean()))

    def effective(self, added: float) -> EffectiveShare:
        """Return the average as a share of an effective number of examples, at most as many as there are.

        Args:
            added: as ``influence`` takes it.
        """
        influence, examples = self.influence(added), float(len(self.model.labels))
        labels, predictions = self._wrong
        right, wrong = influence.of_right**2, (influence.of_label + influence.of_prediction) ** 2
        of_wrong = (influence.of_label[labels] + influence.of_prediction[predictions]) ** 2
        variance = (
            float(self.right @ right + self._wrong_counts @ of_wrong) + added * (right + wrong)[self.present].sum()
        )
        trials = influence.smoothed * (1 - influence.smoothed) / variance
        return EffectiveShare(self.value, float(min(max(trials, 1.0), examples)))

    @property
    def bias(self) -> float:
        """How far the average lies above the truth on average, where the examples of each class are a fixed number.

        Precision and F1 divide by a number of predictions, which is random: the second term of their Taylor series.
        """
        right, wrong = self.right, self.predicted - self.right  # wrongly predicted as the class
        if self.metric == "recall":
            return 0.0
        recalls = np.divide(right, self.labelled, out=np.zeros(len(right)), where=self.present)
        if self.metric == "precision":
            # with n - 1 for each of the two variances that it rests on
            whole = np.maximum(self.predicted, 1)
            by_class = right * wrong * recalls / whole / np.maximum(whole - 1, 1) ** 2
        else:
            bend = wrong - (self.labelled + wrong) * (1 - recalls)
            by_class = 2 * right * bend / np.maximum(self.labelled + self.predicted, 1) ** 3
        return float(by_class[self.present].mean())

    @property
    def unpredicted(self) -> float:
        """The share of the classes of which the precision is not known, since they were never predicted."""
        if self.metric != "precision":
            return 0.0
        return float((self.predicted[self.present] == 0).mean())

    @property
    def class_counts(self) -> tuple[Floats, Floats]:
        """Right answers, and what they are a share of, in each class: of F1 the examples labelled or predicted so."""
        whole = {"f1": self.labelled + self.predicted - self.right}.get(self.metric, self._below)
        return self.right[self.present], whole[self.present]

    def class_rates(self, shares: Floats) -> Floats:
        """Return the metric of each class, given its share of right answers."""
        return 2 * shares / (1 + shares) if self.metric == "f1" else shares


def count_classes(*models: Predictions) -> int:
    """Return one more than the highest label or prediction."""
    return int(max(max(model.labels.max(), model.predicted.max()) for model in models)) + 1


def paired_averages(metric: str, candidate: Predictions, reference: Predictions) -> tuple[MacroAverage, MacroAverage]:
    """Return the averages of two models over the same classes."""
    classes = count_classes(candidate, reference)
    return MacroAverage(metric, candidate, classes), MacroAverage(metric, reference, classes)


def smallest_class(labels: npt.NDArray[Any]) -> SmallClass:
    """Return the class with the fewest examples among those that have any; of two, the one with the lower label.

    Args:
        labels: of the examples (n,); where each may have several, whether it has each of them (n, labels).
    """
    counts = np.bincount(labels) if labels.ndim == 1 else labels.sum(axis=0)
    label = int(np.where(counts > 0, counts, counts.max() + 1).argmin())
    return SmallClass(label, int(counts[label]))


def effective_pair(candidate: MacroAverage, reference: MacroAverage, added: float) -> EffectivePair:
    """Return the difference between two macro averages on the same test examples, candidate minus reference.

    The weight of a difference is that of the examples that the two answered differently.

    Args:
        candidate: of as many classes as the reference.
        reference: of the same metric and examples.
        added: examples of each class on which the two differ, added before that weight is taken.
    """
    own, its = candidate.influence(0.0), reference.influence(0.0)
    # of an example that one of the two gets wrong
    weights = candidate.of_one_example(((own.gain + its.gain) / 2)[candidate.present])
    if candidate.metric == "recall":  # what a label takes is the same for each example of a class
        none = np.zeros(len(own.gain))
        own, its = own._replace(of_label=none), its._replace(of_label=none)
    moved = np.abs(candidate.by_example(own.of_examples(candidate.model) - its.of_examples(reference.model)))
    differs = candidate.by_example((candidate.model.predicted != reference.model.predicted).astype(float)) > 0
    differing = moved[differs]
    weight = (differing @ differing + added * (weights @ weights)) / (differing.sum() + added * weights.sum())
    net = (candidate.value - reference.value) / weight
    # examples that both answered alike count too: their part depends on how many were predicted as their class
    discordant = max(moved @ moved / weight**2, abs(net))
    numbers = (discordant - net) / 2, (discordant + net) / 2, max(1 / weight, discordant)
    return EffectivePair(*map(float, numbers))
