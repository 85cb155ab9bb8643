from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.support.object_server import ObjectServer, object_server

_numbers = count()


def name_in_environment(server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": server.address,
        "AWS_ACCESS_KEY_ID": "of-a-test",
        "AWS_SECRET_ACCESS_KEY": "0123456789",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def common_s3() -> Iterator[tuple[ObjectServer, str]]:
    """A server with a bucket: a client for another takes a second to make."""
    with object_server() as server:
        yield server, server.make_bucket(f"bucket-{next(_numbers)}")


@pytest.fixture
def s3(common_s3: tuple[ObjectServer, str], monkeypatch: pytest.MonkeyPatch) -> ObjectServer:
    """An S3 server that the environment names."""
    server, _ = common_s3
    name_in_environment(server, monkeypatch)
    server.forget()
    return server


@pytest.fixture
def bucket(s3: ObjectServer, common_s3: tuple[ObjectServer, str]) -> str:
    """A part of a bucket that is the test's own."""
    return f"{common_s3[1]}/test-{next(_numbers)}"


@pytest.fixture
def own_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    """A server that a test may stop."""
    with object_server() as server:
        name_in_environment(server, monkeypatch)
        yield server


@pytest.fixture
def own_bucket(own_s3: ObjectServer) -> str:
    """A bucket on a server that a test may stop."""
    url = own_s3.make_bucket(f"bucket-{next(_numbers)}")
    own_s3.forget()
    return url


@pytest.fixture(params=["memory", "s3"])
def url(request: pytest.FixtureRequest) -> str:
    """A place in an object store: one of fsspec's within the process, and one of a server."""
    if request.param == "memory":
        return f"memory://test-{next(_numbers)}/cache"
    return f"{request.getfixturevalue('bucket')}/cache"
