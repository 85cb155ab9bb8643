"""Servers that answer as GitHub and GitLab do where comments are concerned, on a port of this machine.

Their refusals have the bodies and the words that both send, as their documentation, GitLab's source and the reports of
users show them.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

TOKEN = "ghs_" + "x1Y2" * 9
REPOSITORY, PROJECT, NUMBER = "acme/models", "group/models", 7


class Request(NamedTuple):
    """What a client sent."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


class Reply(NamedTuple):
    """What the server answers."""

    status: int
    document: Any
    headers: Mapping[str, str] = {}


class FakeForge:
    """The comments of one request, and who may do what with them.

    Attributes:
        comments: by their ids, in the order in which they were written.
        requests: all that came.
        is_locked: whether the conversation is locked for all but the members of the project.
        before: is called with each request before it is answered; what it returns is answered instead, if anything.
            ``BROKEN`` breaks the connection.
        page_size: comments on a page at most, whatever is asked for.
    """

    def __init__(self, login: str = "github-actions[bot]") -> None:
        self.login = login
        self.comments: dict[int, dict[str, Any]] = {}
        self.requests: list[Request] = []
        self.before: Callable[[Request], Reply | None] = lambda _: None
        self.page_size = 100
        self.open_requests: list[dict[str, Any]] = []
        self.may_write, self.is_locked = True, False
        self.tells_user = False
        self.address = ""
        self._next = 1
        self._lock = threading.RLock()

    def write(self, body: str, author: str | None = None, **fields: Any) -> int:
        """Add a comment, as another client would."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            self.comments[number] = self.entry(number, body, author or self.login) | fields
        return number

    def bodies(self) -> list[str]:
        return [entry["body"] for entry in self.comments.values()]

    def methods(self) -> list[str]:
        """The requests that would change something."""
        return [request.method for request in self.requests if request.method != "GET"]

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        if instead := self.before(request):
            return instead
        with self._lock:
            return self.usual_answer(request)

    def usual_answer(self, request: Request) -> Reply:
        if refusal := self.refusal(request):
            return refusal
        if request.path == self.requests_path:
            entries = [entry for entry in self.open_requests if entry["head"]["label"] == request.query["head"]]
            return Reply(200, entries)
        if request.path == self.user_path:
            return self.user()
        if request.path in (self.list_path, self.pages_path):
            return self.listed(request) if request.method == "GET" else self.created(request)
        number = self.number_of(request.path)
        if number not in self.comments:
            return self.missing()
        if request.method == self.update_method:
            self.comments[number]["body"] = request.body["body"]
            return Reply(200, self.comments[number])
        if request.method == "DELETE":
            del self.comments[number]
            return Reply(204, None)
        return self.missing()

    def created(self, request: Request) -> Reply:
        number = self.write(request.body["body"])
        return Reply(201, self.comments[number])

    def listed(self, request: Request) -> Reply:
        size = min(int(request.query.get("per_page", "30")), self.page_size)
        page = int(request.query.get("page", "1"))
        entries = self.ordered(request)
        pages = max(1, -(-len(entries) // size))
        shown = [entry for entry in entries[(page - 1) * size : page * size] if not entry.get("unseen")]
        return Reply(200, shown, self.page_headers(page, pages))

    def ordered(self, request: Request) -> list[dict[str, Any]]:
        return list(self.comments.values())

    user_path = "/user"
    requests_path = f"/repos/{REPOSITORY}/pulls"
    list_path = pages_path = ""
    update_method = ""
    longest = 65_536

    def entry(self, number: int, body: str, author: str) -> dict[str, Any]:
        raise NotImplementedError

    def number_of(self, path: str) -> int | None:
        raise NotImplementedError

    def refusal(self, request: Request) -> Reply | None:
        raise NotImplementedError

    def user(self) -> Reply:
        raise NotImplementedError

    def missing(self) -> Reply:
        raise NotImplementedError

    def page_headers(self, page: int, pages: int) -> dict[str, str]:
        raise NotImplementedError


class FakeGitHub(FakeForge):
    """As api.github.com, for the token of a job: it may not ask for its user."""

    list_path = f"/repos/{REPOSITORY}/issues/{NUMBER}/comments"
    pages_path = f"/repositories/1300192/issues/{NUMBER}/comments"  # so links to further pages are written there
    update_method = "PATCH"

    def entry(self, number: int, body: str, author: str) -> dict[str, Any]:
        kind = "Bot" if author.endswith("[bot]") else "User"
        url = f"https://github.example/{REPOSITORY}/pull/{NUMBER}#issuecomment-{number}"
        return {"id": number, "user": {"login": author, "type": kind}, "body": body, "html_url": url}

    def number_of(self, path: str) -> int | None:
        match = re.fullmatch(rf"/repos/{REPOSITORY}/issues/comments/(\d+)", path)
        return int(match[1]) if match else None

    def refusal(self, request: Request) -> Reply | None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return said(401, "Bad credentials")
        if not self.may_write and request.method != "GET":
            return said(403, "Resource not accessible by integration")
        if self.is_locked and request.method == "POST":
            return said(403, "Unable to create comment because issue is locked.")
        if request.body is not None and len(request.body["body"]) > self.longest:
            reply = said(422, "Validation Failed")
            wrong = {"resource": "IssueComment", "code": "unprocessable", "field": "data"}
            wrong["message"] = f"Body is too long (maximum is {self.longest} characters)"
            return reply._replace(document=reply.document | {"errors": [wrong]})
        return None

    def user(self) -> Reply:
        if self.tells_user:
            return Reply(200, {"login": self.login})
        return said(403, "Resource not accessible by integration")

    def missing(self) -> Reply:
        return said(404, "Not Found")

    def page_headers(self, page: int, pages: int) -> dict[str, str]:
        places = {"prev": page - 1, "next": page + 1, "last": pages, "first": 1}
        skipped = ("next", "last") if page >= pages else ("prev", "first") if page == 1 else ()
        address = f"{self.address}{self.pages_path}?per_page=100&page="
        links = [f'<{address}{number}>; rel="{rel}"' for rel, number in places.items() if rel not in skipped]
        return {"Link": ", ".join(links)} if pages > 1 else {}


class FakeGitLab(FakeForge):
    """As gitlab.com/api/v4, for a project access token."""

    list_path = f"/projects/{quote(PROJECT, safe='')}/merge_requests/{NUMBER}/notes"
    update_method = "PUT"
    longest = 1_000_000

    def __init__(self) -> None:
        super().__init__("project_1_bot")

    def ordered(self, request: Request) -> list[dict[str, Any]]:
        """The newest first, if nothing else is asked for."""
        entries = list(self.comments.values())
        return entries if request.query.get("sort") == "asc" else entries[::-1]

    def entry(self, number: int, body: str, author: str) -> dict[str, Any]:
        fields = {"system": False, "internal": False, "confidential": False, "resolvable": False, "type": None}
        return {"id": number, "author": {"id": 1, "username": author}, "body": body} | fields

    def number_of(self, path: str) -> int | None:
        match = re.fullmatch(rf"{self.list_path}/(\d+)", path)
        return int(match[1]) if match else None

    def refusal(self, request: Request) -> Reply | None:
        if request.headers.get("private-token") != TOKEN:
            return Reply(401, {"message": "401 Unauthorized"})
        if (not self.may_write and request.method != "GET") or (self.is_locked and request.method == "POST"):
            return Reply(403, {"message": "403 Forbidden"})
        if request.body is not None and len(request.body["body"]) > self.longest:
            wrong = f'Note {{:note=>["is too long (maximum is {self.longest} characters)"]}}'
            return Reply(400, {"message": f"400 Bad request - {wrong}"})
        return None

    def user(self) -> Reply:
        return Reply(200, {"id": 1, "username": self.login})

    def missing(self) -> Reply:
        return Reply(404, {"message": "404 Not found"})

    def page_headers(self, page: int, pages: int) -> dict[str, str]:
        return {"X-Page": str(page), "X-Next-Page": "" if page >= pages else str(page + 1)}


BROKEN = Reply(0, None)


def said(status: int, message: str, **headers: str) -> Reply:
    """A refusal in the form of GitHub."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    document = {"message": message, "documentation_url": "https://docs.example/rest", "status": str(status)}
    return Reply(status, document, named)


@contextmanager
def serving(forge: FakeForge) -> Iterator[FakeForge]:
    """Serve it; its address is ``forge.address``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            content = self.rfile.read(length)
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(content) if content else None
            reply = forge.answer(Request(self.command, parts.path, query, headers, body))
            if reply == BROKEN:
                self.close_connection = True
                return
            text = b"" if reply.document is None else json.dumps(reply.document).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(text)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_one  # noqa: N815 - as http.server calls them

        def log_message(self, format: str, *values: Any) -> None:  # noqa: A002 - likewise
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    forge.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
