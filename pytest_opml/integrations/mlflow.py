"""A run in MLflow: one of its runs for the session, and a nested one for each case.

MLflow is told where to log by an argument alone, so that what a user's tests set in it, or log with it, stays theirs.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ..addresses import Address, environment_secrets, read_address, without_secrets
from ..errors import MissingDependencyError, StorageError, one_line
from ..records.run import RunRecord
from ..storage.locks import exclusive, runtime_folder
from .mlflow_runs import MlflowRun, case_runs, session_run

_T = TypeVar("_T")
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_LOGGING = "logging to MLflow"

# MLflow reports each call to its makers, and prints links between the lines of pytest.
_FORCED = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
_FORCED |= {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
# By itself it asks a server that is down for minutes, and holds connections, which may be cut while cases are measured.
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
}


class _Times(NamedTuple):
    """When a run began and ended, milliseconds since 1970."""

    start: int
    end: int


def check_tracking(uri: str, experiment: str) -> None:
    """Check before a run that it can be logged after it; make the database and the experiment where they are missing.

    Args:
        uri: as ``mlflow.set_tracking_uri`` takes it.
        experiment: its name.

    Raises:
        MissingDependencyError: MLflow, or what it needs for a database, is not installed.
        StorageError: the store cannot be reached, or the experiment cannot be had.
    """
    call_apart(uri, lambda: _open(uri, experiment))


def log_run(record: RunRecord, uri: str, experiment: str) -> None:
    """Log a run with its checks. Where that fails midway, what was logged of the session is marked as failed.

    Args:
        record: of the whole run.
        uri: as ``mlflow.set_tracking_uri`` takes it.
        experiment: its name.

    Raises:
        MissingDependencyError: as ``check_tracking``.
        StorageError: something could not be logged.
    """
    times = _Times(_milliseconds(record), _milliseconds(record, record.seconds))
    session, cases = session_run(record), list(case_runs(record))
    call_apart(uri, lambda: _log(uri, experiment, session, cases, times))


def _milliseconds(record: RunRecord, after: float = 0.0) -> int:
    return round((record.started + timedelta(seconds=after)).timestamp() * 1000)


def _log(uri: str, experiment: str, session: MlflowRun, cases: list[MlflowRun], times: _Times) -> None:
    client, experiment_id = _open(uri, experiment)
    with _logged(client, experiment_id, session, times) as parent:
        for case in cases:
            with _logged(client, experiment_id, case, times, parent):
                pass


@contextmanager
def _logged(client: Any, experiment_id: str, run: MlflowRun, times: _Times, parent: str | None = None) -> Iterator[str]:
    """Return the id of a run that ends with the context, as failed where that does."""
    from mlflow.exceptions import MlflowException

    nested = {"mlflow.parentRunId": parent} if parent else {}
    run_id = client.create_run(experiment_id, times.start, nested, run.name).info.run_id
    try:
        _fill(client, run_id, run, times)
        yield run_id
    except BaseException:
        # Where the store itself is gone this fails as well, and the run stays as one that never ended.
        with suppress(MlflowException, OSError):
            client.set_terminated(run_id, "FAILED", times.end)
        raise
    client.set_terminated(run_id, "FAILED" if run.failed else "FINISHED", times.end)


def _fill(client: Any, run_id: str, run: MlflowRun, times: _Times) -> None:
    from mlflow.entities import Metric, Param, RunTag

    metrics = [Metric(name, value, times.end, 0) for name, value in run.metrics.items()]
    params = [Param(name, value) for name, value in run.params.items()]
    tags = [RunTag(name, value) for name, value in run.tags.items()]
    client.log_batch(run_id, metrics, params, tags, synchronous=True)
    for name, text in run.files.items():
        client.log_text(run_id, text, name)


def _open(uri: str, experiment: str) -> tuple[Any, str]:
    """Return a client, and the id of the experiment, which is made where it is missing."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    # Of two processes that make the tables of one database, one would fail: the workers of pytest-xdist come at once.
    with exclusive(runtime_folder() / "mlflow.lock"):
        location = knock(uri)
        client = MlflowClient(tracking_uri=uri)
        existing = client.get_experiment_by_name(experiment)
        if existing is None:
            folder = location / re.sub(r"[^\w.-]", "_", experiment) if location else None
            try:
                return client, client.create_experiment(experiment, folder.as_uri() if folder else None)
            except MlflowException:
                existing = client.get_experiment_by_name(experiment)  # made on another machine meanwhile
                if existing is None:
                    raise
    if existing.lifecycle_stage != "active":
        raise StorageError(f"the experiment {experiment!r} was deleted; restore it, or name another")
    return client, existing.experiment_id


def knock(uri: str) -> Path | None:
    """Connect to a database once, which MLflow would try for 100 s.

    Returns:
        The folder for the files of runs that lie in an SQLite file, beside it and not where pytest was started; None
        where MLflow is to choose.
    """
    if uri.partition(":")[0].partition("+")[0] not in _DATABASES:
        return None
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.pool import NullPool

    parsed = make_url(uri)
    folder = None
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        folder = Path(str(parsed.database)).absolute().parent
        folder.mkdir(parents=True, exist_ok=True)
    create_engine(parsed, poolclass=NullPool).connect().close()
    return folder / "mlruns" if folder else None


# --- the border to MLflow


def call_apart(uri: str, call: Callable[[], _T], feature: str = _LOGGING) -> _T:
    """Return what ``call`` returns, and raise its errors as ours, in one line that tells no password.

    Args:
        uri: of the store that is called.
        call: in a thread of its own.
        feature: what MLflow is needed for, where it is not installed.

    Raises:
        MissingDependencyError: MLflow, or what it needs for a database, is not installed.
        StorageError: the store cannot be reached, or refuses.
    """
    address = read_address(uri)
    name = f"mlflow {address.shown}"
    try:
        with _environment(), _silence(), ThreadPoolExecutor(1) as pool:
            # MLflow keeps the active model of a user for each thread, and would link our metrics with it.
            return pool.submit(_mapped, call, feature, address).result()
    except StorageError as error:
        raise StorageError(f"{name}: {error}") from error.__cause__


def _mapped(call: Callable[[], _T], feature: str, address: Address) -> _T:
    try:
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        missing = _package(error)
        raise MissingDependencyError(
            feature, "mlflow-skinny" if missing == "mlflow" else missing, extra="mlflow"
        ) from error
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return call()
    except ModuleNotFoundError as error:
        if _package(error) == "alembic":
            raise MissingDependencyError(f"{feature} in a database", "alembic", extra="mlflow") from error
        raise StorageError(f"the package {_package(error)} is not installed") from error
    except (MlflowException, SQLAlchemyError, ImportError, OSError, ValueError) as error:
        reason, secrets = _reason(error), (*address.secrets, *environment_secrets())
        repeats_secret = without_secrets(f"{reason} {error}", secrets) != f"{reason} {error}"
        raise StorageError(without_secrets(reason, secrets)) from (None if repeats_secret else error)


def _package(error: ImportError) -> str:
    return str(error.name).partition(".")[0]


def _reason(error: BaseException) -> str:
    """Say why something failed, without the layers around it: what the system, the driver or else MLflow said."""
    text = one_line(error)
    if "MLFLOW_ALLOW_FILE_STORE" in text:
        return "MLflow takes a folder no longer: use sqlite:///mlflow.db, or set MLFLOW_ALLOW_FILE_STORE=true"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, TimeoutError):
            text = "no answer in time"
        elif isinstance(inner, OSError) and inner.strerror:
            text = f"{inner.strerror}: {inner.filename}" if inner.filename else inner.strerror
        elif isinstance(original := getattr(inner, "orig", None), Exception):
            text = one_line(original)
        inner = inner.__cause__ or inner.__context__
    return " ".join(text.split())


@contextmanager
def _environment() -> Iterator[None]:
    """Set what MLflow reads from the environment for as long as we call it; a user's own values stay."""
    wanted: Mapping[str, str] = _FORCED | {key: value for key, value in _DEFAULTS.items() if key not in os.environ}
    before = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what MLflow says of its tables and retries from between the lines of pytest.

    Its warnings too: a project may have made errors of all that are raised in its tests.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
