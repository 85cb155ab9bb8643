from __future__ import annotations

from typing import Any

import keras
import pytest

from pytest_opml.case import Case
from pytest_opml.models.recipe import recipe_of, shares_of_rate
from pytest_opml.models.unfreeze import unfreeze


def case(**fields: Any) -> Case:
    return Case(**{"dataset": "cifar10", "model": "efficientnet_lite0", "unfreeze": "all"} | fields)


def test_the_paper_has_adam_at_a_constant_rate() -> None:
    recipe = recipe_of(case(recipe="paper"), 100, "classification", whole=True)
    assert (recipe.optimizer, recipe.learning_rate, recipe.warm_up, recipe.label_smoothing) == ("adam", 1e-3, 0, 0)
    assert (recipe.head_epochs, recipe.layer_decay, recipe.augment) == (0, 1, ())


def test_what_a_case_says_holds_and_the_rest_is_the_recipes() -> None:
    figures = {"learning_rate": 2e-4, "layer_decay": 0.5, "weight_decay": 0.0, "warm_up": 0.0, "label_smoothing": 0.2}
    recipe = recipe_of(case(head_epochs=2, patience=3, **figures), 100, "classification", whole=True)
    assert recipe.model_dump().items() >= (figures | {"head_epochs": 2, "patience": 3, "optimizer": "adamw"}).items()
    own = recipe_of(case(), 100, "classification", whole=True)
    assert own.head_epochs > 0
    assert 0 < own.layer_decay < 1
    assert own.label_smoothing == 0.1


def test_only_what_was_trained_before_is_spared() -> None:
    fresh = recipe_of(case(weights="none"), 100, "classification", whole=True)
    assert (fresh.head_epochs, fresh.layer_decay) == (0, 1)
    head = recipe_of(case(unfreeze=1, head_epochs=4), 1, "classification", whole=False)
    assert (head.head_epochs, head.head_learning_rate, head.layer_decay) == (0, 0, 1)
    assert recipe_of(case(), 100, "regression", whole=True).label_smoothing == 0


@pytest.mark.parametrize(("epochs", "names"), [(10, ("flip", "crop")), (30, ("flip", "crop", "randaugment", "mixup"))])
def test_what_changes_more_pays_in_many_epochs(epochs: int, names: tuple[str, ...]) -> None:
    assert recipe_of(case(augment="auto", epochs=epochs), 100, "classification", whole=True).augment == names


@pytest.mark.tensorflow
def test_rates_fall_from_the_head_to_the_first_layer() -> None:
    model = keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(4) for _ in range(3))])
    shares = shares_of_rate(model, unfreeze(model, 2), 0.01)
    kernels = [layer.kernel for layer in model.layers]
    assert [shares.get(id(kernel)) for kernel in kernels] == [None, pytest.approx(0.1), 1.0]
