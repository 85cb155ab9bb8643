from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from pytest_opml.measure import memory
from pytest_opml.measure.memory import device_peak_bytes, peak_bytes, reset_peak


def test_a_peak_is_seen_after_it_has_passed() -> None:
    held = reset_peak()
    block = np.ones(50_000_000 // 8)
    del block
    assert peak_bytes() - held > 45_000_000


def test_a_reset_forgets_an_earlier_peak() -> None:
    block = np.ones(200_000_000 // 8)
    del block
    held = reset_peak()
    assert peak_bytes() - held < 50_000_000


def tensorflow_with(gpus: list[str]) -> SimpleNamespace:
    """As much of TensorFlow as tells what it held on a GPU."""
    held = {"GPU:0": {"current": 10, "peak": 1_234_567}}
    experimental = SimpleNamespace(get_memory_info=held.__getitem__)
    config = SimpleNamespace(list_logical_devices=lambda kind: gpus if kind == "GPU" else [], experimental=experimental)
    return SimpleNamespace(config=config)


@pytest.mark.parametrize(("gpus", "peak"), [([], None), (["GPU:0"], 1_234_567)])
def test_tensorflow_tells_its_peak_on_a_gpu(monkeypatch: pytest.MonkeyPatch, gpus: list[str], peak: int | None) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow_with(gpus))
    assert device_peak_bytes() == peak


def test_without_tensorflow_there_is_no_peak_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    assert device_peak_bytes() is None


@pytest.mark.parametrize(("container", "of"), [(2_000_000_000, "container"), (None, "machine"), (1 << 60, "machine")])
def test_a_case_may_take_a_share_of_what_there_is(
    monkeypatch: pytest.MonkeyPatch, container: int | None, of: str
) -> None:
    monkeypatch.setattr(memory, "read_memory_limit", lambda: container)
    limit = memory.default_limit()
    there_is = container if of == "container" and container else psutil.virtual_memory().total
    assert limit == (pytest.approx(0.8 * there_is), f"80% of the {of}'s memory; set --opml-memory-mb")
