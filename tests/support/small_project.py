"""A user's project whose cases take a second or two, in folders of one's choice, and sessions of it as processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.support.linear_onnx import CLASSES, SIZE, save_linear
from tests.support.processes import python_path

_EXAMPLES = 60
_BENCH = """
import pytest
from pytest_opml import Case

@pytest.mark.parametrize("number", range(%d))
def bench_files(number, opml):
    opml(Case(dataset="data.npz", model=f"models/{number}.onnx", unfreeze=0, preprocess={"scale": 1 / 255}))

@pytest.mark.parametrize("technique", %s)
def bench_trained(technique, opml):
    opml(Case(
        dataset="data.npz", model="small_cnn", technique=technique, size=16, weights="none", unfreeze="all", epochs=1
    ))
"""


@dataclass(frozen=True)
class Places:
    """The folders of a session.

    Attributes:
        project: holds the benchmarks, and the history in ``.opml``.
        cache: of models and artifacts.
        temporary: for temporary files.
        home: of the user, where nothing is.
    """

    project: Path
    cache: Path
    temporary: Path
    home: Path

    @classmethod
    def below(cls, folder: Path) -> Places:
        """Return folders below one, which are made."""
        places = cls(*(folder / name for name in ("project", "cache", "temporary", "home")))
        for path in (places.project, places.cache, places.temporary, places.home):
            path.mkdir()
        return places

    def command(self, *arguments: str) -> list[str]:
        """Return the command of a session of pytest."""
        common = ("-p", "no:cacheprovider", "-p", "no:randomly", "--opml-threads=1", "--opml-compare-seconds=0")
        return [sys.executable, "-m", "pytest", "bench", "-q", *common, f"--opml-cache-dir={self.cache}", *arguments]

    def environment(self) -> dict[str, str]:
        """Return the environment of a session; what Python compiles is no matter of ours."""
        names = ("XDG_", "OPML_", "PYTEST_", "KERAS_", "MPL")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
        return environment | {
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": python_path(),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TESTS_TENSORFLOW_NOTES": os.devnull,  # what tests note of processes is none of what a session writes
            "COLUMNS": "200",
        }

    def run(self, command: Sequence[str], seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command in the project."""
        return subprocess.run(
            command,
            cwd=self.project,
            env=self.environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )


def write_project(folder: Path, files: int, techniques: Sequence[str] = ()) -> None:
    """Write a project: cases of ONNX files, which need no TensorFlow, and a trained model with techniques."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2, _EXAMPLES, SIZE, SIZE, 3), np.uint8)
    labels = np.arange(_EXAMPLES) % CLASSES
    np.savez(folder / "data.npz", x_train=images[0], y_train=labels, x_test=images[1], y_test=labels)
    for number in range(files):
        save_linear(folder / "models" / f"{number}.onnx", number)
    (folder / "pyproject.toml").write_text("[tool.opml]\n")
    (folder / "bench").mkdir()
    (folder / "bench" / "bench_it.py").write_text(_BENCH % (files, list(techniques)))
