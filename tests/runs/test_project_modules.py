"""Whole runs whose cases and budgets name modules that lie beside ``pyproject.toml``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.processes import python_path
from tests.support.projects import Bench, output

MODULES = {
    "mydata.py": """
import numpy as np
import keras
from pytest_opml import RawData

keras.config.set_floatx("float16")

def load(data_dir):
    rng = np.random.default_rng(0)
    return RawData(rng.integers(0, 256, (60, 16, 16, 3), dtype=np.uint8), np.arange(60) % 3, ("a", "b", "c"))
""",
    "mymodel/__init__.py": "",
    "mymodel/dots.py": """
import keras as keras_3

def build(keras, size, channels, *, weights):
    assert keras_3.config.floatx() == "float32", "the data's module has changed it"
    inputs = keras.Input((size, size, channels), dtype="uint8")
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs)))
""",
    "mymetric.py": """
from pytest_opml import Metric

def wrong_per_mb():
    return Metric("mymetric:wrong_per_mb", lambda result: 1 / result.size_mb, better="lower")
""",
}
BENCH = """
    import mydata
    from pytest_opml import Case

    def bench_it(opml):
        opml(Case(dataset="mydata:load", model="mymodel.dots:build", weights="none", size=16, epochs=1))
"""
SETTINGS = "[tool.opml]\nstore = 'sqlite:///h.db'\n[tool.opml.gate]\n'mymetric:wrong_per_mb' = { max = 1e9 }\n"


@pytest.fixture
def project(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", python_path())
    root = bench.pytester.path
    for name, content in MODULES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content, "utf-8")
    bench.file(BENCH)
    bench.settings(SETTINGS)
    return root


@pytest.mark.usefixtures("project")
def test_they_are_found_by_the_commands_of_pytest_and_opml(bench: Bench) -> None:
    scripts = Path(sys.executable).parent
    common = (f"--opml-cache-dir={bench.cache}", "-p", "no:cacheprovider", "--benchmark-disable")
    result = bench.pytester.run(scripts / "pytest", "bench", *common, "-n1")
    assert result.ret == 0, output(result)
    assert "budgets: 1 passed" in output(result)
    judged = bench.pytester.run(scripts / "opml", "gate", "last")
    assert judged.ret == 0, output(judged)
    assert "1 passed" in output(judged)


def test_a_file_that_is_not_there_ends_the_run_before_it_costs_anything(bench: Bench, project: Path) -> None:
    (project / "models").mkdir()
    (project / "models" / "petnet.onnx").touch()
    bench.file(
        """
        import pytest
        from pytest_opml import Case

        @pytest.mark.parametrize("case", [Case(dataset="digits", model="models/petnet.onx", unfreeze=0)], ids=str)
        def bench_it(case, opml):
            opml(case)
        """
    )
    result = bench.run(apart=True)
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: model models/petnet.onx: no such file or folder; nearest: models/petnet.onnx"])
