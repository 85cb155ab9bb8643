"""Recipes: the figures that a model is trained by, where the case leaves them open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..case import Case
from ..datasets.augmentation import augmentations_of
from ..records.recipe import Recipe
from ..tensors import Task
from .optimizer import WARM_UP, WEIGHT_DECAY
from .unfreeze import NamedLayer, trainable_layers

if TYPE_CHECKING:
    import keras

# Of a new head alone, of layers that were trained before, and of fresh ones; along a cosine their mean is half of it.
_HEAD_RATE, _LAYER_RATE, _FRESH_RATE = 5e-3, 1e-3, 2e-3
_PAPER_HEAD_RATE, _PAPER_LAYER_RATE = 3e-3, 1e-3
_LAYER_DECAY = 0.1
_SMOOTHING = 0.1
_HEAD_EPOCHS = 5


def recipe_of(case: Case, trained: int, task: Task, *, whole: bool) -> Recipe:
    """Return the recipe of a case with all of its figures.

    Args:
        case: says which recipe, and may say some of the figures.
        trained: how many layers are trained.
        task: of the data.
        whole: whether all layers run in every step, frozen ones too, so that epochs of the head alone come cheap.
    """
    if case.recipe == "paper":
        rate = _PAPER_HEAD_RATE if trained == 1 else _PAPER_LAYER_RATE
        return _recipe(name="paper", optimizer="adam", learning_rate=rate, layer_decay=1.0)
    is_head, is_fresh = trained == 1, case.weights == "none"
    rate = _HEAD_RATE if is_head else _FRESH_RATE if is_fresh else _LAYER_RATE
    head_epochs = _given(case.head_epochs, _HEAD_EPOCHS if whole and not is_fresh else 0)
    return _recipe(
        name="standard",
        optimizer="adamw",
        learning_rate=_given(case.learning_rate, rate),
        layer_decay=_given(case.layer_decay, 1.0 if is_head or is_fresh else _LAYER_DECAY),
        weight_decay=_given(case.weight_decay, WEIGHT_DECAY),
        # a head alone is a convex problem: it neither has to be led in gently, nor can it become too sure so soon
        warm_up=_given(case.warm_up, 0.0 if is_head else WARM_UP),
        label_smoothing=_given(case.label_smoothing, _SMOOTHING if task == "classification" and not is_head else 0.0),
        head_epochs=0 if is_head else head_epochs,
        head_learning_rate=_HEAD_RATE if head_epochs and not is_head else 0.0,
        patience=case.patience,
        augment=augmentations_of(case),
    )


def _given(figure: Any, default: Any) -> Any:
    return default if figure is None else figure


def _recipe(**figures: Any) -> Recipe:
    nothing = dict.fromkeys(("weight_decay", "warm_up", "label_smoothing", "head_learning_rate"), 0.0)
    none = dict.fromkeys(("head_epochs", "held_out", "views", "fixed_statistics"), 0)
    return Recipe(**nothing | none | {"patience": None, "best_epoch": None, "augment": ()} | figures)


def shares_of_rate(model: keras.Model, trained: list[NamedLayer], layer_decay: float) -> dict[int, float]:
    """Return the share of the rate for each variable of the trained layers, by its ``id``.

    Args:
        model: whose layers with weights are counted, from the first on.
        trained: those that are trained.
        layer_decay: the share of the first layer; that of the last is 1, and in between it is geometric.
    """
    layers = trainable_layers(model)
    places = {id(named.layer): place for place, named in enumerate(layers)}
    from_end = {key: (len(layers) - 1 - place) / max(1, len(layers) - 1) for key, place in places.items()}
    return {
        id(variable): layer_decay ** from_end[id(named.layer)]
        for named in trained
        for variable in named.layer.trainable_variables
    }
