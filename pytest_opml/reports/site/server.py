"""Shows a site on this machine, and brings it up to date when the history changes."""

from __future__ import annotations

import errno
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...errors import OpmlError, SettingsError
from ...history.base import History
from ..formatting import amount
from .build import SiteOptions, build_site
from .files import mapped_errors
from .state import FILE

HOST = "127.0.0.1"
POLL_S = 2.0
_STOP_S = 0.1  # at most so long it goes on after its end
# A page of another site may not read this one through a name that it lets point here.
_OWN_NAMES = {HOST, "localhost"}


class _Handler(SimpleHTTPRequestHandler):
    """Gives the files of a site, and no list of a folder; a browser asks for each again."""

    def do_GET(self) -> None:
        if self._is_allowed():
            super().do_GET()

    def do_HEAD(self) -> None:
        if self._is_allowed():
            super().do_HEAD()

    def _is_allowed(self) -> bool:
        if not _is_own_name(self.headers.get("Host", "")):
            self.send_error(403, "Only for this machine")
            return False
        if not self._is_of_the_site():
            self.send_error(404, "Not found")
            return False
        return True

    def _is_of_the_site(self) -> bool:
        """Tell whether the path is one of a page's: a folder that is a checkout has a ``.git`` with its secrets."""
        try:
            root = Path(self.directory).resolve()
            path = Path(self.translate_path(self.path)).resolve()
        except (OSError, ValueError):  # it is longer than a path can be, or no path at all
            return False
        if not path.is_relative_to(root):
            return False
        parts = path.relative_to(root).parts
        return parts != (FILE,) and not any(part.startswith(".") for part in parts)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def list_directory(self, path: Any) -> None:  # noqa: ARG002 - the base class's
        self.send_error(404, "Not found")

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the terminal is for what changes."""


def _is_own_name(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname in _OWN_NAMES
    except ValueError:
        return False


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that goes away in the middle of a file."""


@contextmanager
def serving(folder: Path, port: int) -> Iterator[str]:
    """Serve a folder to this machine while the block runs, and give the address.

    Args:
        folder: with the files.
        port: 0 for any that is free.

    Raises:
        SettingsError: the port is taken, or may not be used.
    """
    try:
        server = _Server((HOST, port), partial(_Handler, directory=str(folder)))
    except OSError as error:
        reason = (
            "is in use by another program" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        )
        raise SettingsError(f"--port: port {port} {reason}; choose another one, or 0 for any free one") from error
    thread = threading.Thread(target=server.serve_forever, args=(_STOP_S,), name="opml-serve", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def serve_site(
    open_history: Callable[[], History],
    options: SiteOptions,
    port: int,
    folder: Path | None,
    say: Callable[[str], None],
    warn: Callable[[str], None],
    stop: threading.Event | None = None,
) -> None:
    """Build a site, serve it to this machine and bring it up to date, until the user interrupts or ``stop`` is set.

    Args:
        open_history: opens the history, which is closed again each time.
        options: of the site.
        port: 0 for any that is free.
        folder: of the site; None: a temporary one, which is removed at the end.
        say: tells the address, and what was added.
        warn: tells why a later build failed; the site stays as it was.
        stop: ends it where no terminal does.

    Raises:
        SettingsError: the port is taken.
        StorageError: the history cannot be read at first, or the site not be built.
    """
    stop = stop or threading.Event()
    with tempfile.TemporaryDirectory(prefix="opml-serve-") as temporary:
        site = folder or Path(temporary) / "site"
        with mapped_errors(site):
            site.mkdir(parents=True, exist_ok=True)
        try:
            with serving(site, port) as address:
                with open_history() as history:
                    built = build_site(site, history, options)
                    mark = _mark(history)
                say(f"{address} shows {amount(built.runs, 'run')}; Ctrl-C ends it")
                while not stop.wait(POLL_S):
                    mark = _follow(open_history, site, options, mark, say, warn)
        except KeyboardInterrupt:
            say("ended")


def _mark(history: History) -> object:
    """Return what changes when a site would."""
    return history.run_ids(), history.releases()


def _follow(
    open_history: Callable[[], History],
    site: Path,
    options: SiteOptions,
    mark: object,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> object:
    """Bring the site up to date where the history changed, and return what it looked like then."""
    try:
        with open_history() as history:
            now = _mark(history)
            if now != mark:
                built = build_site(site, history, options)
                new = f"{amount(built.added, 'new run')}, {built.removed:,} removed"
                say(f"{new}, in {built.seconds:.1f} s; reload the page")
    except OpmlError as error:
        warn(f"the site stays as it was: {error}")
        return mark
    return now
