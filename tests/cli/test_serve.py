"""``opml serve`` as a process: its address, new runs, Ctrl-C, and what it refuses."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from pytest_opml import cli
from pytest_opml.history.store import open_store
from tests.support.site_files import site_run
from tests.support.waiting import PATIENCE_S

# It looks at the history more often than every two seconds, or the test would wait for that.
PROGRAM = "from pytest_opml.reports.site import server; server.POLL_S = 0.05; from pytest_opml.cli import main; main()"
COMMAND = [sys.executable, "-c", PROGRAM, "serve"]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Of a history with one run."""
    url = f"sqlite:///{tmp_path}/history.db"
    with open_store(url) as store:
        store.append(site_run(0))
    return url


@pytest.mark.slow  # a process
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_follows_and_ends_with_a_signal(tmp_path: Path, url: str, ending: signal.Signals) -> None:
    (tmp_path / "temporary").mkdir()
    with subprocess.Popen(
        [*COMMAND, "--port=0", f"--store={url}"],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path / "temporary")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell has what it starts in the background ignore Ctrl-C, and that is handed down
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        address, _, rest = process.stdout.readline().partition(" ")
        assert rest == "shows 1 run; Ctrl-C ends it\n"
        with urlopen(f"{address}index.html") as answer:
            assert b"<html" in answer.read()
        with open_store(url) as store:
            store.append(site_run(1))
        assert process.stdout.readline().startswith("1 new run, 0 removed")
        assert list((tmp_path / "temporary").glob("opml-serve-*"))
        process.send_signal(ending)
        try:
            rest, error = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()  # one that goes on would be waited for
    assert (process.returncode, rest, error) == (0, "ended\n", "")
    assert not list((tmp_path / "temporary").glob("opml-serve-*"))


def test_a_port_that_is_taken_is_one_line(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = CliRunner().invoke(cli.main, ["serve", f"--port={port}", f"--store={url}"])
    assert done.exit_code == 4
    assert done.output == (
        f"error: --port: port {port} is in use by another program; choose another one, or 0 for any free one\n"
    )


def test_a_folder_of_something_else_is_refused(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.main, ["serve", "--port=0", f"--dir={tmp_path}", f"--store={url}"])
    assert done.exit_code == 4
    assert "is not empty and holds no site of opml" in done.output


def test_a_history_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.main, ["serve", "--port=0"])
    assert done.exit_code == 4
    assert "no history yet" in done.output
