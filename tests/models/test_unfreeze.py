from __future__ import annotations

from collections.abc import Callable

import keras
import pytest

from pytest_opml.case import Case
from pytest_opml.errors import CaseDefinitionError
from pytest_opml.models.classifier import build_classifier
from pytest_opml.models.unfreeze import unfreeze
from tests.support import small
from tests.support.inputs import image_spec

MakeCase = Callable[..., Case]


def test_the_top_layer_is_the_dense_head(make_case: MakeCase) -> None:
    model = build_classifier(make_case(), image_spec(16), keras)
    assert [layer.name for layer in unfreeze(model, 1)] == ["head_dense"]
    assert [v.path.split("/")[-2] for v in model.trainable_variables] == ["head_dense"] * 2


def test_layers_with_weights_are_counted_from_the_output(make_case: MakeCase) -> None:
    model = build_classifier(make_case(), image_spec(16), keras)
    names = [layer.name for layer in unfreeze(model, 4)]
    assert names == ["second_bn", "third", "third_bn", "head_dense"]


def test_all_unfreezes_every_layer(make_case: MakeCase) -> None:
    model = build_classifier(make_case(), image_spec(16), keras)
    assert len(unfreeze(model, "all")) == small.LAYERS_WITH_WEIGHTS


def test_more_layers_than_there_are_is_refused(make_case: MakeCase) -> None:
    model = build_classifier(make_case(), image_spec(16), keras)
    with pytest.raises(CaseDefinitionError, match="unfreeze = 7: small has 6 layers with weights"):
        unfreeze(model, 7)
