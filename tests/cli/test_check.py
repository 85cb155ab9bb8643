"""The command that checks the settings of a project: ``opml check``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli

FAULTY = """
[tool.opml]
gpuu = "auto"
threads = 0
store = "nosuch://ci:secret@x"
model = []
[tool.opml.score]
time = "always"
[tool.opml.gate]
confidence = 2
accuracy = { mn = 0.5, max = "5%" }
latency_ms.p50 = { max = 1 }
latency_ms.p99 = { max = "x" }
mine = { max = 3 }
[tool.opml.gate.gpu.v100]
size_mb = { max = "a" }
[tool.opml.gate.gpu.v101]
size_mb = { max = 1 }
[[tool.opml.gate.case]]
match = "*"
[[tool.opml.gate.case]]
match = "x*"
accuracy = { min = true }
size_mb = {}
[[tool.opml.gate.case]]
accuracy = { min = 0.3 }
[[tool.opml.gate.waiver]]
match = "*"
[[tool.opml.gate.waiver]]
match = "*"
metrik = "accuracy"
[[tool.opml.gate.slice]]
by = "class"
value = "*"
accuracy = { mn = 0.5 }
[[tool.opml.gate.slice]]
value = "cat"
[tool.opml.search.team]
chains = ["technique-of-a-plugin"]
rung = [3]
"""
FAULTS = {  # each with what is allowed there
    "tool.opml: unknown key 'gpuu'": "known: baseline, ",
    "tool.opml.threads:": "must be at least 1",
    "tool.opml.store: nosuch://": "unknown kind of database 'nosuch'",
    "tool.opml.model:": "must be a table",
    "tool.opml.score.time:": "must be one of inference, training, total",
    "tool.opml.gate.waiver[1].metric:": "must be a text",
    "tool.opml.gate.waiver[2]: unknown key 'metrik'": "known: match, ",
    "tool.opml.gate.slice[1]": "known: min, max, ",
    "tool.opml.gate.slice[2].by:": "must be class or the name",
    "tool.opml.gate.confidence:": "from 0.5 to below 1",
    "tool.opml.gate.accuracy: unknown key 'mn'": "known: min, max, ",
    "tool.opml.gate.accuracy.max:": "cannot be a percentage",
    "tool.opml.gate.latency_ms.p99.max:": "must be a number",
    "tool.opml.gate.gpu.v100.size_mb.max:": "must be a number",
    "tool.opml.gate.gpu: unknown profile 'v101'": "known: cpu, ",
    "tool.opml.gate.case[2].accuracy.min:": "must be a number",
    "tool.opml.gate.case[2].size_mb:": "give one of min, max",
    "tool.opml.gate.case[3].match:": "must be a pattern of case ids",
    "tool.opml.search.team: unknown key 'rung'": "known: chains, ",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["check", *arguments])


def test_each_fault_is_one_line(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(FAULTY)
    result = run()
    assert result.exit_code == 4
    lines = result.output.splitlines()
    assert len(lines) == len(FAULTS)
    for line, (where, allowed) in zip(lines, FAULTS.items(), strict=True):
        assert line.startswith(f"error: pyproject.toml: {where}")
        assert allowed in line
    assert "secret" not in result.output


def test_what_a_project_registers_itself_is_no_fault(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(
        '[tool.opml.gate]\nacuracy = { min = 0.9 }\n[tool.opml.search]\nteam = ["technique-of-a-plugin"]\n'
        '[[tool.opml.gate.waiver]]\nmatch = "*"\nmetric = "mine[class=cat]"\nuntil = 2027-01-01\nreason = "known"\n'
    )
    result = run()
    assert result.exit_code == 0
    assert "pyproject.toml: [tool.opml] is valid\n" in result.output
    assert (
        "note: pyproject.toml: budgets or waivers on acuracy, mine: nothing installed registers them" in result.output
    )


def test_several_files_are_checked_and_json_has_all(folder: Path) -> None:
    (folder / "good.toml").write_text("[tool.opml.gate]\naccuracy = { min = 0.9 }\n")
    (folder / "bad.toml").write_text("[tool.opml]\nthreads = 0\n")
    (folder / "none.toml").write_text("[project]\nname = 'x'\n")
    (folder / "broken.toml").write_text("[tool.opml\n")
    result = run("good.toml", "bad.toml", "none.toml", "broken.toml", "missing.toml", "--json")
    assert result.exit_code == 4
    entries = {entry["file"]: entry for entry in json.loads(result.output)}
    assert {name: len(entry["faults"]) for name, entry in entries.items()} == {
        "good.toml": 0,
        "bad.toml": 1,
        "none.toml": 0,
        "broken.toml": 1,
        "missing.toml": 1,
    }
    assert [entry["has_table"] for entry in entries.values()][:3] == [True, True, False]
    assert "missing.toml: no such file" in entries["missing.toml"]["faults"]
    assert f"error: {folder}: is no file" in run(str(folder)).output
    assert "has no [tool.opml]: the defaults apply" in run("none.toml").output


def test_parts_that_are_right_by_themselves_are_checked_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the parts together are refused for is said too."""
    (folder / "pyproject.toml").write_text('[tool.opml]\ntrust = ["a"]\nthreads = 1\n')
    from pytest_opml import settings
    from pytest_opml.errors import SettingsError

    parse = settings.build_settings

    def refusing(file: dict[str, object], *rest: object, **options: object) -> object:
        if len(file) > 1:
            raise SettingsError("tool.opml: trust and threads exclude each other")
        return parse(file, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(settings, "build_settings", refusing)
    assert "trust and threads exclude each other" in run().output


def test_it_is_quick_enough_for_a_hook() -> None:
    heavy = ("tensorflow", "keras", "scipy", "sklearn", "sqlalchemy")
    program = (
        "import sys\nfrom pytest_opml.cli import main\n"
        "try: main(['check'])\nexcept SystemExit: pass\n"
        f"sys.exit([name for name in {heavy!r} if name in sys.modules] or 0)\n"
    )
    Path("pyproject.toml").write_text("[tool.opml.gate]\naccuracy = { min = 0.9 }\n")
    subprocess.run([sys.executable, "-c", program], check=True)
