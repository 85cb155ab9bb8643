"""``opml init``: what it writes runs as it is. Nothing here may import TensorFlow, in whatever process."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_opml import cli
from pytest_opml.case import Case
from pytest_opml.cli.init import bench_text, ci_file_of, ci_text
from tests.support.ci_jobs import jenkins_scripts, load_yaml
from tests.support.onnx_files import write_classifier, write_rows
from tests.support.processes import python_path

MAIN = "import sys\nfrom pytest_opml.cli import main\nif __name__ == '__main__':\n    main(prog_name='opml')\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, data and settings of another tool; the working folder."""
    monkeypatch.chdir(tmp_path)
    write_classifier(tmp_path / "models" / "prod.onnx")
    write_rows(tmp_path / "data" / "rows.npz", parts=("train",))
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\n[tool.opml]\ncache_dir = "cache"\n')
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": python_path()}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip


def test_what_it_writes_runs_as_it_is(project: Path) -> None:
    done = run(project, "-c", MAIN, "init", "--data=data/rows.npz", "--ci=github")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "wrote bench/bench_release.py: the case prod",
        "wrote .github/workflows/opml.yml: the gate in CI",
        "wrote pyproject.toml: 3 budgets that it keeps today, with their reasons",
        "",
        "next: pytest bench",
    ]
    settings = (project / "pyproject.toml").read_text()
    assert settings.startswith('[project]\nname = "mine"\n[tool.opml]\ncache_dir = "cache"\n')
    assert "accuracy = { min = 0.87" in settings
    assert "0.9000 was measured (0.87" in settings
    workflow = (project / ".github" / "workflows" / "opml.yml").read_text()
    assert 'run: python -m pip install "pytest-opml[onnx]"' in workflow

    judged = run(project, "-m", "pytest", "bench", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    assert judged.returncode == 0, judged.stdout
    assert judged.stdout.splitlines()[-1] == "opml: exit code 0: 3 budgets passed"

    bench = project / "bench" / "bench_release.py"
    bench.write_text("mine = 1\n")
    refused = run(project, "-c", MAIN, "init", "--data=data/rows.npz")
    assert (refused.returncode, refused.stderr.count("\n")) == (4, 1)
    assert "bench_release.py: is there already" in refused.stderr
    assert bench.read_text() == "mine = 1\n"
    forced = run(project, "-c", MAIN, "init", "--data=data/rows.npz", "--force")
    assert "left pyproject.toml as it is: it has budgets of prod" in forced.stdout
    assert (project / "pyproject.toml").read_text() == settings
    assert "bench_release" in bench.read_text()


def test_without_a_result_nothing_is_written(project: Path) -> None:
    (project / "models" / "prod.onnx").write_bytes(b"not a model")
    before = (project / "pyproject.toml").read_text()
    done = run(project, "-c", MAIN, "init", "--data=data/rows.npz")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "models/prod.onnx" in done.stderr
    assert done.stdout.startswith("nothing was written: ")
    assert (project / "pyproject.toml").read_text() == before
    assert not (project / "bench").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bench/release.py", "--data=data/rows.npz"), "pytest finds benchmarks in files called bench_*.py"),
        (("--model=models/*.tflite", "--data=data/rows.npz"), "no file matches"),
        (("--model=models/*.onnx", "--data=data/rows.npz"), "matches 2 files"),
        (("--data=data/rows.npz",), "several model files are here (models/other.onnx, models/prod.onnx)"),
        (("--model=models/prod.onnx",), "no data: name them with --data"),
        (("--ci=bamboo",), "'github', 'gitlab', 'jenkins'"),
    ],
)
def test_wrong_input_ends_with_4(project: Path, arguments: tuple[str, ...], message: str) -> None:
    write_classifier(project / "models" / "other.onnx")
    done = CliRunner().invoke(cli.main, ["init", *arguments])
    assert done.exit_code == 4, done.output
    assert message in done.output
    assert not (project / "bench").exists()


def test_a_bench_file_says_what_is_not_the_default() -> None:
    case = Case(name='a "net"', model="m.keras", dataset="data/pets", unfreeze=0, split="0-100", size="96x128")
    namespace: dict[str, object] = {}
    exec(bench_text(case), namespace)
    assert namespace["CASES"] == [case]
    trained = Case(name="net", model="resnet50", dataset="digits")
    assert "unfreeze" not in bench_text(trained)


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_the_file_of_a_ci_server_is_yaml_that_runs_the_folder(ci: str) -> None:
    text = ci_text(ci, Path("checks"), needs_onnx=False)
    assert load_yaml(text)
    assert "pytest checks --junitxml=opml.xml --opml-json=run.json\n" in text
    assert "[onnx]" not in text
    assert "{" not in text.replace("${{", "").replace("}}", "").replace("${GITHUB_SHA:0:12}", "")


@pytest.mark.parametrize("folder", ["my checks", "it's", 'a "b"', "a: b # c", r"a\b"])
@pytest.mark.parametrize("ci", ["github", "gitlab", "jenkins"])
def test_the_name_of_the_folder_reaches_the_shell_as_it_is(ci: str, folder: str) -> None:
    text = ci_text(ci, Path(folder), needs_onnx=False)
    if ci == "github":
        lines = [step.get("run", "") for step in load_yaml(text)["jobs"]["gate"]["steps"]]
    elif ci == "gitlab":
        lines = load_yaml(text)["opml"]["script"]
    else:
        lines = [line.strip() for script in jenkins_scripts(text) for line in script.splitlines()]
    (command,) = [line for line in lines if line.startswith("pytest ")]
    assert shlex.split(command)[1] == folder


@pytest.mark.parametrize(
    ("ci", "there", "path"),
    [
        ("github", None, ".github/workflows/opml.yml"),
        ("gitlab", None, ".gitlab-ci.yml"),
        ("gitlab", ".gitlab-ci.yml", ".gitlab/opml.gitlab-ci.yml"),
        ("jenkins", None, "Jenkinsfile"),
    ],
)
def test_where_the_file_of_a_ci_server_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str, there: str | None, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if there:
        Path(there).write_text("")
    assert ci_file_of(ci) == Path(path)
