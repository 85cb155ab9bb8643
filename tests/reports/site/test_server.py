from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pytest_opml.errors import SettingsError, StorageError
from pytest_opml.history.memory import MemoryHistory
from pytest_opml.reports.site import server
from pytest_opml.reports.site.build import SiteOptions
from pytest_opml.reports.site.server import serve_site, serving
from tests.support.site_files import read_index, site_run


def get(address: str, path: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    where = urlsplit(address)
    with closing(HTTPConnection(where.hostname or "", where.port)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a site that is a checkout too."""
    root = tmp_path_factory.mktemp("root")
    (root / "site/data").mkdir(parents=True)
    (root / "site/.git").mkdir()
    (root / "site/index.html").write_text("the index")
    for name in ("secret", "site/.git/config", "site/.lock", "site/state.json"):
        (root / name).write_text("secret")
    (root / "site/link").symlink_to(root / "secret")
    return root / "site"


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    """The address of the site."""
    with serving(site, 0) as address:
        yield address


def test_the_files_of_the_site_are_served_and_never_from_a_cache(served: str) -> None:
    status, text, headers = get(served, "/")
    assert (status, text, headers["Cache-Control"]) == (200, b"the index", "no-store")
    assert served.startswith("http://127.0.0.1:")


OUTSIDE = (
    "/../secret",
    "/%2e%2e/secret",
    "//secret",
    "/data/",
    "/data",
    "/gone.js",
    "/a%00",
    f"/{'a' * 9000}",
    "/link",
)
PRIVATE = ("/.git/config", "/.lock", "/state.json", "/data/../state.json", "/%2egit/config", "/link/../.lock")


@pytest.mark.parametrize("path", [*OUTSIDE, *PRIVATE])
def test_nothing_else_is_served(served: str, path: str) -> None:
    status, text, _ = get(served, path)
    assert status in (301, 404)
    assert b"secret" not in text.replace(b"/secret", b"")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[", ""])
def test_a_page_that_points_a_name_of_its_own_here_gets_nothing(served: str, host: str) -> None:
    assert get(served, "/", Host=host)[0] == 403
    assert get(served, "/", Host="localhost:1")[0] == 200


def test_a_port_that_is_taken_is_told(site: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(SettingsError, match=rf"--port: port {port} is in use by another program; choose another"),
            serving(site, port),
        ):
            pass


class Session:
    """A site that is served in a thread, what it said, and a way to wait for that."""

    def __init__(self, open_history: Callable[[], MemoryHistory], folder: Path | None) -> None:
        self.stop, self._told = threading.Event(), threading.Condition()
        self.said: list[str] = []
        arguments = (open_history, SiteOptions(), 0, folder, self._say, self._say, self.stop)
        self.thread = threading.Thread(target=serve_site, args=arguments)
        self.thread.start()

    def _say(self, text: str) -> None:
        with self._told:
            self.said.append(text)
            self._told.notify_all()

    def wait_for(self, lines: int) -> str:
        with self._told:
            assert self._told.wait_for(lambda: len(self.said) >= lines, 60)
            return self.said[lines - 1]

    def end(self) -> None:
        self.stop.set()
        self.thread.join()


def test_new_runs_appear_while_the_site_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "POLL_S", 0.01)
    history = MemoryHistory([site_run(0)])
    session = Session(lambda: history, tmp_path / "site")
    try:
        address, _, rest = session.wait_for(1).partition(" ")
        assert rest == "shows 1 run; Ctrl-C ends it"
        history.append(site_run(1))
        assert session.wait_for(2).startswith("1 new run, 0 removed, in ")
        assert get(address, "/data/index.js")[1] == (tmp_path / "site/data/index.js").read_bytes()
        assert read_index(tmp_path / "site")["order"] == [[0, 1]]
    finally:
        session.end()


def test_a_history_that_cannot_be_read_for_a_while_leaves_the_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "POLL_S", 0.01)
    history, is_gone = MemoryHistory([site_run(0)]), threading.Event()

    def open_history() -> MemoryHistory:
        if is_gone.is_set():
            raise StorageError("the server is gone")
        return history

    session = Session(open_history, tmp_path / "site")
    try:
        address = session.wait_for(1).split()[0]
        is_gone.set()
        assert session.wait_for(2) == "the site stays as it was: the server is gone"
        assert get(address, "/")[0] == 200
    finally:
        session.end()


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file/site: cannot be written: Not a directory"):
        serve_site(MemoryHistory, SiteOptions(), 0, tmp_path / "file/site", print, print)


def test_the_site_of_no_folder_is_removed_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.tempfile, "tempdir", str(tmp_path))
    session = Session(lambda: MemoryHistory([site_run(0)]), None)
    session.wait_for(1)
    assert len(list(tmp_path.glob("opml-serve-*/site/index.html"))) == 1
    session.end()
    assert list(tmp_path.iterdir()) == []
