from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from pytest_opml.doctor import Asked, examine
from pytest_opml.doctor.finding import Finding
from pytest_opml.doctor.fleet import fleet
from pytest_opml.errors import SettingsError
from pytest_opml.runner.fleet import cluster_facts
from pytest_opml.runner.fleet.cluster_facts import ClusterFacts, TokenError
from pytest_opml.settings import build_settings
from tests.support.fake_slurm import FakeSlurm

FACTS = ClusterFacts(
    address="10.0.0.1:6379",
    ray=version("ray"),
    python=platform.python_version(),
    kinds={"v100": 2, "cpu": 1},
    has_autoscaler=False,
)


def findings(
    monkeypatch: pytest.MonkeyPatch,
    facts: ClusterFacts | SettingsError = FACTS,
    stranger: SettingsError | None = None,
    gpu: object = ("v100", "cpu"),
) -> dict[str, Finding]:
    def read_facts(address: str, *, as_stranger: bool = False) -> ClusterFacts:
        assert address == "10.0.0.1:6379"
        answer = stranger if as_stranger and stranger else facts
        if isinstance(answer, SettingsError):
            raise answer
        return answer

    monkeypatch.setattr(cluster_facts, "read_facts", read_facts)
    settings = build_settings({"fleet": "10.0.0.1:6379", "gpu": gpu}, {}, Path.cwd())
    return {finding.name: finding for finding in fleet(settings)}


def test_a_cluster_that_asks_for_a_token_and_has_all_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = findings(monkeypatch, stranger=TokenError("it asks for a token"))
    assert {finding.state for finding in seen.values()} == {"ok"}
    assert seen["cluster"].text == f"10.0.0.1:6379: Ray {version('ray')}, Python {platform.python_version()}"
    assert [seen[name].text for name in ("kind v100", "kind cpu")] == ["2 nodes now", "1 node now"]


def test_a_cluster_that_lets_everybody_in_is_a_note_that_says_how_to_close_it(monkeypatch: pytest.MonkeyPatch) -> None:
    note = findings(monkeypatch)["access"]
    assert note.state == "note"
    assert "RAY_AUTH_MODE=token" in note.remedy
    assert "ray get-auth-token --generate" in note.remedy


def test_where_the_cluster_lets_us_not_in_nothing_else_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = findings(monkeypatch, TokenError("--opml-fleet=x: it asks for a token")).values()
    assert (problem.name, problem.state) == ("access", "problem")
    (problem,) = findings(monkeypatch, SettingsError("--opml-fleet=x: no cluster")).values()
    assert (problem.name, problem.state) == ("cluster", "problem")


@pytest.mark.parametrize("theirs", [{"ray": "2.9.0"}, {"python": "3.9.1"}])
def test_another_version_is_a_problem(monkeypatch: pytest.MonkeyPatch, theirs: dict[str, str]) -> None:
    problem = findings(monkeypatch, replace(FACTS, **theirs))["cluster"]
    assert problem.state == "problem"
    assert f", and this machine Ray {version('ray')} on Python" in problem.text


def test_a_missing_kind_is_a_problem_unless_an_autoscaler_may_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = findings(monkeypatch, gpu="a100")["kind a100"]
    assert (kind.state, kind.text) == ("problem", "no node; the cluster has 1 cpu, 2 v100")
    kind = findings(monkeypatch, replace(FACTS, has_autoscaler=True), gpu="a100")["kind a100"]
    assert kind.state == "note"
    kind = findings(monkeypatch, gpu="auto")["kind auto"]
    assert (kind.state, kind.remedy) == ("problem", "write gpu = [...] in [tool.opml], of cpu, v100")


def test_a_cluster_that_is_not_there_stops_no_other_check(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.opml]\nfleet = "127.0.0.1:9"\ngpu = "h100"\n')
    seen = examine(Asked(tmp_path / "pyproject.toml", {"cache_dir": str(tmp_path / "cache")}, quick=True))
    (problem,) = [finding for finding in seen if finding.state == "problem"]  # nor is an H100 missed on this machine
    assert (problem.topic, problem.name) == ("fleet", "cluster")
    assert "no cluster of Ray's can be used there" in problem.text
    assert seen[-1].name == "git"


def test_without_a_cluster_in_the_settings_ray_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.opml]\nstore = 'none'\n")
    program = (
        "import sys\nfrom pathlib import Path\nfrom pytest_opml.doctor import Asked, examine\n"
        f"examine(Asked(Path({str(tmp_path / 'pyproject.toml')!r}), {{}}, True))\n"
        "sys.exit('ray' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False).returncode == 0


def test_of_slurm_it_says_which_nodes_are_up_and_of_the_kinds_that_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = build_settings({"fleet": "slurm", "gpu": ["v100", "a100"], "make_on": "cpu"}, {}, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    (answer,) = fleet(settings)
    assert (answer.name, answer.state) == ("cluster", "problem")
    assert answer.text.startswith("Slurm does not answer here: sinfo")
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    FakeSlurm(tmp_path)
    seen = {finding.name: (finding.state, finding.text) for finding in fleet(settings)}
    assert seen == {
        "cluster": ("ok", "Slurm, with 2 of 2 nodes up"),
        "kind v100": ("ok", "1 node now"),
        "kind a100": ("problem", "no node; the cluster has 1 cpu, 1 v100"),
        "kind cpu": ("ok", "1 node now"),
    }
