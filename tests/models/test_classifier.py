from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.errors import ModelFileError
from pytest_opml.models.classifier import build_classifier
from tests.support.inputs import image_spec

MakeCase = Callable[..., Case]


def test_the_head_is_glorot_uniform_and_follows_the_seed(make_case: MakeCase) -> None:
    heads = [
        build_classifier(make_case(seed=seed), image_spec(16), keras).layers[-1].get_weights()[0] for seed in (3, 3, 4)
    ]
    limit = np.sqrt(6 / sum(heads[0].shape))
    assert np.abs(heads[0]).max() <= limit
    assert np.std(heads[0]) == pytest.approx(limit / np.sqrt(3), rel=0.05)
    assert np.array_equal(heads[0], heads[1])
    assert not np.array_equal(heads[0], heads[2])


def test_a_builder_that_returns_no_model_is_refused(make_case: MakeCase) -> None:
    with pytest.raises(ModelFileError, match="must return a Keras model"):
        build_classifier(make_case(model="tests.support.small:not_a_model"), image_spec(16), keras)
