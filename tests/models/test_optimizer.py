from __future__ import annotations

import keras
import numpy as np
import pytest

from pytest_opml.models.optimizer import adamw


def test_the_rate_rises_and_then_falls_to_zero() -> None:
    optimizer = adamw([], 1e-2, 100, warm_up=0.1, weight_decay=0.0)
    rates = [float(optimizer._learning_rate(step)) for step in range(101)]
    assert np.argmax(rates) == 10
    assert rates[10] == pytest.approx(1e-2)
    assert 0 < rates[0] < 2e-3
    assert rates[100] == pytest.approx(0, abs=1e-9)
    falling = [float(adamw([], 1e-2, 4, warm_up=0.0, weight_decay=0.0)._learning_rate(step)) for step in range(5)]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] == pytest.approx(1e-2)


def test_kernels_decay_and_offsets_do_not() -> None:
    kernel, offset = keras.Variable(np.ones((2, 2), np.float32)), keras.Variable(np.ones(2, np.float32))
    optimizer = adamw([kernel, offset], 0.1, 10, warm_up=0.0, weight_decay=0.5)
    optimizer.apply([np.zeros((2, 2), np.float32), np.zeros(2, np.float32)], [kernel, offset])
    assert np.allclose(kernel, 0.95, atol=1e-3)
    assert np.allclose(offset, 1.0)
