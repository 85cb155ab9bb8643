"""What a quality that is no better than guessing says of how a model was measured."""

from __future__ import annotations

from ..case import Case
from ..stats.label_sets import unpack_sets
from ..stats.predictions import unpack
from .quality import NO_CLASS, Quality

_OF_FILES = (
    "likely the inputs are not as the model was trained on them (of images: scale, mean, order of the channels; set "
    "preprocess= of the case), or the classes are in another order (set classes=)"
)
_OF_TRAINING = "it may not have learnt: more epochs, another learning rate or more data"


def quality_warnings(quality: Quality, case: Case) -> tuple[str, ...]:
    """Warn of answers that are at the level of chance, or all the same, and name the likely cause.

    Nothing is said of a model that is to know nothing: one without weights, and the random reference.

    Args:
        quality: of the answers.
        case: that was measured.
    """
    if case.weights == "none" or case.model == "random":
        return ()
    seen = _all_the_same(quality) or _at_chance(quality)
    return (f"{seen}: {_OF_FILES if case.unfreeze == 0 else _OF_TRAINING}",) if seen else ()


def _all_the_same(quality: Quality) -> str:
    """Say that every example was answered alike; empty where not."""
    if not quality.predictions:
        return ""
    if quality.task == "multilabel":
        sets = unpack_sets(quality.predictions)
        alike = sets is not None and len(sets.predicted) > 1 and bool((sets.predicted == sets.predicted[0]).all())
        return "all test examples were given the same labels" if alike else ""
    predictions = unpack(quality.predictions)
    if predictions is None or len(set(predictions.predicted.tolist())) > 1:
        return ""
    answer = int(predictions.predicted[0])
    names = (*quality.class_names, NO_CLASS)
    return f"all test examples were answered with one class ({names[answer] if answer < len(names) else answer})"


def _at_chance(quality: Quality) -> str:
    """Say that the answers are not told from guessing; empty where they are, or where too few were seen to say so."""
    if quality.task == "regression":
        figure = quality.quality
        at_chance = figure.kind == "errors" and figure.low <= 0 and figure.value < 0.5
        return f"{figure.name} {figure.value:.4f} is at the level of guessing the mean" if at_chance else ""
    accuracy, chance = quality.accuracy, 1 / quality.classes
    if quality.task == "multilabel" or accuracy is None or accuracy.low > chance:
        return ""
    if 1 - accuracy.value < (1 - chance) / 2:  # few examples, most of them right
        return ""
    return f"accuracy {accuracy.value:.4f} is at the level of guessing among {quality.classes} classes"
