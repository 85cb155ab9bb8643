"""Examples for the models of other people: files and pictures that other packages carry, drawn text, made sounds."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

Array = npt.NDArray[Any]

WORDS = (
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "lazy",
    "dogs",
    "while",
    "nine",
    "grey",
    "cats",
    "sleep",
    "there",
)


def folder_of(package: str, requirements: str) -> Path:
    """Return the folder of an installed package, without importing it; skip the bench file where it is not installed.

    Args:
        package: as it is imported.
        requirements: what pip installs for the bench file.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"pip install {requirements}", allow_module_level=True)
    return Path(spec.submodule_search_locations[0])


def crops(count: int, height: int, width: int, seed: int = 0) -> Array:
    """Return parts of scikit-learn's two photographs, uint8 (count, height, width, 3)."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(seed)
    pictures = load_sample_images().images
    parts = []
    for number in range(count):
        picture = pictures[number % len(pictures)]
        top, left = (
            rng.integers(0, side - wanted + 1) for side, wanted in zip(picture.shape, (height, width), strict=False)
        )
        parts.append(picture[top : top + height, left : left + width])
    return np.stack(parts).astype(np.uint8)


def drawn_text(count: int, height: int, width: int, line_height: int, seed: int = 0) -> Array:
    """Return pictures of lines of words in many inks and papers, uint8 (count, height, width, 3), all upright."""
    from PIL import Image, ImageDraw, ImageFont

    rng = np.random.default_rng(seed)
    font = ImageFont.load_default(line_height * 0.7)
    pictures = []
    for _ in range(count):
        paper = tuple(int(v) for v in rng.integers(200, 256, 3))
        picture = Image.new("RGB", (width, height), paper)
        draw = ImageDraw.Draw(picture)
        for top in range(0, height - line_height + 1, line_height):
            ink = tuple(int(v) for v in rng.integers(0, 90, 3))
            draw.text((4, top + 2), " ".join(rng.choice(WORDS, 12)), fill=ink, font=font)
        pictures.append(np.asarray(picture))
    return np.stack(pictures)


def sounds(count: int, length: int, rate: int, seed: int = 0) -> Array:
    """Return tones that come and go, with overtones and noise of many strengths: float32 (count, length), -1 to 1."""
    rng = np.random.default_rng(seed)
    time = np.arange(length) / rate
    made = []
    for _ in range(count):
        pitch, beat, noise = rng.uniform(80, 500), rng.uniform(0.5, 6), 10 ** rng.uniform(-4, -0.7)
        tone = sum(np.sin(2 * np.pi * pitch * k * time + rng.uniform(0, 6)) / k for k in range(1, 6))
        loud = np.clip(np.sin(2 * np.pi * beat * time), 0, None) * rng.uniform(0.05, 0.4)
        made.append(np.clip(tone * loud + rng.normal(0, noise, length), -1, 1))
    return np.stack(made).astype(np.float32)


@cache
def files_by_suffix(suffixes: tuple[str, ...], each: int, largest: int = 30_000) -> tuple[Path, ...]:
    """Return files of Python and of the packages beside NumPy, up to ``each`` of a suffix, below ``largest`` bytes."""
    files: list[Path] = []
    for suffix in suffixes:
        for folder in (Path(np.__file__).parents[1], Path(sysconfig.get_path("stdlib"))):
            files += _first(folder.rglob(f"*{suffix}"), each, largest)
    return tuple(files)


def _first(paths: Iterator[Path], count: int, largest: int) -> list[Path]:
    chosen: list[Path] = []
    for path in paths:
        if path.is_file() and 200 < path.stat().st_size < largest:
            chosen.append(path)
            if len(chosen) == count:
                break
    return chosen
