"""Requests to the REST interface of a server that asks for a token: bounded in time, and the token stays with it.

What a server answers is data of others: it is read within bounds, and a text of it is one printable line.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urljoin, urlsplit

from ..addresses import read_address
from ..errors import SettingsError, StorageError
from ..printable import clipped

if TYPE_CHECKING:
    import requests

Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]

HIDDEN = "***"  # in the place of the token, wherever a text would repeat it
_TIMEOUT_S = (10.0, 30.0)  # to connect, and between two bytes of an answer
_TRIES = 4
_FIRST_PAUSE_S = 1.0
_PATIENCE_S = 120.0  # of all waits that a server asks for, together
_UNSAID_S = 60.0  # what GitHub asks for where it limits and does not say for how long
_MOST_BYTES = 32 * 2**20
_REDIRECTS = 3
_REDIRECTED = (301, 302, 307, 308)
_ADDRESS = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9/._~%+-]*)?")
_TOKEN = re.compile(r"[\x21-\x7e]+")


class Answer(NamedTuple):
    """What a server answered.

    Attributes:
        status: of HTTP.
        document: the JSON of its body; None where it is none.
        headers: by their names in lower case.
        next_url: of the next page, as the header ``Link`` says; empty where there is none.
    """

    status: int
    document: Any
    headers: Mapping[str, str]
    next_url: str

    @property
    def message(self) -> str:
        """What the server says is wrong, in one line; empty where it says nothing."""
        document = self.document if isinstance(self.document, Mapping) else {}
        said = _text_of(document.get("message") or document.get("error_description") or document.get("error"))
        details = _text_of(document.get("errors"))  # where GitHub says which field of a request is wrong, and why
        return clipped(f"{said}: {details}" if said and details else said or details, 200)


class Uncertain(StorageError):  # noqa: N818 - it names what is known of the request
    """Nobody knows whether a request was carried out, or what it was about is gone: read anew what is there."""


class RestClient:
    """Sends requests with a token to one server.

    Args:
        address: where all paths begin, such as ``https://api.github.com``.
        headers: of every request; the token is in one of them.
        token: for no text to repeat it.
        sleep: waits so many seconds.

    Raises:
        SettingsError: the address is none, or the token cannot be one.
    """

    def __init__(
        self, address: str, headers: Mapping[str, str], token: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        if not _ADDRESS.fullmatch(address):
            raise SettingsError(f"the server's address {_shown(address)!r} is no URL such as https://api.example.com")
        if not _TOKEN.fullmatch(token):
            raise SettingsError("the token is empty or has blanks or letters that no token has: copy it once more")
        self._address = address.rstrip("/")
        self._headers = dict(headers)
        self._token = token
        self._sleep = sleep
        self._waited = 0.0

    @property
    def server(self) -> str:
        """The server's name, for messages."""
        return urlsplit(self._address).netloc

    def send(self, method: Method, path: str, body: Mapping[str, str] | None = None) -> Answer:
        """Send a request and return the answer, whatever its status below 500.

        What fails for the moment is repeated with growing pauses. A POST is repeated only where the server says that it
        did not carry it out.

        Args:
            method: of HTTP.
            path: below the server's address, or a whole URL on the same server.
            body: sent as JSON, without the token where a text holds it.

        Raises:
            Uncertain: a POST got no answer, or one with a status of 500 or above.
            StorageError: the server cannot be reached, is broken, or asks to wait for longer than this may take.
        """
        url = path if path.startswith("http") else f"{self._address}{path}"
        # A CI service hides a secret in its logs, and nobody hides it in what is sent: the log of a crash may hold it.
        shown = body and {name: text.replace(self._token, HIDDEN) for name, text in body.items()}
        failure = ""
        for number in range(_TRIES):
            if number:
                self._sleep(_FIRST_PAUSE_S * 2 ** (number - 1))
            try:
                answer = self._unlimited(method, url, shown)
            except _Lost as error:
                failure = str(error)
            else:
                if answer.status < 500:
                    return answer
                failure = f"it answered {self.said_of(answer)}"
            if method == "POST":
                raise Uncertain(f"{self.server}: a comment was sent, and {failure}")
        raise StorageError(f"{self.server}: {failure}, {_TRIES} times in a row; run the command again later")

    def pages(self, path: str, next_path: Callable[[Answer], str], most: int = 200) -> Iterator[Answer]:
        """Yield the pages of a list; the last is the first that is no list.

        Args:
            path: of the first page.
            next_path: what comes after a page; empty after the last.
            most: pages.

        Raises:
            StorageError: as ``send``, and where there are more pages.
        """
        for _ in range(most):
            answer = self.send("GET", path)
            yield answer
            path = next_path(answer) if isinstance(answer.document, list) else ""
            if not path:
                return
        raise StorageError(f"{self.server}: the list of comments has more than {most} pages")

    def said_of(self, answer: Answer) -> str:
        """Return the status of an answer and what the server says to it, and never the token."""
        text = answer.message.replace(self._token, HIDDEN)
        return f"{answer.status}: {text}" if text else str(answer.status)

    def _unlimited(self, method: Method, url: str, body: Mapping[str, str] | None) -> Answer:
        """Send a request; where the server limits how many there may be, wait as it asks and send it again."""
        while True:
            answer = self._redirected(method, url, body)
            pause = _asked_pause(answer)
            if pause is None:
                return answer
            self._waited += pause
            if self._waited > _PATIENCE_S:
                raise StorageError(
                    f"{self.server} limits the requests (status {answer.status}) and asks to wait {pause:,.0f} s; "
                    "run the command again after that"
                )
            self._sleep(pause)

    def _redirected(self, method: Method, url: str, body: Mapping[str, str] | None) -> Answer:
        """Send a request, and again where the server has moved it to another path of its own."""
        for _ in range(_REDIRECTS + 1):
            if _origin(url) != _origin(self._address):
                raise StorageError(
                    f"{self.server} sends on to {clipped(url.partition('?')[0], 100)}, which does not get the token; "
                    "give the server's present address"
                )
            answer = self._once(method, url, body)
            if answer.status not in _REDIRECTED:
                return answer
            url = _joined(url, answer.headers.get("location", ""))
        raise StorageError(f"{self.server} sends on more than {_REDIRECTS} times")

    def _once(self, method: Method, url: str, body: Mapping[str, str] | None) -> Answer:
        import requests

        try:
            with requests.request(
                method,
                url,
                json=body,
                auth=self._authorized,
                timeout=_TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as response:
                content = _content(response)
                return Answer(
                    response.status_code,
                    _parsed(content),
                    {name.lower(): value for name, value in response.headers.items()},
                    str(response.links.get("next", {}).get("url", "")),
                )
        except requests.RequestException as error:
            raise _Lost(_cause(error).replace(self._token, HIDDEN)) from None
        except ValueError as error:  # requests reads where a server sends on to, even if it is not to follow
            raise StorageError(f"{self.server}: its answer sends on to no URL ({clipped(error, 100)})") from None

    def _authorized(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the headers; as the ``auth`` of requests, which would otherwise put a password of ~/.netrc in there."""
        request.headers.update(self._headers)
        return request


def _shown(address: str) -> str:
    """Return a wrong address as a message may show it: without a password, which stands before an @ or in a query."""
    return read_address(address).shown if re.search("[@?]", address) else clipped(address, 100)


def _text_of(said: object) -> str:
    """Return what a server says as one text: GitLab says some things as an object of texts or of lists of them."""
    if isinstance(said, Mapping):
        if isinstance(text := said.get("message") or said.get("error"), str):
            return text
        return ", ".join(f"{name} {text}" for name, part in said.items() if (text := _text_of(part)))
    if isinstance(said, list):
        return ", ".join(filter(None, map(_text_of, said)))
    return said if isinstance(said, str) else ""


class _Lost(Exception):  # noqa: N818 - it names what happened to the request
    """There was no answer; the text says why."""


def _origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of a URL; none of them where it is no URL."""
    try:
        parts = urlsplit(url)
        default = {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, (parts.hostname or "").lower(), parts.port or default
    except ValueError:
        return "", "", None


def _joined(url: str, location: str) -> str:
    """Return where a server sends on to; empty where that is no URL."""
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def _content(response: requests.Response) -> bytes:
    content = bytearray()
    for chunk in response.iter_content(2**16):
        content += chunk
        if len(content) > _MOST_BYTES:
            raise StorageError(f"{urlsplit(response.url).netloc}: an answer has more than {_MOST_BYTES / 1e6:.0f} MB")
    return bytes(content)


def _parsed(content: bytes) -> Any:
    import json

    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _cause(error: BaseException) -> str:
    """Return why a request got no answer, in few words: requests wraps what the system said several times."""
    reason = (
        "did not answer in time" if "timed out" in str(error).lower() else f"cannot be reached ({type(error).__name__})"
    )
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            reason = f"cannot be reached: {inner.strerror}"
        inner = inner.__cause__ or inner.__context__
    return f"it {clipped(reason, 200)}"


def _asked_pause(answer: Answer) -> float | None:
    """Return for how many seconds a server asks to wait; None where it does not limit the requests.

    GitHub limits with 429, and with 403 as well, which is otherwise a refusal.
    """
    headers = answer.headers
    after = _seconds(headers.get("retry-after"))
    is_spent = headers.get("x-ratelimit-remaining") == "0"
    is_limit = after is not None or is_spent or "rate limit" in answer.message.lower()
    if answer.status != 429 and not (answer.status == 403 and is_limit):
        return None
    if after is not None:
        return after
    until = _seconds(headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset"))
    if until is not None and (is_spent or answer.status == 429):
        return max(until - time.time(), 1.0)
    return _UNSAID_S


def _seconds(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch("[0-9]{1,12}", text) else None
