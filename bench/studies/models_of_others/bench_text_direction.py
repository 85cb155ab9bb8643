"""PaddleOCR's direction of a line of text (ONNX, any size, NCHW, BGR): ``pip install rapidocr-onnxruntime``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import samples

from pytest_opml import Case, Preprocess, RawData, Result, register

_MODEL = (
    samples.folder_of("rapidocr_onnxruntime", "rapidocr-onnxruntime") / "models/ch_ppocr_mobile_v2.0_cls_infer.onnx"
)


@register("dataset", "lines-of-text")
def load(_: Path | None) -> RawData:
    from rapidocr_onnxruntime import RapidOCR

    lines = samples.drawn_text(120, 48, 192, line_height=40)
    lines[1::2] = lines[1::2, ::-1, ::-1]
    _, answers, _ = RapidOCR().text_cls([np.ascontiguousarray(line[..., ::-1]) for line in lines])  # it takes BGR
    return RawData(None, None, test_inputs=lines, test_labels=np.array([direction for direction, _ in answers]))


CASE = Case(
    dataset="lines-of-text",
    model=str(_MODEL),
    unfreeze=0,
    size="48x192",
    preprocess=Preprocess(scale=1 / 255, mean=0.5, std=0.5, channels="bgr", layout="nchw"),
    classes=("0", "180"),
    name="text-direction",
)


@pytest.mark.parametrize("case", [CASE], ids=str)
def bench_text_direction(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.test_samples == 120
    assert result.accuracy.value == 1
