"""Whole pytest runs that are logged to MLflow."""

from __future__ import annotations

import multiprocessing
import socket
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_opml.history.record_files import read_record
from tests.support.processes import python_path
from tests.support.projects import Bench, output


class Logged(NamedTuple):
    """A run of MLflow."""

    run_id: str
    status: str
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]
    files: dict[str, Path]


def _read(uri: str, experiment: str) -> list[Logged]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    return [
        Logged(
            run.info.run_id,
            run.info.status,
            run.data.tags,
            run.data.params,
            run.data.metrics,
            {
                file.path: Path(client.download_artifacts(run.info.run_id, file.path))
                for file in client.list_artifacts(run.info.run_id)
            },
        )
        for run in client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    ]


def logged(uri: str, experiment: str) -> list[Logged]:
    """What a store holds; read in another process, since this one forgets what it imports in these tests."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_read, uri, experiment).result()


@pytest.fixture
def bench(pytester: pytest.Pytester, cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    # Runs in processes of their own, since MLflow cannot be forgotten.
    monkeypatch.setenv("PYTHONPATH", python_path())
    return Bench(pytester, cache_dir)


def test_a_run_of_two_workers_is_read_back_from_the_store(bench: Bench) -> None:
    bench.finished_files("good.onnx", "large.onnx")
    bench.settings(
        "[tool.opml]\nmlflow = 'sqlite:///track/mlflow.db'\nmlflow_experiment = 'releases'\n"
        "[tool.opml.gate]\naccuracy = { min = 0.1 }\n"
        "[[tool.opml.gate.case]]\nmatch = '*/large.onnx/*'\nsize_mb = { max = 1e-6 }\n"
    )
    result = bench.run("--opml-json=record.json", "--opml-store=none", "-n2", apart=True)
    assert result.ret == 1
    assert "mlflow" not in output(result).lower()

    runs = logged(f"sqlite:///{bench.pytester.path}/track/mlflow.db", "releases")
    children = {run.params["model"]: run for run in runs if "mlflow.parentRunId" in run.tags}
    (session,) = (run for run in runs if run not in children.values())
    record = read_record(bench.pytester.path / "record.json")
    assert {run.tags["mlflow.parentRunId"] for run in children.values()} == {session.run_id}
    assert (session.status, session.tags["opml.run_id"]) == ("FINISHED", record.run_id)
    assert session.tags["opml.verdicts.fail"] == "1"
    assert read_record(session.files["record.json"]) == record

    for measured in record.results:
        run = children[measured.case.model]
        assert run.metrics["accuracy"] == measured.accuracy.value
        assert run.metrics["op_score.high"] == measured.op_score.high
        assert run.params["artifact.sha256"] == measured.artifact.sha256
        assert set(run.files) == {"result.json", "checks.json"}
    assert children["large.onnx"].tags["opml.verdict"] == "fail"
    assert sorted(run.metrics["rank"] for run in children.values()) == [1, 2]


def test_a_store_that_cannot_be_reached_is_told_before_the_run(bench: Bench) -> None:
    bench.finished_files("good.onnx")
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = bench.run(f"--opml-mlflow=http://me:secret@{address}", "--opml-store=none", apart=True)
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: mlflow http://me:[*][*][*]@{address}: Connection refused"])
    assert "secret" not in output(result)


def test_a_store_that_is_lost_during_the_run_is_one_line_and_not_passed(bench: Bench) -> None:
    bench.finished_files("good.onnx")
    bench.file("def bench_last():\n    __import__('pathlib').Path('mlflow.db').unlink()\n", "bench_last.py")
    result = bench.run("--opml-mlflow=sqlite:///mlflow.db", "--opml-store=none", apart=True)
    assert result.ret == 11
    (line,) = (line for line in result.outlines if line.startswith("not written: "))
    assert line == f"not written: mlflow sqlite:///{bench.pytester.path}/mlflow.db: no such table: experiments"


def test_without_being_asked_mlflow_is_not_loaded(bench: Bench) -> None:
    bench.finished_files("good.onnx")
    hook = "def pytest_unconfigure():\n    print('loaded', 'mlflow' in __import__('sys').modules)\n"
    (bench.pytester.path / "bench" / "conftest.py").write_text(hook)
    assert "loaded False" in output(bench.run("-s", "--opml-store=none", apart=True))
