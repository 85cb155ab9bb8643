from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_opml.errors import SettingsError, StorageError
from pytest_opml.integrations.rest import Answer, RestClient, Uncertain
from tests.support.fake_forges import BROKEN, TOKEN, FakeGitHub, Reply, Request, said, serving


class Client(RestClient):
    """With waits that take no time and are counted."""

    def __init__(self, address: str, token: str = TOKEN) -> None:
        self.pauses: list[float] = []
        super().__init__(address, {"Authorization": f"Bearer {token}"}, token, self.pauses.append)


@pytest.fixture
def forge() -> Iterator[FakeGitHub]:
    with serving(FakeGitHub()) as served:
        assert isinstance(served, FakeGitHub)
        yield served


def replying(forge: FakeGitHub, *replies: Reply) -> None:
    """Answer so, one reply a request, and then as usual."""
    left = list(replies)
    forge.before = lambda _: left.pop(0) if left else None


def test_an_answer_has_what_the_server_said(forge: FakeGitHub) -> None:
    answer = Client(forge.address).send("GET", "/repos/absent")
    assert (answer.status, answer.message) == (404, "Not Found")
    assert forge.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("failure", [said(500, "Server Error"), said(503, "Unavailable"), BROKEN])
def test_what_fails_for_the_moment_is_repeated_with_growing_pauses(forge: FakeGitHub, failure: Reply) -> None:
    client = Client(forge.address)
    replying(forge, failure, failure)
    assert client.send("GET", forge.list_path).status == 200
    assert client.pauses == [1, 2]


def test_a_server_that_stays_broken_ends_it(forge: FakeGitHub) -> None:
    forge.before = lambda _: said(502, "Bad Gateway")
    with pytest.raises(StorageError, match=r": it answered 502: Bad Gateway, 4 times in a row; run the command again"):
        Client(forge.address).send("PATCH", "/x", {"body": "x"})
    assert len(forge.requests) == 4


def test_a_post_is_not_repeated_blindly(forge: FakeGitHub) -> None:
    replying(forge, BROKEN)
    with pytest.raises(Uncertain):
        Client(forge.address).send("POST", forge.list_path, {"body": "x"})
    assert len(forge.requests) == 1


def test_a_server_that_is_not_there_is_named_with_the_cause() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    client = Client(f"http://127.0.0.1:{port}")
    with pytest.raises(StorageError, match=rf"^127.0.0.1:{port}: it cannot be reached: Connection refused, 4 times"):
        client.send("GET", "/user")


@pytest.mark.parametrize(
    "limit",
    [
        said(429, "Too Many Requests", Retry_After="7"),
        said(403, "You have exceeded a secondary rate limit.", Retry_After="7"),
        said(403, "Forbidden", Retry_After="7"),
    ],
)
def test_a_limit_is_waited_for_as_the_server_asks(forge: FakeGitHub, limit: Reply) -> None:
    client = Client(forge.address)
    replying(forge, limit)
    assert client.send("POST", forge.list_path, {"body": "x"}).status == 201
    assert client.pauses == [7]
    assert forge.bodies() == ["x"]


def test_a_limit_without_a_time_is_waited_for_a_minute(forge: FakeGitHub) -> None:
    client = Client(forge.address)
    replying(forge, said(403, "You have exceeded a secondary rate limit. Please wait a few minutes."))
    assert client.send("GET", forge.list_path).status == 200
    assert client.pauses == [60]


def test_the_time_at_which_a_limit_ends_is_waited_for(forge: FakeGitHub) -> None:
    client = Client(forge.address)
    until = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 30)}
    replying(forge, Reply(403, {"message": "API rate limit exceeded for installation ID 1."}, until))
    assert client.send("GET", forge.list_path).status == 200
    assert 20 < client.pauses[0] <= 30


@pytest.mark.parametrize("replies", [[said(429, "", Retry_After="3600")], [said(429, "", Retry_After="50")] * 3])
def test_a_limit_that_takes_too_long_ends_it(forge: FakeGitHub, replies: list[Reply]) -> None:
    replying(forge, *replies)
    client = Client(forge.address)
    with pytest.raises(StorageError, match=r"limits the requests \(status 429\) and asks to wait [\d,]+ s; run the"):
        client.send("GET", forge.list_path)
    assert sum(client.pauses) <= 120


def test_a_refusal_is_no_limit(forge: FakeGitHub) -> None:
    replying(forge, said(403, "Resource not accessible by integration", X_RateLimit_Remaining="4999"))
    assert Client(forge.address).send("GET", forge.list_path).status == 403


def test_a_path_that_moved_on_the_same_server_is_followed(forge: FakeGitHub) -> None:
    replying(forge, Reply(301, None, {"Location": forge.list_path}))
    assert Client(forge.address).send("POST", "/old", {"body": "x"}).status == 201
    assert [request.method for request in forge.requests] == ["POST", "POST"]


def test_no_other_server_gets_the_token(forge: FakeGitHub) -> None:
    with serving(FakeGitHub()) as elsewhere:
        replying(forge, Reply(302, None, {"Location": f"{elsewhere.address}/steal"}))
        with pytest.raises(
            StorageError, match=r"sends on to http://127.0.0.1:\d+/steal, which does not get the token"
        ) as error:
            Client(forge.address).send("GET", "/user")
        assert elsewhere.requests == []
        assert TOKEN not in str(error.value)


@pytest.mark.parametrize("location", ["http://[", "http://x:99999999/", "//elsewhere.example/", "file:///etc/passwd"])
def test_a_place_that_is_none_gets_nothing(forge: FakeGitHub, location: str) -> None:
    replying(forge, Reply(302, None, {"Location": location}))
    with pytest.raises(StorageError, match=r"sends on to (no URL|.*, which does not get the token)"):
        Client(forge.address).send("GET", "/user")
    assert len(forge.requests) == 1


def test_a_page_on_another_server_is_not_asked_for(forge: FakeGitHub) -> None:
    with serving(FakeGitHub()) as elsewhere:
        client = Client(forge.address)
        pages = client.pages(forge.list_path, lambda _: f"{elsewhere.address}/page2")
        with pytest.raises(StorageError, match="which does not get the token"):
            list(pages)
        assert elsewhere.requests == []


def test_a_server_that_sends_in_a_circle_ends_it(forge: FakeGitHub) -> None:
    forge.before = lambda request: Reply(307, None, {"Location": request.path})
    with pytest.raises(StorageError, match="sends on more than 3 times"):
        Client(forge.address).send("GET", "/user")


def test_a_list_without_an_end_ends(forge: FakeGitHub) -> None:
    with pytest.raises(StorageError, match="has more than 5 pages"):
        list(Client(forge.address).pages(forge.list_path, lambda _: forge.list_path, most=5))


def test_a_password_of_a_netrc_file_is_not_sent(
    forge: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    Client(forge.address).send("GET", "/user")
    assert forge.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_server_that_repeats_the_token_does_not_bring_it_into_a_message(forge: FakeGitHub) -> None:
    forge.before = lambda _: said(500, f"cannot use {TOKEN}\x1b[31m")
    with pytest.raises(StorageError) as error:
        Client(forge.address).send("GET", "/user")
    assert TOKEN not in str(error.value)
    assert r"cannot use ***\x1b[31m" in str(error.value)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "é" * 10])
def test_what_can_be_no_token_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(SettingsError, match="the token is empty or has blanks") as error:
        Client("https://api.example", token)
    assert not token or token not in str(error.value)


@pytest.mark.parametrize("address", ["", "api.example", "ftp://x", "https://me:pass@x", "https://x/?a", "https://x y"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="is no URL such as"):
        Client(address)


@pytest.mark.parametrize(
    ("address", "shown"),
    [("https://bot:secret@ghe.example/api", "'https://bot:***@ghe.example/api'"), ("https://x/?token=secret", "***")],
)
def test_a_wrong_address_is_shown_without_its_password(address: str, shown: str) -> None:
    with pytest.raises(SettingsError) as error:
        Client(address)
    assert shown in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"message": "Validation Failed", "errors": [{"field": "data", "message": "too long"}]},
            "Validation Failed: too long",
        ),
        ({"message": "Validation Failed", "errors": ["a", {"code": "custom"}]}, "Validation Failed: a, code custom"),
        ({"message": {"error": "too many"}}, "too many"),
        ({"message": {"note": ["is too long", "is odd"], "x": 1}}, "note is too long, is odd"),
        ({"error": "invalid_token", "error_description": "Token is expired."}, "Token is expired."),
        ({"errors": [["deep"]]}, "deep"),
        ({"message": 5}, ""),
        (["no object"], ""),
    ],
)
def test_what_a_server_says_is_one_text(document: object, message: str) -> None:
    assert Answer(400, document, {}, "").message == message


def test_an_answer_that_is_no_json_is_no_document(forge: FakeGitHub) -> None:
    def not_json(request: Request) -> Reply:
        return Reply(200, "x" * 10, {"Content-Length": "3"})

    forge.before = not_json
    assert Client(forge.address).send("GET", "/user").document is None
