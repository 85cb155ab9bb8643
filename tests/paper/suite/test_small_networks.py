from __future__ import annotations

import keras
import pytest

from pytest_opml.errors import CaseDefinitionError
from pytest_opml.paper.suite.small_networks import large, small
from pytest_opml.techniques.layer_transfer import matching_layers


def test_the_upper_layers_of_the_two_match_down_to_a_convolution() -> None:
    predecessor, successor = small(keras, 16, 1), large(keras, 16, 1)
    assert predecessor.output_shape == successor.output_shape == (None, 64)
    assert successor.count_params() > predecessor.count_params()
    matching = matching_layers(predecessor, successor, None)
    assert [type(pair.layer).__name__ for pair in matching.pairs] == [
        "BatchNormalization",
        "Conv2D",
        "BatchNormalization",
    ]
    assert matching.stopped_at


@pytest.mark.parametrize("build", [small, large])
def test_there_are_no_weights_for_them(build: object) -> None:
    with pytest.raises(CaseDefinitionError, match="this network has none; write weights='none'"):
        build(keras, 16, 1, weights="imagenet")  # type: ignore[operator]
