from __future__ import annotations

import keras
import numpy as np
import pytest

from pytest_opml.errors import TechniqueError
from pytest_opml.techniques.kernels import require_finite


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused_by_the_name_of_their_layer(value: float) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="inner"), keras.layers.Dense(2)])
    require_finite("cluster-16: refuses", model)
    kernel = model.layers[0].kernel.numpy()
    kernel[1, :2] = value
    model.layers[0].kernel.assign(kernel)
    with pytest.raises(TechniqueError, match=r"^cluster-16: refuses weights .* infinite: 2 of 12 in .*inner/kernel$"):
        require_finite("cluster-16: refuses", model)
