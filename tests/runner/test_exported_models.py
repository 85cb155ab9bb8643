"""Models of PyTorch. Where it is not installed, a stand-in with its names and answers takes its place."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.errors import CaseDefinitionError, MissingDependencyError, ModelFileError
from pytest_opml.history.record_files import read_record
from pytest_opml.records.preprocess import Preprocess
from pytest_opml.runner.exported_models import exported
from pytest_opml.runtimes.loader import open_artifact, read_signature
from pytest_opml.storage.cache import Cache
from tests.support.onnx_files import write_rows
from tests.support.processes import python_path

STAND_IN = Path(__file__).parents[1] / "support" / "fake_torch"
HAS_TORCH = importlib.util.find_spec("torch") is not None
NETS = """
    import numpy as np
    import torch

    def _linear(features):
        weights = np.random.default_rng(0).normal(size=(features, 3)).astype(np.float32)
        linear = torch.nn.Linear(features, 3, bias=False)
        linear.weight = torch.nn.Parameter(torch.from_numpy(weights.T.copy()))
        return linear

    def rows():
        return _linear(8)

    def images():
        return torch.nn.Sequential(torch.nn.Flatten(), _linear(3 * 4 * 5))

    def with_example():
        return _linear(8), torch.from_numpy(np.zeros((2, 8), np.float32))

    def random():
        class Random(torch.nn.Linear):
            def forward(self, x):
                return torch.from_numpy(np.random.random((len(x.numpy()), 3)).astype(np.float32))
        return Random(8, 3, bias=False)

    def no_module():
        return 3

    def broken():
        raise ValueError("no checkpoint here")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(dedent(NETS))
    write_rows(tmp_path / "rows.npz")
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 5, 3)).astype(np.uint8)
    np.savez(tmp_path / "images.npz", x_test=images, y_test=np.arange(30) % 3)
    before = set(sys.modules)
    for place in (tmp_path, *(() if HAS_TORCH else (STAND_IN,))):
        monkeypatch.syspath_prepend(str(place))
    yield tmp_path
    for name in {name for name in sys.modules if name.partition(".")[0] in ("nets", "torch")} - before:
        if not HAS_TORCH or name == "nets":
            del sys.modules[name]


def case(function: str, dataset: str = "rows.npz", **fields: object) -> Case:
    return Case(**{"dataset": dataset, "model": f"nets:{function}", "unfreeze": 0} | fields)


@pytest.mark.parametrize("function", ["rows", "with_example"])
def test_a_module_becomes_a_file_that_answers_like_it(project: Path, function: str) -> None:
    cache = Cache(project / "cache")
    local = exported(case(function), None, cache)
    assert (local.is_finished, local.unfreeze, local.technique) == (True, 0, "baseline")
    rows = np.load("rows.npz")["x_test"]
    weights = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    runtime = open_artifact(Path(local.model))
    answers = runtime.probabilities(runtime.run(runtime.place(rows)))
    np.testing.assert_allclose(answers, rows @ weights, rtol=1e-4, atol=1e-4)
    assert exported(case(function), None, cache).model == local.model


def test_images_of_8_bits_are_floats_with_the_channels_first(project: Path) -> None:
    local = exported(case("images", "images.npz", preprocess=Preprocess(scale=1 / 255)), None, Cache(project / "cache"))
    (spec,) = read_signature(Path(local.model)).inputs
    assert (spec.shape, spec.dtype) == ((3, 4, 5), "float32")


@pytest.mark.parametrize(
    ("function", "fields", "error", "text"),
    [
        ("rows", {"unfreeze": 1}, CaseDefinitionError, "write unfreeze=0"),
        ("rows", {"technique": "int8"}, CaseDefinitionError, "no technique but baseline"),
        ("no_module", {}, CaseDefinitionError, "must return a torch.nn.Module"),
        ("broken", {}, CaseDefinitionError, "its function fails: ValueError: no checkpoint here"),
        ("random", {}, ModelFileError, "model nets:random: "),
    ],
)
@pytest.mark.usefixtures("project")
def test_what_cannot_be_exported_is_one_line(
    function: str, fields: dict[str, object], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        exported(case(function, **fields), None, Cache(Path("cache")))
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_models_are_left_as_they_are(project: Path) -> None:
    for model, dataset in (("resnet50", "digits"), ("models/net.onnx", "rows.npz")):
        plain = Case(dataset=dataset, model=model, unfreeze=0 if "/" in model else 1)
        assert exported(plain, None, Cache(project / "cache")) is plain


def test_without_pytorch_the_line_says_what_to_install(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    sys.modules.pop("nets", None)
    real = importlib.import_module

    def without_torch(name: str, package: str | None = None) -> object:
        if name == "nets":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, package)

    monkeypatch.setattr("importlib.import_module", without_torch)
    with pytest.raises(MissingDependencyError, match=r"^model nets:rows needs the package torch: pip install torch$"):
        exported(case("rows"), None, Cache(project / "cache"))


@pytest.mark.tensorflow  # which the server of workers imports, as nobody knows what a function returns
def test_a_function_of_the_project_is_measured_by_its_name(project: Path) -> None:
    main = "from pytest_opml.cli import main\nif __name__ == '__main__':\n    main(prog_name='opml')\n"
    paths = [python_path(), *([] if HAS_TORCH else [str(STAND_IN)])]
    arguments = ["measure", "nets:rows", "--unfreeze=0", "--data=rows.npz", "--record=run.json", "--cache-dir=cache"]
    done = subprocess.run(
        [sys.executable, "-c", main, *arguments], cwd=project, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = read_record(project / "run.json").results
    assert result.case.id == "rows.npz/nets:rows/top0/baseline"
    assert (result.artifact.format, result.training.training_mode) == ("onnx", "none")
    assert result.accuracy is not None
    assert result.accuracy.value == 0.9
