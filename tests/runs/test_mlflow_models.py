"""Whole runs whose models and baselines lie in MLflow."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from pytest_opml.history.record_files import read_record
from pytest_opml.storage.digests import digest_file
from tests.support.linear_onnx import save_linear
from tests.support.mlflow_store import Registry
from tests.support.processes import python_path
from tests.support.projects import Bench, output

CASES = """
    import pytest
    from pytest_opml import Case

    @pytest.mark.parametrize("case", [Case(dataset="digits", model=%r)], ids=str)
    def bench_it(case, opml):
        opml(case)
"""


def _fill(folder: Path) -> str:
    registry = Registry(folder / "store")
    for seed, alias in ((1, "champion"), (2, "challenger")):
        registry.log(save_linear(folder / alias / "model.onnx", seed), "prod", alias)
    return registry.uri


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the files, and the registry's address; made in another process, since this one forgets MLflow."""
    folder = tmp_path_factory.mktemp("registry")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return folder, pool.submit(_fill, folder).result()


@pytest.fixture
def bench(
    pytester: pytest.Pytester, cache_dir: Path, registry: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> Bench:
    monkeypatch.setenv("PYTHONPATH", python_path())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry[1])
    return Bench(pytester, cache_dir)


def test_a_version_is_measured_beside_the_champion(bench: Bench, registry: tuple[Path, str]) -> None:
    bench.file(CASES % "models:/prod@challenger")
    bench.settings("[tool.opml.gate]\naccuracy = { max_regression = 0.5 }\nsize_mb = { max_regression = '1%' }\n")
    result = bench.run("--opml-json=record.json", "--opml-baseline=models:/prod@champion", apart=True)
    assert result.ret == 0, output(result)
    assert "models:/prod@champion, version 1 of" in output(result)
    assert "budgets: 2 passed" in output(result)

    (measured,) = (record := read_record(bench.pytester.path / "record.json")).results
    assert measured.case.id == "digits/{models:/prod@challenger}/top0/baseline"
    assert measured.artifact.sha256 == digest_file(registry[0] / "challenger" / "model.onnx")
    source = measured.artifact.source
    assert source
    assert (source.name, source.alias, source.version) == ("prod", "challenger", 2)
    (baseline,) = record.baselines
    assert (baseline.name, baseline.remeasured, baseline.result.case) == ("models:/prod@champion", True, measured.case)
    assert baseline.result.artifact.sha256 == digest_file(registry[0] / "champion" / "model.onnx")
    assert measured.vs_baseline
    assert measured.vs_baseline.reference == measured.case.id

    done = bench.pytester.run(sys.executable, "-c", "from pytest_opml.cli import main; main()", "gate", "last")
    assert done.ret == 0, output(done)


def test_what_the_registry_does_not_have_is_told_before_anything_costs(bench: Bench) -> None:
    bench.file(CASES % "models:/prod@chmpion")
    result = bench.run("--opml-store=none", apart=True)
    assert result.ret == 4
    assert any(
        "the model 'prod' has no alias 'chmpion'; known: challenger, champion" in line for line in result.errlines
    )
