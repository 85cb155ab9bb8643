"""Whole runs whose names are registered in the project's own files, which are gone when the run is looked at."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tests.support.processes import python_path
from tests.support.projects import Bench, output

CONFTEST = """
    import numpy as np
    from pytest_opml import RawData, Technique, register

    @register("dataset", "stripes")
    def load(data_dir):
        rng = np.random.default_rng(0)
        return RawData(rng.integers(0, 256, (60, 16, 16), dtype=np.uint8), np.arange(60) % 3, ("a", "b", "c"))

    @register("technique", "halve")
    class Halve(Technique):
        def apply(self, state, context):
            from dataclasses import replace
            return replace(state, float16_weights=True, changes=state.changes | {"halve.times": 1})
"""
FILE = """
    import pytest
    from pytest_opml import Case, Metric, register

    @register("model", "dots")
    def build(keras, size, channels, *, weights):
        inputs = keras.Input((size, size, channels), dtype="uint8")
        return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs)))

    @register("metric", "wrong_per_mb")
    def wrong_per_mb():
        return Metric("wrong_per_mb", lambda result: (1 - result.accuracy.value) / result.size_mb, better="lower")

    @register("quality", "lenient")
    def lenient(rows, labels):
        return 0.5 + 0.5 * (rows.argmax(axis=1) == labels)

    COMMON = {"dataset": "stripes", "model": "dots", "size": 16, "weights": "none", "epochs": 1, "quality": "lenient"}

    @pytest.mark.parametrize("case", [Case(technique=name, **COMMON) for name in ("baseline", "halve")], ids=str)
    def bench_it(case, opml):
        opml(case)
"""
BUDGETS = "[tool.opml.gate]\nwrong_per_mb = { max = 1e6 }\nsize_mb = { max = 50 }\n"
HALVED = "stripes/dots/top1/halve/epochs=1,size=16,weights=none,quality=lenient"


@pytest.fixture
def project(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("PYTHONPATH", python_path())
    bench.file(CONFTEST, "conftest.py")
    bench.file(FILE)
    bench.settings(BUDGETS)
    return bench


@pytest.fixture
def command(project: Bench) -> Callable[..., pytest.RunResult]:
    """The command, in a process that has registered nothing."""
    start = "from pytest_opml.cli import main; main()"
    return lambda *arguments: project.pytester.run(sys.executable, "-c", start, *arguments)


def test_a_run_outlives_the_files_that_named_what_it_measured(
    project: Bench, command: Callable[..., pytest.RunResult]
) -> None:
    # with a worker, since its controller reads none of the files either
    result = project.run("-n1", "--opml-json=record.json", apart=True)
    assert result.ret == 0, output(result)
    assert "budgets: 4 passed" in output(result)
    for file in ("conftest.py", "bench_it.py"):
        (project.pytester.path / "bench" / file).unlink()
    for arguments in (
        ("gate",),
        ("gate", "record.json"),
        ("best",),
        ("report", "last", "-o", "page.html"),
        ("trend", HALVED),
        ("compare", "last", "record.json"),
        ("release", "promote", "last", "--cache-dir", str(project.cache)),
        ("export", "all.jsonl"),
        ("import", "all.jsonl", "--store", "sqlite:///other.db"),
    ):
        done = command(*arguments)
        assert done.ret == 0, (arguments, output(done))
    assert "so it is shown as it was stored" in " ".join(output(command("gate")).split())
