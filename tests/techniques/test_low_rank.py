from __future__ import annotations

import keras
import numpy as np
import pytest

from pytest_opml.errors import TechniqueError
from pytest_opml.techniques.agreement import answers_of
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.channel_removal import multiply_accumulates
from pytest_opml.techniques.low_rank import Factors, LowRank, _examples, allocate, factorised, factors_of
from tests.conftest import Trained


def test_at_full_rank_two_layers_answer_as_the_one_did(trained: Trained) -> None:
    model = trained.load()
    layers = factors_of(model, _examples(trained.context()))
    assert [layer.name for layer in layers] == ["first", "second", "third"]
    split = factorised(model, layers, {layer.name: layer.kernel.shape[1] for layer in layers})
    assert [layer.name for layer in split.layers if "factor" in layer.name] == [
        f"{name.name}_factor" for name in layers
    ]
    assert np.allclose(answers_of(split, trained.x_test), answers_of(model, trained.x_test), atol=1e-5)


def test_the_share_of_multiplications_is_gone_and_most_answers_stay(trained: Trained) -> None:
    model = trained.load()
    state = LowRank(share=0.3, epochs=1).apply(ModelState(model), trained.context())
    assert isinstance(state.changes["low_rank.layers"], int)
    assert multiply_accumulates(state.model) <= 0.72 * multiply_accumulates(model)
    accuracies = [
        np.mean(answers_of(one, trained.x_test).argmax(1) == trained.data.y_test) for one in (model, state.model)
    ]
    assert accuracies[1] > accuracies[0] - 0.05


def test_components_of_the_outputs_lose_less_than_those_of_the_kernel(trained: Trained) -> None:
    model = trained.load()
    (layer,) = (one for one in factors_of(model, _examples(trained.context())) if one.name == "second")
    rank = 8
    _, _, plain = np.linalg.svd(layer.kernel, full_matrices=False)
    outputs = keras.Model(model.inputs, model.get_layer("second").output)
    wanted = answers_of(outputs, trained.x_test)

    def loss(directions: np.ndarray) -> float:
        split = factorised(model, [layer._replace(directions=directions)], {"second": rank})
        return float(
            np.mean(
                (answers_of(keras.Model(split.inputs, split.get_layer("second").output), trained.x_test) - wanted) ** 2
            )
        )

    assert loss(layer.directions) < 0.8 * loss(plain.T)


def test_more_than_can_go_is_an_error(trained: Trained) -> None:
    with pytest.raises(TechniqueError, match=r"low-rank-0.99: no more than \d\d% of these multiplications can go in"):
        LowRank(share=0.99).apply(ModelState(trained.load()), trained.context())


def test_the_layer_that_loses_least_is_split_first() -> None:
    kernel, mean = np.zeros((64, 64)), np.zeros(64)
    steep, flat = (np.append(np.linspace(1, 0, 64) ** power, 0) for power in (20, 1))
    layers = [Factors(name, kernel, mean, np.eye(64), lost, 10) for name, lost in (("steep", steep), ("flat", flat))]
    assert allocate(layers, 1.6 * 10 * 64 * 64) == {"steep": 16}
    assert allocate(layers, 0.6 * 10 * 64 * 64).keys() == {"steep", "flat"}
