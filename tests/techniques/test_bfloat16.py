from __future__ import annotations

import pytest

from pytest_opml.errors import MissingDependencyError, TechniqueError
from pytest_opml.techniques import bfloat16
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.bfloat16 import Bfloat16, _Timed
from tests.conftest import Trained

SHARES = {"openvino": (1.0, 0.5), "tensorflow": (0.5, 1.5)}  # seconds, and the share of those of float32


@pytest.fixture
def state(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> ModelState:
    """A model whose candidates are told to take what ``SHARES`` says."""
    monkeypatch.setattr(bfloat16, "_by_openvino", lambda state, context: (state, state))
    monkeypatch.setattr(
        bfloat16, "_timed", lambda runtime, plain, reduced, context: _Timed(runtime, reduced, *SHARES[runtime])
    )
    return ModelState(trained.load())


def test_the_one_that_is_faster_than_its_own_float32_is_taken(trained: Trained, state: ModelState) -> None:
    changes = Bfloat16().apply(state, trained.context()).changes
    assert changes == {
        "bfloat16.runtime": "openvino",
        "bfloat16.openvino_share_of_float32_time": 0.5,
        "bfloat16.tensorflow_share_of_float32_time": 1.5,
    }


def test_where_none_is_faster_the_error_says_by_how_much(trained: Trained, state: ModelState) -> None:
    with pytest.raises(TechniqueError, match=r"not faster than float32 here, .* 1.50 in tensorflow; .* require=no"):
        Bfloat16(runtime="tensorflow").apply(state, trained.context())
    result = Bfloat16(runtime="tensorflow", require=False).apply(state, trained.context())
    assert {layer.dtype_policy.name for layer in result.model.layers if "conv" in layer.name} <= {"mixed_bfloat16"}
    assert result.changes["bfloat16.runtime"] == "tensorflow"


def test_one_that_is_not_installed_is_left_out_unless_it_is_named(
    trained: Trained, state: ModelState, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise MissingDependencyError("technique bfloat16", "openvino", extra="openvino")

    monkeypatch.setattr(bfloat16, "_by_openvino", missing)
    assert Bfloat16(require=False).apply(state, trained.context()).changes["bfloat16.runtime"] == "tensorflow"
    with pytest.raises(MissingDependencyError):
        Bfloat16(runtime="openvino").apply(state, trained.context())


def test_it_is_measured_on_the_model_itself(trained: Trained) -> None:
    state = Bfloat16(runtime="tensorflow", require=False).apply(ModelState(trained.load()), trained.context())
    assert 0 < float(state.changes["bfloat16.tensorflow_share_of_float32_time"]) < 100
