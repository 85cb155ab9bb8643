"""Whole runs of a part of a project, and of projects whose settings are not where pytest's are."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_opml import cli
from pytest_opml.history.record_files import read_record
from tests.support.processes import python_path
from tests.support.projects import GUESS, Bench, output

STRICT = "[tool.opml]\nstore = 'none'\n[tool.opml.gate]\naccuracy = { min = 0.99 }\n"
TWO_TABLES = (
    "[tool.opml]\nstore = 'none'\n"
    "[[tool.opml.gate.case]]\nmatch = '*seed=7,*'\naccuracy = { min = 0.05 }\n"
    "[[tool.opml.gate.case]]\nmatch = '*seed=8,*'\naccuracy = { min = %s }\n"
)


def project(bench: Bench, folder: str, seed: int = 7, settings: str = "") -> Path:
    """A project below the one of the test."""
    from textwrap import dedent

    place = bench.pytester.path / folder
    (place / "bench").mkdir(parents=True)
    (place / "bench" / "bench_guess.py").write_text(dedent(GUESS % seed))
    if settings:
        (place / "pyproject.toml").write_text(settings)
    return place


def test_a_service_of_a_monorepo_has_its_own_budgets_for_pytest_and_for_opml(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = bench.pytester.path
    monkeypatch.setenv("PYTHONPATH", python_path())
    bench.settings("[tool.pytest.ini_options]\naddopts = '-ra'\n")
    service = project(bench, "services/vision", settings=STRICT)
    # the worker of pytest-xdist chooses the file, and the controller judges
    result = bench.run("-n1", "--opml-json=record.json", where="services/vision/bench")
    assert result.ret == 1
    assert "opml: budgets of services/vision/pyproject.toml" in result.outlines
    record = read_record(top / "record.json")
    (test,) = record.collected.values()
    assert test.startswith("bench/bench_guess.py::bench_guess[")  # as it is run in the folder of the service
    monkeypatch.chdir(service / "bench")
    again = CliRunner().invoke(cli.main, ["gate", str(top / "record.json")])
    assert again.exit_code == 1
    assert f"({record.checks[0].budget})" in again.output


@pytest.mark.parametrize("ini", ["bench/pytest.ini", "ci/pytest.ini"])
def test_settings_of_pytest_elsewhere_do_not_hide_the_budgets(bench: Bench, ini: str) -> None:
    bench.file(GUESS % 7)
    bench.settings(STRICT)
    path = bench.pytester.path / ini
    path.parent.mkdir(exist_ok=True)
    path.write_text("[pytest]\naddopts = -ra\n")
    result = bench.run(*(("-c", ini) if ini.startswith("ci") else ()))
    assert result.ret == 1
    assert "opml: budgets of pyproject.toml" in result.outlines


def test_budgets_for_files_and_tests_that_were_left_out_are_not_missed(bench: Bench) -> None:
    bench.file(GUESS % 7, "bench_a.py")
    bench.file(GUESS % 8, "bench_b.py")
    bench.settings(TWO_TABLES % 0.99)

    def run(*arguments: str) -> pytest.RunResult:
        return bench.pytester.runpytest(*arguments, f"--opml-cache-dir={bench.cache}", "--opml-compare-seconds=0")

    assert run("bench/bench_a.py").ret == 0
    assert run("bench").ret == 1
    bench.settings(TWO_TABLES % 0.05)
    last_failed = run("bench", "--lf")
    assert last_failed.ret == 0
    assert "skipped 1 file" in output(last_failed)


def test_a_test_that_says_its_case_only_when_it_runs_may_be_any_that_was_left_out(bench: Bench) -> None:
    case = 'Case(dataset="digits", model="random", unfreeze=0, size=16, weights="none", seed=8)'
    bench.file(GUESS % 7 + f"\n    def bench_later(opml):\n        opml({case})\n")
    bench.settings(TWO_TABLES % 0.05)
    assert bench.run("-k", "guess").ret == 0


def test_a_file_that_cannot_be_collected_is_a_failure_also_where_the_run_goes_on(bench: Bench) -> None:
    bench.file(GUESS % 7)
    bench.file("raise RuntimeError\n", "bench_broken.py")
    bench.settings("[tool.opml]\nstore = 'none'\n[tool.opml.gate]\naccuracy = { min = 0.05 }\n")
    assert bench.run().ret == 2  # of pytest, which runs nothing
    result = bench.run("--continue-on-collection-errors")
    result.assert_outcomes(passed=1, errors=1)
    assert result.outlines[-1] == "opml: exit code 1: 1 test failed"
