"""Against real tracking stores: SQLite files, and ports at which nobody answers."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import mlflow
import psutil
import pytest

from pytest_opml.errors import StorageError
from pytest_opml.integrations.mlflow import check_tracking, log_run
from pytest_opml.records.run import RunRecord
from tests.support.builders import make_failure, make_result, make_run

pytestmark = pytest.mark.slow  # stores of MLflow's own

EXPERIMENT = "pytest-opml"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whose tables are made; making them takes seconds."""
    path = tmp_path_factory.mktemp("made") / "mlflow.db"
    check_tracking(f"sqlite:///{path}", "another")
    return path


@pytest.fixture
def uri(tmp_path: Path, database: Path) -> str:
    (tmp_path / "sub").mkdir()
    shutil.copy(database, tmp_path / "sub" / "mlflow.db")
    return f"sqlite:///{tmp_path}/sub/mlflow.db"


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Taken, so that nobody else listens there, and refusing."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def logged(uri: str, experiment: str = EXPERIMENT) -> tuple[Any, list[Any]]:
    """The newest run of a session, and the nested ones in order."""
    client = mlflow.MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    newest = parents[0]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == newest.info.run_id]
    return newest, sorted(children, key=lambda run: run.info.run_name)


def text_of(uri: str, run: Any, name: str) -> str:
    client = mlflow.MlflowClient(tracking_uri=uri)
    return Path(client.download_artifacts(run.info.run_id, name)).read_text("utf-8")


def refusal(uri: str, experiment: str = EXPERIMENT) -> str:
    with pytest.raises(StorageError) as caught:
        check_tracking(uri, experiment)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_session_is_a_run_and_each_case_a_nested_one(uri: str) -> None:
    record = make_run([make_result(), make_result("int8")], [make_failure("float16")])
    check_tracking(uri, EXPERIMENT)
    log_run(record, uri, EXPERIMENT)
    session, children = logged(uri)
    assert session.info.status == "FINISHED"
    assert session.data.tags["opml.run_id"] == record.run_id
    assert RunRecord.model_validate_json(text_of(uri, session, "record.json")) == record
    assert [(run.data.params["technique"], run.info.status) for run in children] == [
        ("baseline", "FINISHED"),
        ("float16", "FAILED"),
        ("int8", "FINISHED"),
    ]
    assert children[1].data.tags["opml.message"] == "it fell over"
    assert children[0].data.metrics["latency_ms.p99"] == 2.0
    assert children[0].data.metrics["accuracy.low"] == record.results[0].accuracy.low


def test_the_times_are_those_of_the_session(uri: str) -> None:
    record = make_run([make_result()])
    log_run(record, uri, EXPERIMENT)
    session, (child,) = logged(uri)
    began = round(record.started.timestamp() * 1000)
    assert (session.info.start_time, session.info.end_time) == (began, began + 42_000)
    assert (child.info.start_time, child.info.end_time) == (began, began + 42_000)


def test_more_than_fits_into_one_call_is_logged_in_several(uri: str) -> None:
    artifact = make_result().artifact.model_copy(update={"changes": {f"layer{i}": i for i in range(250)}})
    log_run(make_run([make_result(artifact=artifact)]), uri, EXPERIMENT)
    _, (child,) = logged(uri)
    assert child.data.params["artifact.changes.layer249"] == "249"


def test_no_connection_to_a_database_stays_open(uri: str) -> None:
    log_run(make_run([make_result()]), uri, EXPERIMENT)
    assert uri.removeprefix("sqlite:///") not in [file.path for file in psutil.Process().open_files()]


def test_a_second_run_joins_the_experiment(uri: str) -> None:
    for run_id in ("one", "two"):
        check_tracking(uri, "releases / all")
        log_run(make_run([make_result()], run_id=run_id), uri, "releases / all")
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("releases / all")
    runs = client.search_runs([experiment.experiment_id], filter_string="tags.`opml.results` = '1'")
    assert {run.data.tags["opml.run_id"] for run in runs} == {"one", "two"}


def test_the_files_lie_beside_the_database_and_nothing_in_the_working_folder(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    log_run(make_run([make_result()]), uri, EXPERIMENT)
    assert len([*(tmp_path / "sub" / "mlruns").rglob("*.json")]) == 3
    assert not [*Path.cwd().iterdir()]


def test_a_failure_midway_marks_the_session_as_failed(uri: str, tmp_path: Path) -> None:
    check_tracking(uri, EXPERIMENT)
    (tmp_path / "sub" / "mlruns").write_text("in the way of the files")
    with pytest.raises(StorageError) as caught:
        log_run(make_run([make_result()]), uri, EXPERIMENT)
    assert str(caught.value).startswith(f"mlflow {uri}: ")
    assert "mlruns" in str(caught.value)
    assert "\n" not in str(caught.value)
    session, children = logged(uri)
    assert (session.info.status, children) == ("FAILED", [])


def test_a_failure_at_a_case_leaves_nothing_that_seems_to_run_still(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(client: Any, run_id: str, text: str, name: str) -> None:
        if name == "result.json":
            raise OSError(28, "No space left on device", name)

    monkeypatch.setattr(mlflow.MlflowClient, "log_text", refuse)
    with pytest.raises(StorageError, match=r"^mlflow sqlite.*: No space left on device: result.json$"):
        log_run(make_run([make_result(), make_result("int8")]), uri, EXPERIMENT)
    session, (child,) = logged(uri)
    assert (session.info.status, child.info.status) == ("FAILED", "FAILED")


def test_a_database_that_was_deleted_during_the_run(uri: str, tmp_path: Path) -> None:
    check_tracking(uri, EXPERIMENT)
    (tmp_path / "sub" / "mlflow.db").unlink()
    with pytest.raises(StorageError, match=r"^mlflow sqlite.*: no such table: experiments$"):
        log_run(make_run([make_result()]), uri, EXPERIMENT)


@pytest.mark.parametrize("kind", ["http", "postgresql"])
def test_a_server_that_is_not_there_is_one_line_without_the_password(kind: str, closed_port: int) -> None:
    text = refusal(f"{kind}://me:secret@127.0.0.1:{closed_port}/x")
    assert text.startswith(f"mlflow {kind}://me:***@127.0.0.1:{closed_port}/x: ")
    assert text.endswith("Connection refused")


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        assert refusal(f"http://127.0.0.1:{silent.getsockname()[1]}").endswith(": no answer in time")


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("sqlite:////proc/no/mlflow.db", "No such file or directory: /proc/no"),
        ("sqlite:////proc", "unable to open database file"),
        ("nosql://host/x", "Model registry functionality is unavailable; got unsupported URI"),
        ("/some/folder", "MLflow takes a folder no longer: use sqlite:///mlflow.db, or set MLFLOW_ALLOW_FILE_STORE"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(uri: str, reason: str) -> None:
    assert refusal(uri).startswith(f"mlflow {uri}: {reason}")


def test_a_folder_is_used_where_mlflow_still_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    folder = str(tmp_path / "mlruns")
    log_run(make_run([make_result()]), folder, EXPERIMENT)
    session, (child,) = logged(folder)
    assert session.info.status == "FINISHED"
    assert child.data.metrics["latency_ms.p50"] == 1.0


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("no database, but long enough to be seen as something else" * 20)
    assert refusal(f"sqlite:///{tmp_path}/notes.db").endswith(": file is not a database")


def test_a_deleted_experiment_is_refused_before_the_run(uri: str) -> None:
    check_tracking(uri, EXPERIMENT)
    client = mlflow.MlflowClient(tracking_uri=uri)
    client.delete_experiment(client.get_experiment_by_name(EXPERIMENT).experiment_id)
    assert refusal(uri) == f"mlflow {uri}: the experiment 'pytest-opml' was deleted; restore it, or name another"


@pytest.mark.parametrize(("missing", "package"), [("mlflow", "mlflow-skinny"), ("alembic", "alembic")])
def test_without_the_extra_the_error_names_it(uri: str, missing: str, package: str) -> None:
    code = (
        "import sys\n"
        f"sys.modules[{missing!r}] = None\n"
        "from pytest_opml.errors import MissingDependencyError\n"
        "from pytest_opml.integrations.mlflow import check_tracking\n"
        "try:\n"
        f"    check_tracking({uri!r}, 'x')\n"
        "except MissingDependencyError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith(f" needs the package {package}: pip install 'pytest-opml[mlflow]'\n")


def test_processes_that_come_at_once_make_one_database_and_one_experiment(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/new/mlflow.db"
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        assert [*pool.map(check_tracking, [uri] * 3, [EXPERIMENT] * 3)] == [None] * 3
    client = mlflow.MlflowClient(tracking_uri=uri)
    assert sorted(found.name for found in client.search_experiments()) == ["Default", EXPERIMENT]


def test_what_a_user_has_set_in_mlflow_stays(
    uri: str, tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = f"sqlite:///{shutil.copy(database, tmp_path / 'mine.db')}"
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # set_tracking_uri sets it
    mlflow.set_tracking_uri(mine)
    try:
        experiment_id = mlflow.create_experiment("mine", f"{tmp_path}/mine")
        mlflow.set_experiment("mine")
        mlflow.set_active_model(model_id=mlflow.MlflowClient().create_logged_model(experiment_id).model_id)
        with mlflow.start_run() as run:
            before = dict(os.environ)
            log_run(make_run([make_result()]), uri, EXPERIMENT)
            assert dict(os.environ) == before
            assert mlflow.active_run().info.run_id == run.info.run_id
            assert mlflow.get_tracking_uri() == mine
            mlflow.log_metric("loss", 0.5)
        assert mlflow.get_run(run.info.run_id).data.metrics == {"loss": 0.5}
    finally:
        mlflow.clear_active_model()
        mlflow.set_tracking_uri(None)
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("SELECT count(*) FROM logged_model_metrics").fetchone() == (0,)


def test_nobody_else_is_told(uri: str, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "asked = []\n"
        "def hook(event, args):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo'):\n"
        "        asked.append(args)\n"
        "sys.addaudithook(hook)\n"
        "from pytest_opml.records.run import RunRecord\n"
        "from pytest_opml.integrations.mlflow import log_run\n"
        f"log_run(RunRecord.model_validate_json(sys.stdin.read()), {uri!r}, 'x')\n"
        "from mlflow.telemetry.client import get_telemetry_client\n"
        "assert get_telemetry_client() is None\n"
        "assert asked == [], asked\n"
    )
    # By itself MLflow holds back in tests and under CI.
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    kept["HOME"] = str(tmp_path)
    record = make_run([make_result()]).model_dump_json()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=kept, input=record, text=True, check=False)
    assert done.returncode == 0
    assert not [*tmp_path.glob(".*")]  # such as the number that it would give this installation
    control = "import mlflow; from mlflow.telemetry.client import get_telemetry_client as get; assert get() is not None"
    subprocess.run([sys.executable, "-c", control], cwd=ROOT, env=kept, check=True)


def test_a_project_that_takes_warnings_for_errors_is_logged_in_silence(uri: str) -> None:
    code = (
        "import warnings\n"
        "from pytest_opml.integrations.mlflow import log_run\n"
        "from tests.support.builders import make_result, make_run\n"
        "warnings.simplefilter('error')\n"
        f"log_run(make_run([make_result()]), {uri!r}, 'x')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_loading_the_module_does_not_load_mlflow() -> None:
    code = "import sys, pytest_opml.integrations.mlflow; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
