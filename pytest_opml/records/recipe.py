"""How a model is trained: the fields that a case has for it, and the figures that held, as records keep them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .base import Many, Record

RecipeName = Literal["standard", "paper"]
# In the order in which they are written and done.
AUGMENTATIONS = ("flip", "crop", "randaugment", "mixup")
_FIGURES = (
    *("augment", "learning_rate", "layer_decay", "weight_decay", "warm_up", "label_smoothing"),
    *("head_epochs", "patience"),
)


def read_augment(value: Any) -> Any:
    """Return names of augmentations in their one form: ``crop+flip`` is ``flip+crop``.

    Raises:
        ValueError: one is unknown, or stands there twice.
    """
    if value in ("none", "auto"):
        return value
    names = value.split("+") if isinstance(value, str) else []
    if not names or len(set(names)) < len(names) or not set(names) <= set(AUGMENTATIONS):
        raise ValueError(f"must be 'none', 'auto', or of {', '.join(AUGMENTATIONS)}, each once, joined by '+'")
    return "+".join(name for name in AUGMENTATIONS if name in names)


def check_recipe(case: Any) -> None:
    """Check that a case asks nothing of the paper's recipe that it does not have.

    Raises:
        ValueError: it does; names the field.
    """
    given = [name for name in _FIGURES if getattr(case, name) not in (None, "none")]
    if case.recipe == "paper" and given:
        raise ValueError(f"recipe = 'paper' is Adam at a constant rate and nothing else; leave {given[0]} out")


class Recipe(Record):
    """The figures that a model was trained by, those that the case left to the recipe among them."""

    name: RecipeName
    optimizer: Literal["adamw", "adam"]
    learning_rate: float = Field(description="at its highest, of the layer next to the output")
    layer_decay: float = Field(description="the rate of the network's first layer over that; in between geometric")
    weight_decay: float = Field(description="of kernels, times the rate, in each step")
    warm_up: float = Field(description="the share of the steps in which the rate rises; then it falls along a cosine")
    label_smoothing: float
    head_epochs: int = Field(description="in which the new head alone was trained, before the epochs of the case")
    head_learning_rate: float = Field(description="of these, at its highest; 0 where there were none")
    patience: int | None = Field(description="epochs without a gain, after which training stops; None: it does not")
    held_out: int = Field(description="training examples that were kept from it to see whether it gained")
    best_epoch: int | None = Field(description="whose weights were taken, counted from 1; None: the last one's")
    augment: Many[str] = Field(description="what was done to the training images")
    views: int = Field(description="of each training image that the frozen layers saw; 0 where nothing is frozen")
    fixed_statistics: int = Field(description="layers of batch normalisation that kept the statistics they had")
