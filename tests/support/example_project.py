"""A project in which the commands of the documentation run as they stand: its files have the names of the pages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from pytest_opml.history.store import open_store
from pytest_opml.records.run import Commit
from tests.support.builders import make_case, make_result, make_run
from tests.support.processes import python_path
from tests.support.repositories import run_git

SIZE, EXAMPLES = 8, 120
CLASSES = ("cat", "dog")
# What a pytest.ini of a project would say; the tests' own plugins are none of a user's business.
_ADDOPTS = "-p no:randomly -p no:rerunfailures -p no:cacheprovider"
_BENCH = """
import pytest
from pytest_opml import Case

CASE = Case(dataset="data/pets", model="models/prod.onnx", unfreeze=0, split="0-100")


@pytest.mark.parametrize("case", [CASE], ids=str)
def bench_release(case, opml):
    opml(case)
"""
_SETTINGS = """
[tool.opml]
compare_seconds = 0.5

[tool.opml.gate]
max_seconds = 5
accuracy = { min = 0.8 }
size_mb = { max = 5 }

[tool.opml.model.prod]
path = "models/prod.onnx"
dataset = "data/pets"

[tool.opml.search.mine]
chains = ["float16"]
"""


def write_example_project(folder: Path) -> Path:
    """Write the project, without a history and without a Keras model: that takes no TensorFlow and half a second."""
    images, labels = pixels()
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / "data" / "pets" / CLASSES[label] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    for name in ("data/pets.npz", "data/digits.npz", "pets.npz"):
        np.savez(folder / name, x_test=images, y_test=labels, classes=np.array(CLASSES))
    write_linear(folder / "models" / "prod.onnx")
    shutil.copytree(folder / "data" / "pets", folder / "pets")
    (folder / "pyproject.toml").write_text(_SETTINGS)
    (folder / "services" / "vision").mkdir(parents=True)
    (folder / "services" / "vision" / "pyproject.toml").write_text("[tool.opml.gate]\nsize_mb = { max = 5 }\n")
    (folder / "bench").mkdir()
    (folder / "bench" / "bench_release.py").write_text(_BENCH)
    (folder / "tests").mkdir()
    (folder / "tests" / "test_speed.py").write_text("def test_sum(benchmark):\n    benchmark(sum, range(1000))\n")
    (folder / ".gitignore").write_text(".opml/\n.benchmarks/\n__pycache__/\n.home/\n")
    run_git(folder, "init", "--quiet", "--initial-branch=main")
    run_git(folder, "config", "user.name", "Ada")
    run_git(folder, "config", "user.email", "ada@example.org")
    run_git(folder, "add", ".")
    run_git(folder, "commit", "--quiet", "--message", "The model")
    return folder


def pixels() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images (n, 8, 8, 3) of dark cats and bright dogs, and their labels."""
    random = np.random.default_rng(0)
    labels = np.arange(EXAMPLES) % 2
    bright = np.where(labels == 0, 60, 190)[:, None, None, None]
    images = random.normal(bright, 20, (EXAMPLES, SIZE, SIZE, 3)).clip(0, 255).astype(np.uint8)
    return images, labels


def linear_weights() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Weights (pixels, 2) and offsets (2,) that tell dark from bright, of pixels from 0 to 255."""
    count = 3 * SIZE**2
    weights = np.stack([np.full(count, -0.1 / count), np.full(count, 0.1 / count)], axis=1)
    return weights.astype(np.float32), np.array([12.5, -12.5], np.float32)


def write_linear(path: Path) -> None:
    """Write them as an ONNX model."""
    weights, offset = linear_weights()
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "offset"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "pets",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(offset, "offset")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(model, str(path))


def add_keras_models(folder: Path) -> None:
    """Write the same model for Keras and as TFLite, each by two names: that takes TensorFlow and some seconds."""
    import keras
    import tensorflow as tf

    inputs = keras.Input((SIZE, SIZE, 3))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(inputs)))
    model.layers[-1].set_weights(linear_weights())
    for name in ("models/prod.keras", "prod.keras"):
        model.save(folder / name)
    converted = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    for name in ("prod.tflite", "engine.tflite"):
        (folder / "models" / name).write_bytes(converted)


def add_history(folder: Path) -> None:
    """Run what leaves a history: two runs of the project with a commit between, a release, and older runs of others."""
    cases = [make_case(technique, unfreeze=unfreeze) for technique in ("baseline", "int8") for unfreeze in (1, 10)]
    results = [make_result(case=case) for case in cases]
    first = run_git(folder, "rev-parse", "HEAD")
    commit = Commit(commit=first, branch="main", dirty=False)
    with open_store(f"sqlite:///{folder}/.opml/history.db") as store:
        started = datetime.now(timezone.utc) - timedelta(days=1)
        store.append(make_run(results, run_id="3f0c2a9d4b7e", commit=commit, started=started))
    run_in(folder, "pytest -q bench --opml-json=before.json")
    run_in(folder, "opml release promote last --label v1.2")
    run_git(folder, "commit", "--quiet", "--allow-empty", "--message", "Nothing that matters")
    run_in(folder, "pytest -q bench --opml-json=after.json")
    run_in(folder, "pytest -q tests --benchmark-autosave")
    shutil.copy(folder / "after.json", folder / "run.json")


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a user who has this project only: a home, a cache and a folder for temporary files."""
    home = folder / ".home"
    for name in ("tmp", "cache"):
        (home / name).mkdir(parents=True, exist_ok=True)
    strangers = ("GITHUB_", "GITLAB_", "CI", "OPML_", "PYTEST_", "XDG_", "TESTS_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(strangers)}
    return inherited | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "TMPDIR": str(home / "tmp"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": python_path(),
        "PYTEST_ADDOPTS": _ADDOPTS,
        "GITHUB_STEP_SUMMARY": str(home / "summary.md"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "COLUMNS": "120",
    }


def run_in(folder: Path, command: str, *, codes: tuple[int, ...] = (0,), seconds: float = 300) -> str:
    """Run a line of shell in the project; return what it printed.

    Raises:
        AssertionError: it ends with another exit code than one of ``codes``.
    """
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )
    assert done.returncode in codes, f"{command}: exit code {done.returncode}, not one of {codes}\n{done.stdout}"
    return done.stdout
