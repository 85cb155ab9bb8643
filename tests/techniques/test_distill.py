from __future__ import annotations

import numpy as np
import pytest

from pytest_opml.models.logits import up_to_logits
from pytest_opml.techniques.base import ModelState, OtherModel
from pytest_opml.techniques.distill import Distill
from tests.conftest import Trained


def test_the_student_comes_closer_to_its_teacher(trained: Trained) -> None:
    student, teacher = trained.load(), trained.load()
    for layer in student.layers[-1:]:
        layer.set_weights([np.zeros_like(array) for array in layer.get_weights()])
    before = np.abs(student.predict(trained.x_test, verbose=0) - teacher.predict(trained.x_test, verbose=0)).mean()
    state = Distill(teacher="small_cnn", weight=1.0, epochs=3).apply(ModelState(student), trained.context())
    after = np.abs(state.model.predict(trained.x_test, verbose=0) - teacher.predict(trained.x_test, verbose=0)).mean()
    assert after < 0.5 * before
    assert state.training_s > 0
    assert state.changes["distill.teacher_parameters"] == teacher.count_params()


def test_a_student_whose_answers_are_saturated_still_learns(trained: Trained) -> None:
    """In float32 its softmax is exactly 0 and 1: only the logits tell how far it is from its teacher."""
    student, teacher = trained.load(), trained.load()
    kernel, bias = student.layers[-1].get_weights()
    student.layers[-1].set_weights([kernel * 1_000, bias])
    logits = up_to_logits(student).predict(trained.x_test, verbose=0)
    assert np.median(np.sort(student.predict(trained.x_test, verbose=0), axis=1)[:, -2]) == 0
    state = Distill(teacher="small_cnn", weight=1.0, epochs=2).apply(ModelState(student), trained.context())
    taught = up_to_logits(teacher).predict(trained.x_test, verbose=0)
    learnt = up_to_logits(state.model).predict(trained.x_test, verbose=0)
    assert np.abs(learnt - taught).mean() < 0.9 * np.abs(logits - taught).mean()


def test_it_asks_for_its_teacher() -> None:
    assert Distill(teacher="resnet50").other_models() == (OtherModel("resnet50", None),)
    assert Distill(teacher="resnet50", top="all").other_models() == (OtherModel("resnet50", "all"),)


@pytest.mark.parametrize("top", ["all", 3, None])
def test_a_number_of_layers_is_read_as_one(top: int | str | None) -> None:
    written = {} if top is None else {"top": str(top)}
    assert Distill.parse("distill", ":", "resnet50", written).top == top
