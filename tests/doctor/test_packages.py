from __future__ import annotations

from email.message import Message
from importlib.metadata import PackageNotFoundError

import pytest

from pytest_opml.doctor import packages as module
from pytest_opml.doctor.finding import Finding
from pytest_opml.doctor.packages import packages

REQUIRED = [
    "tensorflow>=2.18",
    "keras>=3.8",
    "ai-edge-litert>=2.0",
    "numpy>=2.0",
    "tomli>=2.0; python_version < '3.0'",
    "psycopg[binary]>=3.1; extra == 'postgres'",
    "onnx>=1.16; extra == 'onnx'",
    "tf2onnx>=1.16; extra == 'onnx'",
]
ALL = {
    "pytest-opml": "1.0",
    "tensorflow": "2.21.0",
    "keras": "3.9",
    "ai-edge-litert": "2.1",
    "numpy": "2.1.0rc1",
    "psycopg": "3.2",
    "onnx": "1.17",
    "tf2onnx": "1.16.1",
}


def found(monkeypatch: pytest.MonkeyPatch, installed: dict[str, str]) -> dict[str, Finding]:
    def version(name: str) -> str:
        if name not in installed:
            raise PackageNotFoundError(name)
        return installed[name]

    message = Message()
    for extra in ("onnx", "postgres"):
        message["Provides-Extra"] = extra
    monkeypatch.setattr(module, "version", version)
    monkeypatch.setattr(module, "requires", lambda _: REQUIRED)
    monkeypatch.setattr(module, "metadata", lambda _: message)
    return {finding.name: finding for finding in packages()}


def test_where_all_is_there_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = found(monkeypatch, ALL)
    assert {finding.state for finding in findings.values()} == {"ok"}
    assert findings["tensorflow"].text == "2.21.0"
    assert findings["other packages"].text == "1 of 1 are there in the versions needed"
    assert findings["extra onnx"].text == "onnx 1.17, tf2onnx 1.16.1"


@pytest.mark.parametrize("name", ["tensorflow", "numpy"])
def test_a_package_that_is_needed_and_not_there_is_a_problem(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    findings = found(monkeypatch, {key: value for key, value in ALL.items() if key != name})
    assert (findings[name].state, findings[name].text) == ("problem", "not installed")
    assert findings[name].remedy.startswith(f"pip install '{name}>=2.")
    assert [finding.name for finding in findings.values() if finding.state != "ok"] == [name]


def test_a_version_that_is_too_old_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = found(monkeypatch, ALL | {"keras": "2.15"})
    assert findings["keras"].text == "version 2.15 is installed, >=3.8 is needed"
    assert findings["keras"].remedy == "pip install 'keras>=3.8'"


def test_an_extra_that_is_not_there_is_a_note_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = found(monkeypatch, {key: value for key, value in ALL.items() if key not in ("psycopg", "tf2onnx")})
    assert findings["extra postgres"][2:] == ("note", "psycopg: not installed", "pip install 'pytest-opml[postgres]'")
    assert findings["extra onnx"][2:] == ("note", "tf2onnx: not installed", "pip install 'pytest-opml[onnx]'")


def test_without_its_own_metadata_the_rest_cannot_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = found(monkeypatch, {})
    assert list(findings) == ["python", "pytest-opml"]
    assert findings["pytest-opml"].state == "problem"


def test_the_packages_of_this_environment() -> None:
    findings = {finding.name: finding for finding in packages()}
    assert {findings[name].state for name in ("python", "pytest-opml", "tensorflow", "keras")} == {"ok"}
    assert {"extra onnx", "extra openvino"} <= set(findings)
