"""What is said where no cluster can be used; tests/fleet has clusters."""

from __future__ import annotations

import importlib.util
import socket

import pytest

from pytest_opml.errors import MissingDependencyError, SettingsError
from pytest_opml.runner.fleet import cluster_facts
from pytest_opml.runner.fleet.cluster_facts import read_facts


@pytest.mark.parametrize("address", ["nowhere", "host:", ":1", "host:port", "ray://host:10001/x"])
def test_what_is_no_address_is_refused_without_a_process(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_facts.subprocess, "run", None)
    with pytest.raises(SettingsError, match=r"the address must be slurm, auto or HOST:PORT"):
        read_facts(address)


def test_where_nobody_listens_the_reason_is_named() -> None:
    with pytest.raises(SettingsError) as error:
        read_facts("127.0.0.1:9")
    text = (
        "--opml-fleet=127.0.0.1:9: no cluster of Ray's can be used there ([Errno 111] Connection refused); start one "
    )
    assert str(error.value).startswith(text)


def test_what_answers_otherwise_than_ray_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_facts, "_LONGEST_S", 1.0)
    with socket.create_server(("", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SettingsError, match=r"what is there has not answered as Ray does for 1 s"):
            read_facts(address)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingDependencyError, match=r"pytest-opml\[fleet\]"):
        read_facts("auto")
