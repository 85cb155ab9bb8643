"""An S3 server on this machine, which says what it was asked for, and refuses or hangs where a test wants that."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import requests

REFUSED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
FULL = b"<Error><Code>QuotaExceeded</Code><Message>The quota is exceeded</Message></Error>"


class ObjectServer:
    """Moto behind a port of its own.

    Attributes:
        asked: the method and the path of each request.
        answers: what is answered instead by method: a body, whose status is 403.
        delay_s: seconds before each answer.
        on_request: is given the method and the path of each request before it is answered.
    """

    def __init__(self) -> None:
        # heavy, and only for the tests that have a server
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Silent(WSGIRequestHandler):
            def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - its name there
                pass

        self.forget()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Silent)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def address(self) -> str:
        """The endpoint of botocore."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def _answer(self, environment: dict[str, Any], start: Any) -> Iterable[bytes]:
        method, path = environment["REQUEST_METHOD"], environment["PATH_INFO"]
        self.asked.append((method, path))
        self.on_request(method, path)
        time.sleep(self.delay_s)
        if method in self.answers:
            environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
            start("403 Forbidden", [("Content-Type", "application/xml")])
            return [self.answers[method]]
        return self._moto(environment, start)

    def forget(self) -> None:
        """Be as it was in the beginning, but for the objects."""
        self.asked: list[tuple[str, str]] = []
        self.answers: dict[str, bytes] = {}
        self.delay_s = 0.0
        self.on_request: Callable[[str, str], None] = lambda method, path: None

    def make_bucket(self, name: str) -> str:
        """Return the URL of a new bucket."""
        with requests.Session() as session:
            session.trust_env = False  # its proxy is not for this machine
            session.put(f"{self.address}/{name}", timeout=10).raise_for_status()
        return f"s3://{name}"

    def fetched(self, pattern: str) -> list[str]:
        """The paths that were fetched and match a pattern."""
        return [path for method, path in self.asked if method == "GET" and re.search(pattern, path)]

    def stop(self) -> None:
        """Listen no longer; a second time does nothing."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def object_server() -> Iterator[ObjectServer]:
    """Give a server, which is stopped behind the block."""
    server = ObjectServer()
    try:
        yield server
    finally:
        server.stop()
