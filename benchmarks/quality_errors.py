"""How often a verdict on a figure of quality is wrong: accuracy by exact sums, averages and areas by simulation.

``accuracy`` sums, over all numbers of right answers, the chance of those after which a model that is just at its limit
is called beyond it: alone, as one of 20 and of 100 checks under Holm's method, and in comparison with a reference.
``averages``, ``drops`` and ``areas`` draw test sets of known recalls, answer them, and count how often the intervals of
recall, precision and F1, of their differences between two models, and of AUC lie wholly above and wholly below the
truth. ``macro`` is all three. ``figures`` does so for means of a figure of each example, ``regression`` for r2, and
``labels`` for averages over the labels of examples that have several. 2.5 % is promised for each side.

    python benchmarks/quality_errors.py accuracy
    python benchmarks/quality_errors.py figures
    python benchmarks/quality_errors.py macro --replays 4000
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import binom

from pytest_opml.measure import areas
from pytest_opml.stats.evidence import Evidence, Negative, PairedProportion, Proportion, SumOf
from pytest_opml.stats.example_figures import MeanFigure, PairedFigures
from pytest_opml.stats.label_sets import LabelAverage, LabelSets, label_averages
from pytest_opml.stats.macro_averages import MacroAverage, paired_averages
from pytest_opml.stats.predictions import Predictions
from pytest_opml.stats.quality_evidence import Area, MacroShare, PairedMacroShare
from pytest_opml.stats.regression_errors import ExplainedShare, LogExplainedRatio, SquaredErrors

_ERROR = 0.05
_IMAGES = (50, 100, 599, 2_000, 10_000)
_ACCURACIES = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
_METRICS = ("recall", "precision", "f1")

Floats = npt.NDArray[np.float64]


class Misses(NamedTuple):
    """How often an interval lies wholly above the truth, and wholly below it: shares."""

    above: float
    below: float

    @property
    def text(self) -> str:
        """In percent."""
        return f"{100 * self.above:.2f} / {100 * self.below:.2f}"


# --- exact sums


def misses_of_accuracy(images: int, accuracy: float, error: float) -> Misses:
    """Return the exact chances of either mistake about an accuracy."""
    likely = [k for k in range(images + 1) if binom.pmf(k, images, accuracy) > 1e-12]
    above = below = 0.0
    for right in likely:
        low, high = Proportion(right, images).interval(error)
        chance = float(binom.pmf(right, images, accuracy))
        above += chance * (low > accuracy)
        below += chance * (high < accuracy)
    return Misses(above, below)


def misses_of_drop(images: int, drop: float, differ: float, error: float) -> Misses:
    """Return the exact chances of either mistake about a drop, of models that differ on so large a share of images."""
    worse, better = (differ + drop) / 2, (differ - drop) / 2
    above = below = 0.0
    for only_reference in _likely(images, worse):
        chance = float(binom.pmf(only_reference, images, worse))
        rest = images - only_reference
        for only_candidate in _likely(rest, better / (1 - worse)):
            low, high = PairedProportion((only_reference, only_candidate, images)).interval(error)
            both = chance * float(binom.pmf(only_candidate, rest, better / (1 - worse)))
            above += both * (low > -drop + 1e-12)
            below += both * (high < -drop - 1e-12)
    return Misses(above, below)


def misses_of_two(images: int, accuracies: tuple[float, float], error: float) -> Misses:
    """Return the exact chances of either mistake about two accuracies on test images of their own."""
    truth = accuracies[0] - accuracies[1]
    above = below = 0.0
    for pair in itertools.product(*(_likely(images, accuracy, 1e-6) for accuracy in accuracies)):
        own, its = (Proportion(right, images) for right in pair)
        low, high = SumOf(own, Negative(its)).interval(error)
        chance = float(
            np.prod([binom.pmf(right, images, share) for right, share in zip(pair, accuracies, strict=True)])
        )
        above += chance * (low > truth + 1e-12)
        below += chance * (high < truth - 1e-12)
    return Misses(above, below)


def _likely(images: int, share: float, least: float = 1e-9) -> list[int]:
    counts = np.arange(images + 1)
    return [int(count) for count in counts[binom.pmf(counts, images, share) > least]]


def _accuracy() -> None:
    print("accuracy: wholly above / wholly below the truth, percent; family: any false fail of so many checks")
    for images, accuracy in itertools.product(_IMAGES, _ACCURACIES):
        alone = misses_of_accuracy(images, accuracy, _ERROR)
        families = []
        for checks in (20, 100):
            largest = max(misses_of_accuracy(images, accuracy, _ERROR / checks))
            families.append(f"{checks} checks {100 * (1 - (1 - largest) ** checks):.2f}")
        print(f"  {images:6} images, {accuracy:5.3f}: {alone.text}; {', '.join(families)}")
    print("accuracy against a reference, the same images")
    for images, drop, more in itertools.product((50, 100, 599, 2_000), (0.0, 0.005, 0.02), (0.0, 0.002, 0.01, 0.03)):
        if drop + more:
            print(f"  {images:6} images, drop {drop:g}, differ on {drop + more:g}: ", end="")
            print(misses_of_drop(images, drop, drop + more, _ERROR).text, flush=True)
    print("accuracy against an earlier run, images of its own")
    for images, pair in itertools.product((20, 50, 200), ((0.9, 0.9), (0.98, 0.98), (0.999, 0.999), (0.98, 0.9))):
        print(f"  {images:6} images, {pair}: {misses_of_two(images, pair, _ERROR).text}", flush=True)


# --- simulation


class Design(NamedTuple):
    """A test set: images of each class (classes,), and the chance of each answer to each class (classes, classes)."""

    name: str
    counts: tuple[int, ...]
    recalls: tuple[float, ...]

    @property
    def chances(self) -> Floats:
        """The chance of each answer to each class; wrong ones are equally likely."""
        size = len(self.counts)
        chances = np.repeat((1 - np.array(self.recalls))[:, None] / (size - 1), size, axis=1)
        np.fill_diagonal(chances, self.recalls)
        return chances

    @property
    def labels(self) -> npt.NDArray[np.uint16]:
        """The label of each image."""
        return np.repeat(np.arange(len(self.counts), dtype=np.uint16), self.counts)

    def answers(self, random: np.random.Generator) -> Predictions:
        """Draw what a model answers; within a class, equal answers stand together."""
        counts = random.multinomial(self.counts, self.chances)
        answers = np.tile(np.arange(len(self.counts), dtype=np.uint16), len(self.counts))
        return Predictions(self.labels, np.repeat(answers, counts.ravel()))

    def truth(self, metric: str) -> float:
        """The average that endless test images with these classes' shares would give."""
        answered = np.array(self.counts)[:, None] * self.chances
        right, labelled, predicted = np.diag(answered), answered.sum(axis=1), answered.sum(axis=0)
        below = {"recall": labelled, "precision": predicted, "f1": (labelled + predicted) / 2}[metric]
        return float((right / below).mean())


def _designs() -> Iterator[Design]:
    for classes, images in ((10, 50), (2, 10), (100, 10), (50, 100)):
        for recall in (0.8, 0.9, 0.95, 0.99, 0.999):
            if classes != 50 or recall < 0.99:
                yield Design(f"{classes} classes x {images}, {recall}", (images,) * classes, (recall,) * classes)
    mixed = tuple(np.linspace(0.8, 0.999, 10).tolist())
    yield Design("10 classes x 50, 0.8 to 0.999", (50,) * 10, mixed)
    uneven = (10, 10, 15, 20, 50, 100, 200, 400, 800, 1_000)
    for recall in (0.8, 0.95, 0.99):
        yield Design(f"10 classes, 10 to 1,000 images, {recall}", uneven, (recall,) * 10)
    yield Design("10 classes, 10 to 1,000 images, 0.8 to 0.999", uneven, mixed)
    yield Design("10 classes, 10 to 1,000 images, 0.999 to 0.8", uneven, mixed[::-1])
    yield Design("10 images of 0.9, 9 classes x 500 of 0.999", (10, *(500,) * 9), (0.9, *(0.999,) * 9))
    yield Design("2 classes, 50 of 0.95 and 950 of 0.99", (50, 950), (0.95, 0.99))
    yield Design("2 classes, 10 of 0.9 and 1,000 of 0.99", (10, 1_000), (0.9, 0.99))


_UNEVEN = (10, 10, 15, 20, 50, 100)
_AREAS = (
    *(Design(f"2 classes x 10, {recall}", (10, 10), (recall, recall)) for recall in (0.8, 0.9, 0.99)),
    *(Design(f"10 classes x 50, {recall}", (50,) * 10, (recall,) * 10) for recall in (0.9, 0.99)),
    *(Design(f"6 classes, 10 to 100 images, {recall}", _UNEVEN, (recall,) * 6) for recall in (0.9, 0.99)),
)


class Count:
    """Counts intervals that lie wholly above, and wholly below, the truth."""

    def __init__(self, truth: float) -> None:
        self.truth, self._draws, self._above, self._below = truth, 0, 0, 0

    def add(self, figure: Evidence) -> None:
        """Count the interval of a figure."""
        low, high = figure.interval(_ERROR)
        self._draws += 1
        self._above += low > self.truth + 1e-12
        self._below += high < self.truth - 1e-12

    @property
    def misses(self) -> Misses:
        """As shares."""
        return Misses(self._above / self._draws, self._below / self._draws)


def misses_of_averages(design: Design, draws: int) -> dict[str, Misses]:
    """Return how often the interval of each macro average misses the truth."""
    random = np.random.default_rng(0)
    counts = {metric: Count(design.truth(metric)) for metric in _METRICS}
    for _ in range(draws):
        answers = design.answers(random)
        for metric, count in counts.items():
            count.add(MacroShare(MacroAverage(metric, answers)))
    return {metric: count.misses for metric, count in counts.items()}


def misses_of_drops(design: Design, redone: float, draws: int) -> dict[str, Misses]:
    """Return how often the interval of a drop in each macro average misses the truth.

    The candidate answers as the reference does, but for a share of the images, which it answers anew with recalls that
    are 0.05 lower.
    """
    random = np.random.default_rng(0)
    lower = design._replace(recalls=tuple(recall - 0.05 for recall in design.recalls))
    recalls = tuple(
        (1 - redone) * before + redone * after for before, after in zip(design.recalls, lower.recalls, strict=True)
    )
    mixed = design._replace(recalls=recalls)
    counts = {metric: Count(mixed.truth(metric) - design.truth(metric)) for metric in _METRICS}
    for _ in range(draws):
        reference, anew = design.answers(random), lower.answers(random)
        shuffled = np.lexsort((random.random(len(anew.labels)), anew.labels))  # within each class
        chosen = random.random(len(anew.labels)) < redone
        candidate = Predictions(anew.labels, np.where(chosen, anew.predicted[shuffled], reference.predicted))
        for metric, count in counts.items():
            count.add(PairedMacroShare(*paired_averages(metric, candidate, reference)))
    return {metric: count.misses for metric, count in counts.items()}


class Scores(NamedTuple):
    """How a model scores images: the class's own score is so much higher on average; a share is scored as another."""

    separation: float
    mistaken: float

    def rows(self, labels: npt.NDArray[np.uint16], classes: int, random: np.random.Generator) -> Floats:
        """Draw probabilities (n, classes)."""
        taken = np.where(random.random(len(labels)) < self.mistaken, random.integers(0, classes, len(labels)), labels)
        logits = random.normal(size=(len(labels), classes))
        logits[np.arange(len(labels)), taken] += self.separation
        rows = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def _area(rows: Floats, labels: npt.NDArray[np.uint16]) -> areas.Area:
    area = areas.area_under_curve(rows.astype(np.float32), labels.astype(np.int64))
    assert area is not None
    return area


def _true_area(design: Design, scores: Scores) -> float:
    """Return the area that endless test images with these classes' shares would give."""
    random = np.random.default_rng(1)
    counts = np.array(design.counts)
    labels = np.repeat(np.arange(len(counts)), counts * -(-100_000 // counts.sum())).astype(np.uint16)
    return _area(scores.rows(labels, len(counts), random), labels).value


def misses_of_areas(design: Design, scores: Scores, draws: int) -> tuple[Misses, Misses]:
    """Return how often the interval of an area misses the truth, and that of the difference of two equal models."""
    random = np.random.default_rng(0)
    labels, classes = design.labels, len(design.counts)

    def one() -> Evidence:
        return Area(*_area(scores.rows(labels, classes, random), labels), labels)

    alone, difference = Count(_true_area(design, scores)), Count(0.0)
    for _ in range(draws):
        figure = one()
        alone.add(figure)
        difference.add(SumOf(figure, Negative(one())))
    return alone.misses, difference.misses


def _text(misses: dict[str, Misses]) -> str:
    return "; ".join(f"{metric} {figures.text}" for metric, figures in misses.items())


def _averages(draws: int) -> None:
    print(f"averages: wholly above / wholly below the truth, percent of {draws} test sets")
    for design in _designs():
        print(f"  {design.name}: {_text(misses_of_averages(design, draws))}", flush=True)


def _drops(draws: int) -> None:
    print("drops on the same images: the candidate answers a share of them anew, with recalls that are 0.05 lower")
    for design in _designs():
        if len(design.counts) == 10:
            for redone in (0.02, 0.3) if design.name == "10 classes x 50, 0.9" else (0.3,):
                figures = _text(misses_of_drops(design, redone, draws))
                print(f"  {design.name}, {redone:.0%} anew: {figures}", flush=True)


def _areas(draws: int) -> None:
    print("AUC, and the difference of two models that are equally good")
    for design in _AREAS:
        # the separation at which two normal scores are ranked right as often as the recall says, or mistaken images
        for scores in (Scores(float(ndtri(design.recalls[0])) * 2**0.5, 0.0), Scores(6.0, 1 - design.recalls[0])):
            alone, difference = misses_of_areas(design, scores, draws)
            kind = "mistaken images" if scores.mistaken else "normal scores"
            print(f"  {design.name}, {kind}: {alone.text}; difference {difference.text}", flush=True)


# --- figures of the examples


Draw = Callable[[np.random.Generator, int], Floats]


def _share(of: float) -> Draw:
    return lambda random, examples: (random.random(examples) < of).astype(float)


def _mostly(high: float, rare: float, low: float, spread: float = 0.02) -> Draw:
    """Figures near one value, and rarely another."""

    def draw(random: np.random.Generator, examples: int) -> Floats:
        figures = random.normal(np.where(random.random(examples) < rare, low, high), spread)
        return np.clip(figures, 0, 1)

    return draw


_FIGURES: dict[str, Draw] = {
    "right or wrong, 0.98": _share(0.98),
    "evenly from 0 to 1": lambda random, examples: random.random(examples),
    "from 0.7 to 0.9": lambda random, examples: random.uniform(0.7, 0.9, examples),
    "1, and 0.5 for 3 %": _mostly(1.0, 0.03, 0.5, 0.0),
    "0.95, and 0 for 1 %": _mostly(0.95, 0.01, 0.0),
    "0.95, and 0.3 for 10 %": _mostly(0.95, 0.1, 0.3),
    "near 1 (beta 20, 0.5)": lambda random, examples: random.beta(20, 0.5, examples),
}


def misses_of_figures(draw: Draw, examples: int, draws: int) -> tuple[Misses, Misses]:
    """Return how often the interval of a mean misses the truth, and that of the difference of a model and another.

    The other answers a fifth of the examples anew, and is equally good.
    """
    random = np.random.default_rng(0)
    alone, difference = Count(float(draw(np.random.default_rng(1), 10_000_000).mean())), Count(0.0)
    for _ in range(draws):
        figures = draw(random, examples)
        anew = np.where(random.random(examples) < 0.2, draw(random, examples), figures)
        alone.add(MeanFigure(figures))
        difference.add(PairedFigures(anew, figures))
    return alone.misses, difference.misses


def _figures(draws: int) -> None:
    print("means of a figure of each example, and the difference of two models that are equally good")
    for (name, draw), examples in itertools.product(_FIGURES.items(), (20, 100, 500, 5_000)):
        alone, difference = misses_of_figures(draw, examples, draws)
        print(f"  {examples:5} examples, {name}: {alone.text}; difference {difference.text}", flush=True)


# --- regression


def _squared(targets: Floats, answers: Floats) -> SquaredErrors:
    guessed = (targets - targets.mean()) ** 2
    return SquaredErrors((targets - answers) ** 2 / guessed.mean(), guessed / guessed.mean())


_NOISES: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda random, examples: random.normal(size=examples),
    "Student, 5 degrees": lambda random, examples: random.standard_t(5, examples) / np.sqrt(5 / 3),
    "ten times as much for 2 %": lambda random, examples: (
        random.normal(size=examples) * np.where(random.random(examples) < 0.02, 10, 1) / np.sqrt(2.98)
    ),
}


def misses_of_regressions(noise: str, share: float, examples: int, draws: int) -> tuple[Misses, Misses]:
    """Return how often the interval of r2 misses the truth, and that of the ratio of errors of two equal models.

    Args:
        noise: of the answers.
        share: its variance over that of the targets.
        examples: of the test set.
        draws: test sets.
    """
    random, draw = np.random.default_rng(0), _NOISES[noise]
    alone, ratio = Count(1 - share), Count(0.0)
    for _ in range(draws):
        targets, common = random.normal(size=examples), draw(random, examples)
        # the two are off alike in nine tenths of the variance
        own, its = (np.sqrt(0.9) * common + np.sqrt(0.1) * random.normal(size=examples) for _ in range(2))
        pair = [_squared(targets, targets + np.sqrt(share) * errors) for errors in (own, its)]
        alone.add(ExplainedShare(pair[0]))
        ratio.add(LogExplainedRatio(*pair))
    return alone.misses, ratio.misses


def _regression(draws: int) -> None:
    print("r2, and the ratio of the errors of two models that are equally good")
    for noise, share, examples in itertools.product(_NOISES, (0.01, 0.3), (20, 50, 200, 2_000)):
        alone, ratio = misses_of_regressions(noise, share, examples, draws)
        print(f"  {examples:5} examples, r2 {1 - share:g}, {noise}: {alone.text}; ratio {ratio.text}", flush=True)


# --- labels


class Labelling(NamedTuple):
    """Examples with several labels: how often each label is there and answered right, half of the time together."""

    examples: int
    shares: tuple[float, ...]
    right: float

    def answers(self, random: np.random.Generator, examples: int) -> LabelSets:
        """Draw what a model answers."""
        has = random.random((examples, len(self.shares))) < self.shares
        together = random.random((examples, 1)) < 0.5
        right = np.where(together, random.random((examples, 1)), random.random(has.shape)) < self.right
        return LabelSets(has, np.where(right, has, ~has))

    def redone(self, random: np.random.Generator, sets: LabelSets) -> LabelSets:
        """Answer a fifth of the examples anew, as well as before."""
        right = random.random(sets.labels.shape) < self.right
        anew = np.where(right, sets.labels, ~sets.labels)
        return sets._replace(predicted=np.where(random.random((len(anew), 1)) < 0.2, anew, sets.predicted))


_LABELLINGS = tuple(
    Labelling(examples, shares, right)
    for examples in (50, 300, 2_000)
    for shares in ((0.5, 0.5), (0.3, 0.3, 0.3, 0.2, 0.2), (0.5, 0.3, 0.2))
    for right in (0.8, 0.95, 0.99)
)


def misses_of_labels(labelling: Labelling, draws: int) -> dict[str, Misses]:
    """Return how often the interval of each average over the labels misses the truth, and that of a difference."""
    random = np.random.default_rng(0)
    whole = labelling.answers(np.random.default_rng(1), 2_000_000)
    counts = {metric: Count(LabelAverage(metric, whole).value) for metric in _METRICS}
    pairs = {metric: Count(0.0) for metric in _METRICS}
    for _ in range(draws):
        sets = labelling.answers(random, labelling.examples)
        anew = labelling.redone(random, sets)
        for metric, count in counts.items():
            count.add(MacroShare(LabelAverage(metric, sets)))
            pairs[metric].add(PairedMacroShare(*label_averages(metric, anew, sets)))
    differences = {f"difference of {metric}": count.misses for metric, count in pairs.items()}
    return {metric: count.misses for metric, count in counts.items()} | differences


def _labels(draws: int) -> None:
    print("averages over the labels of examples that have several")
    for labelling in _LABELLINGS:
        text = _text(misses_of_labels(labelling, draws))
        print(f"  {labelling.examples:5} examples, {labelling.shares}, {labelling.right}: {text}", flush=True)


_SIMULATED: dict[str, Callable[[int], None]] = {"averages": _averages, "drops": _drops, "areas": _areas}
_PARTS = _SIMULATED | {"figures": _figures, "regression": _regression, "labels": _labels}


def main() -> None:
    """Print how often each verdict is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["accuracy", "macro", *_PARTS])
    parser.add_argument("--replays", type=int, default=4_000, help="test sets that are drawn in each design")
    given = parser.parse_args()
    if given.what == "accuracy":
        _accuracy()
    else:
        for what in _SIMULATED if given.what == "macro" else (given.what,):
            _PARTS[what](given.replays)


if __name__ == "__main__":
    main()
