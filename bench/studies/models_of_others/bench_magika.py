"""Google's file types from bytes (ONNX, 2,048 numbers to 214 kinds): ``pip install magika``."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import samples

from pytest_opml import Case, RawData, Result, register

_MODEL = samples.folder_of("magika", "magika") / "models" / "standard_v3_3"
_KINDS = tuple(json.loads((_MODEL / "config.min.json").read_text("utf-8"))["target_labels_space"])
_SUFFIXES = (
    ".py",
    ".pyi",
    ".h",
    ".json",
    ".md",
    ".css",
    ".html",
    ".txt",
    ".toml",
    ".png",
    ".so",
    ".mako",
    ".sh",
    ".pyx",
)
_END, _PADDING, _BLOCK = 1024, 256, 4096


@register("dataset", "files-of-many-kinds")
def load(_: Path | None) -> RawData:
    from magika import Magika

    contents = [path.read_bytes() for path in samples.files_by_suffix(_SUFFIXES, each=9, largest=400_000)]
    contents += [gzip.compress(content) for content in contents[:6]] + [
        _pictured(form) for form in ("BMP", "GIF", "WEBP")
    ]
    package = Magika()
    answers = [str(package.identify_bytes(content).prediction.dl.label) for content in contents]
    return RawData(
        None, None, test_inputs=np.stack([_ends(content) for content in contents]), test_labels=np.array(answers)
    )


def _ends(content: bytes) -> np.ndarray:
    """The first and the last 1,024 bytes without the white space around them, as the model was trained on."""
    first, last = content[:_BLOCK].lstrip()[:_END], content[-_BLOCK:].rstrip()[-_END:]
    row = np.full(2 * _END, _PADDING, np.int32)
    row[: len(first)] = list(first)
    row[2 * _END - len(last) :] = list(last)
    return row


def _pictured(form: str) -> bytes:
    from PIL import Image

    content = BytesIO()
    Image.fromarray(samples.crops(1, 40, 40)[0]).save(content, form)
    return content.getvalue()


CASE = Case(dataset="files-of-many-kinds", model=str(_MODEL / "model.onnx"), unfreeze=0, classes=_KINDS, name="magika")


@pytest.mark.parametrize("case", [CASE], ids=str)
def bench_magika(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.test_samples >= 100
    assert result.accuracy.value == 1
