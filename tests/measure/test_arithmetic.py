from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from pytest_opml.errors import MissingDependencyError
from pytest_opml.measure import arithmetic
from pytest_opml.measure.arithmetic import NumberFormat, formats, relative_time, time_calls


class Slow:
    """A runtime whose calls take so many ticks of a clock."""

    def __init__(self, clock: list[float], ticks: float) -> None:
        self._clock, self._ticks = clock, ticks

    def run(self, _: Any) -> None:
        self._clock[0] += self._ticks


def test_calls_are_timed_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(arithmetic.time, "perf_counter", lambda: clock[0])
    times = time_calls((Slow(clock, 0.02), None), (Slow(clock, 0.01), None))  # type: ignore[arg-type]
    assert (round(times.seconds, 6), round(times.share, 6)) == (0.01, 0.5)


@pytest.mark.parametrize(
    "form",
    [
        NumberFormat("onnxruntime", "int8"),
        NumberFormat("openvino", "int8"),
        pytest.param(NumberFormat("litert", "int4 weights"), marks=pytest.mark.tensorflow),
        pytest.param(NumberFormat("tensorflow", "bfloat16"), marks=pytest.mark.tensorflow),
    ],
    ids=lambda form: form.text,
)
def test_each_runtime_is_measured_by_its_own_network(form: NumberFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec(form.runtime) is None and form.runtime != "litert":
        pytest.skip(f"{form.runtime} is not installed")
    monkeypatch.setattr(arithmetic, "_SECONDS", 0.0)  # the fewest rounds
    share = relative_time(form)
    assert share is not None
    assert 0.01 < share < 100


def test_a_runtime_that_is_not_here_has_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise MissingDependencyError("opening it", "onnxruntime", extra="onnx")

    monkeypatch.setattr(arithmetic, "open_artifact", missing)
    assert relative_time(NumberFormat("onnxruntime", "int8")) is None
    assert NumberFormat("litert", "int4 weights") in formats()
