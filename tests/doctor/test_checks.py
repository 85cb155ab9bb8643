from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_opml.doctor import Asked, examine, offline
from pytest_opml.doctor.finding import Finding

TOPICS = ["installed", "devices", "storage", "weights", "data sets", "project"]


def found(folder: Path) -> list[Finding]:
    return examine(Asked(folder / "pyproject.toml", {"cache_dir": str(folder / "cache")}, quick=True))


def test_everything_is_looked_at_topic_by_topic(tmp_path: Path) -> None:
    findings = found(tmp_path)
    assert list(dict.fromkeys(finding.topic for finding in findings)) == TOPICS
    assert not [finding for finding in findings if finding.state == "problem"]
    assert all("\n" not in finding.text for finding in findings)


@pytest.mark.parametrize(
    "content", ["[tool.opml", "[tool.opml]\ngpus = 1", '[tool.opml.gate]\nnothing = { max = "x" }']
)
def test_with_wrong_settings_the_rest_is_looked_at_all_the_same(tmp_path: Path, content: str) -> None:
    (tmp_path / "pyproject.toml").write_text(content)
    findings = found(tmp_path)
    assert [finding.name for finding in findings if finding.state == "problem"] == ["settings"]
    assert list(dict.fromkeys(finding.topic for finding in findings)) == TOPICS


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), ImportError("no h5py"), EOFError()])
def test_a_check_that_cannot_look_is_a_problem_and_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(_: str) -> list[str]:
        raise error

    monkeypatch.setattr(offline.registry, "names", refuse)
    findings = found(tmp_path)
    (problem,) = [finding for finding in findings if finding.state == "problem"]
    assert (problem.topic, problem.name) == ("data sets", "data sets")
    assert problem.text
    assert problem.remedy
    assert findings[-1].name == "git"


_PACKAGES = [
    "pydantic",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("numpy", "psutil", "pynvml", "sqlalchemy", "sklearn", "packaging")
    ),
]  # a process for each


@pytest.mark.parametrize("package", _PACKAGES)
def test_without_a_package_it_says_so_and_does_not_crash(tmp_path: Path, package: str) -> None:
    program = (
        f"import sys\nsys.modules[{package!r}] = None\nfrom pytest_opml.cli import main\nmain(['doctor', '--quick'])\n"
    )
    (tmp_path / "pyproject.toml").write_text(f'[tool.opml]\ncache_dir = "{tmp_path}/cache"\n')
    (tmp_path / ".opml").mkdir()
    (tmp_path / ".opml" / "history.db").touch()
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert " problem" in done.stdout.splitlines()[-1]
    if package != "sklearn":  # which the digits alone need, and only when they are loaded
        assert done.returncode == 1, done.stdout
        assert package in done.stdout


def test_examining_imports_nothing_heavy_before_it_looks() -> None:
    heavy = ("tensorflow", "keras", "scipy", "sklearn", "sqlalchemy", "pydantic", "numpy")
    program = f"import sys, pytest_opml.doctor; sys.exit([n for n in {heavy!r} if n in sys.modules] or 0)"
    subprocess.run([sys.executable, "-c", program], check=True)
