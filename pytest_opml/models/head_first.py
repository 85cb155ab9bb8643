"""The new head alone, on what the layers below give for plain examples, before these are trained with it.

The gradients that a random head sends down would spoil what the layers below were trained for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..case import Case
from ..datasets.input_set import InputSet
from ..records.recipe import Recipe
from .batches import Examples, compile_for_here, fit, frozen_parts, steps_of
from .features import features_of
from .learner import Lesson, learner
from .optimizer import adamw
from .unfreeze import unfreeze

if TYPE_CHECKING:
    import keras


def train_head(
    model: keras.Model, student: keras.Model, examples: Examples, lesson: Lesson, recipe: Recipe, case: Case
) -> None:
    """Train the last layer of a model; all others are frozen afterwards.

    Args:
        model: all of it.
        student: the same layers up to their logits, or those of them that are trained.
        examples: that the student takes; where these are features already, it is trained on them as it is.
        lesson: what it is taught.
        recipe: with the epochs of the head and their rate.
        case: says the batch and the seed.
    """
    unfreeze(model, 1)
    if isinstance(examples.inputs, InputSet):
        parts = frozen_parts(student, examples.inputs)
        student = parts.trained
        if parts.frozen is not None:
            features = features_of(parts.frozen, examples.inputs, case.batch)
            examples = Examples(features, examples.targets)
    steps = steps_of(len(examples.targets), case.batch)
    taught = learner(student, lesson)
    rate, epochs = recipe.head_learning_rate, recipe.head_epochs
    optimizer = adamw(taught.trainable_variables, rate, epochs * steps, warm_up=0.0, weight_decay=recipe.weight_decay)
    compile_for_here(taught, optimizer)
    stream = examples.in_training(student, case.batch, case.seed)
    fit(taught, stream, steps, epochs, what="training the head")
