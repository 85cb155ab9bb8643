"""Microsoft's DNSMOS, how people would judge speech (ONNX, 9 s of sound to 3 figures): ``pip install speechmos``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import samples

from pytest_opml import Case, RawData, Result, register

_MODEL = samples.folder_of("speechmos", "speechmos librosa") / "dnsmos_models" / "sig_bak_ovr.onnx"
samples.folder_of("librosa", "librosa")
# The package's last step, from what the model gives to a mean opinion score: a x^2 + b x + c, which rises.
_TO_SCORE = {
    "sig": (-0.08397278, 1.22083953, 0.0052439),
    "bak": (-0.13166888, 1.60915514, -0.39604546),
    "ovrl": (-0.06766283, 1.11546468, 0.04602535),
}


@register("dataset", "sounds")
def load(_: Path | None) -> RawData:
    from speechmos import dnsmos

    sounds = samples.sounds(100, 144_160, 16_000)
    answers = [dnsmos.run(sound, sr=16_000) for sound in sounds]
    figures = [[_before(answer[f"{name}_mos"], *step) for name, step in _TO_SCORE.items()] for answer in answers]
    return RawData(None, None, tuple(_TO_SCORE), test_inputs=sounds, test_labels=np.array(figures, np.float32))


def _before(score: float, a: float, b: float, c: float) -> float:
    return float((-b + np.sqrt(b * b - 4 * a * (c - score))) / (2 * a))


CASE = Case(dataset="sounds", model=str(_MODEL), unfreeze=0, name="dnsmos")


@pytest.mark.parametrize("case", [CASE], ids=str)
def bench_dnsmos(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.test_samples == 100
    assert result.quality.value > 0.9999
