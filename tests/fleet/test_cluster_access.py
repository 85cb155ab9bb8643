"""Clusters of Ray's that ask for a token, and one that does not: runs, and the doctor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_opml import cli
from pytest_opml.runner.fleet.cluster_facts import TokenError, read_facts
from tests.fleet.test_ray import Project
from tests.support.ray_heads import started_head

pytestmark = pytest.mark.fleet

TOKEN = "0123456789abcdef" * 2
VARIABLES = ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")

Tokens = dict[str, str]
REFUSED = {
    "none": ({}, "it asks for a token: set RAY_AUTH_MODE=token, and put the cluster's into RAY_AUTH_TOKEN"),
    "not sent": ({"RAY_AUTH_TOKEN": TOKEN}, "it asks for a token: set RAY_AUTH_MODE=token, and the one that is here"),
    "missing": ({"RAY_AUTH_MODE": "token"}, "RAY_AUTH_MODE is token, but there is none here"),
    "wrong": ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "x" * 32}, "it does not take the token that is here"),
}
RIGHT = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def closed() -> Iterator[str]:
    with started_head("--num-cpus=2", variables=RIGHT) as address:
        yield address


@pytest.fixture(scope="module")
def opened() -> Iterator[str]:
    with started_head("--num-cpus=2", variables={"RAY_AUTH_MODE": "disabled"}) as address:
        yield address


def set_variables(monkeypatch: pytest.MonkeyPatch, variables: Tokens) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def doctor(folder: Path, address: str) -> tuple[int, list[str]]:
    """What the doctor says of the fleet."""
    (folder / "pyproject.toml").write_text(f'[tool.opml]\nfleet = "{address}"\ngpu = "cpu"\n')
    result = CliRunner().invoke(cli.main, ["doctor", "--quick", "--config", str(folder / "pyproject.toml")])
    lines = iter(result.output.splitlines())
    for line in lines:
        if line == "fleet":
            break
    text: list[str] = []
    for line in lines:
        if not line:
            break
        text.append(" ".join(line.split()))
    return result.exit_code, text


@pytest.mark.parametrize("name", REFUSED)
def test_a_run_that_may_not_in_is_refused_in_one_line(
    closed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    variables, text = REFUSED[name]
    set_variables(monkeypatch, variables)
    code, output = Project(tmp_path, 1).run(f"--opml-fleet={closed}", "--opml-gpu=cpu")
    assert code == 4, output
    (line,) = [line for line in output.splitlines() if line.startswith("ERROR")]
    assert line.startswith(f"ERROR: --opml-fleet={closed}: {text}")
    assert not [word for word in ("Traceback", "gcs_client.cc", "InvalidAuthToken") if word in output]


def test_a_run_with_the_token_measures(closed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, RIGHT)
    code, output = Project(tmp_path, 1).run(f"--opml-fleet={closed}", "--opml-gpu=cpu")
    assert code == 0, output


@pytest.mark.parametrize("name", REFUSED)
def test_the_doctor_says_why_the_cluster_cannot_be_used(
    closed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    variables, text = REFUSED[name]
    set_variables(monkeypatch, variables)
    code, lines = doctor(tmp_path, closed)
    assert code == 1
    assert text in " ".join(lines)
    assert lines[0].startswith("problem access")


def test_the_doctor_says_that_the_token_is_right(closed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, RIGHT)
    _, lines = doctor(tmp_path, closed)
    assert [line.split()[:2] for line in lines if line.startswith("ok")] == [
        ["ok", "cluster"],
        ["ok", "access"],
        ["ok", "kind"],
    ]
    assert "asks for a token, and takes the one that is here" in " ".join(lines)


def test_auto_is_the_cluster_of_the_job(closed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAY_ADDRESS", closed)  # as `ray job submit` sets it
    set_variables(monkeypatch, RIGHT)
    assert read_facts("auto").address == closed
    for name in RIGHT:
        monkeypatch.delenv(name)
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text(TOKEN)
    with pytest.raises(TokenError, match=r"^--opml-fleet=auto: it asks for a token: set RAY_AUTH_MODE=token"):
        read_facts("auto")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert read_facts("auto").kinds == {"cpu": 1}


@pytest.mark.parametrize("variables", [{}, RIGHT], ids=["without a token", "with one"])
def test_the_doctor_says_that_a_cluster_takes_anybody(
    opened: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: Tokens
) -> None:
    set_variables(monkeypatch, variables)
    _, lines = doctor(tmp_path, opened)
    text = " ".join(lines)
    assert "note access the cluster asks for no token: whoever reaches it runs code on its nodes" in text
    assert "-> `ray get-auth-token --generate`" in text
