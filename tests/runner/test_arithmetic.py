from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml.measure.arithmetic import NumberFormat
from pytest_opml.runner import arithmetic
from pytest_opml.runner.arithmetic import speed_of, speeds_of
from pytest_opml.storage.cache import Cache
from tests.support.builders import make_device

INT8, HALF = NumberFormat("litert", "int8"), NumberFormat("openvino", "float16")


def test_a_machine_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[NumberFormat] = []

    def measure(form: NumberFormat) -> float | None:
        measured.append(form)
        return 0.4 if form == INT8 else None

    monkeypatch.setattr(arithmetic, "relative_time", measure)
    monkeypatch.setattr(arithmetic, "limit_process", lambda threads: None)
    cache = Cache(tmp_path)
    assert [speed_of(INT8, cache, make_device()), speed_of(INT8, cache, make_device())] == [0.4, 0.4]
    assert speeds_of((INT8, HALF), tmp_path, make_device()) == [0.4, None]
    assert measured == [INT8, HALF]
    speed_of(INT8, cache, make_device().model_copy(update={"threads": 64}))
    assert measured == [INT8, HALF, INT8]
