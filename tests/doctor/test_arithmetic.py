from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_opml.doctor.arithmetic import arithmetic
from pytest_opml.measure.arithmetic import formats
from pytest_opml.runner.launchers import process
from pytest_opml.runner.launchers.base import WorkerFailed
from pytest_opml.settings import build_settings


def test_each_runtime_has_its_formats_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = [0.5, None, *[0.25] * (len(formats()) - 2)]
    monkeypatch.setattr(process.ProcessLauncher, "run", lambda self, task, arguments, limits: shares)
    first, *others = arithmetic(build_settings({}, {"cache_dir": str(tmp_path)}, tmp_path))
    assert (first.name, first.text) == ("tensorflow", "time, float32 being 1: float16 0.50, bfloat16 not here")
    assert [finding.name for finding in others] == ["litert", "onnxruntime", "openvino"]


def test_a_worker_that_fails_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise WorkerFailed("crash", "ended by a signal", "")

    monkeypatch.setattr(process.ProcessLauncher, "run", fail)
    (finding,) = arithmetic(build_settings({}, {"cache_dir": str(tmp_path)}, tmp_path))
    assert finding.state == "note"
