from __future__ import annotations

import numpy as np

from pytest_opml.models.batches import Examples
from pytest_opml.models.head_first import train_head
from pytest_opml.models.heads import HEAD
from pytest_opml.models.learner import Lesson
from pytest_opml.models.logits import up_to_logits
from pytest_opml.models.losses import Figures, label_loss
from pytest_opml.models.recipe import recipe_of
from tests.conftest import Trained


def test_a_fresh_head_learns_while_all_else_stays_as_it_is(trained: Trained) -> None:
    model, data = trained.load(), trained.data
    head = model.get_layer(HEAD)
    head.set_weights([np.zeros_like(array) for array in head.get_weights()])
    before = {layer.name: layer.get_weights() for layer in model.layers}
    case = trained.case.model_copy(update={"weights": "imagenet", "head_epochs": 3})
    recipe = recipe_of(case, 6, "classification", whole=True)
    examples = Examples(data.x_train, data.y_train[:, None].astype(np.float32))
    lesson = Lesson(label_loss(Figures("classification", "softmax", 10)))
    train_head(model, up_to_logits(model), examples, lesson, recipe, case)
    changed = {
        layer.name
        for layer in model.layers
        if any(not np.array_equal(a, b) for a, b in zip(layer.get_weights(), before[layer.name], strict=True))
    }
    assert changed == {HEAD}
    assert np.mean(model.predict(trained.x_test, verbose=0).argmax(axis=1) == data.y_test) > 0.9
