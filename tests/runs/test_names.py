"""Runs whose cases have names: in the bench file, or in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_opml import cli, registry
from pytest_opml.history.record_files import read_record
from tests.support.processes import python_path
from tests.support.projects import Bench, output

SETTINGS = """
[tool.opml.model.guess]
model = "random"
dataset = "digits"
size = 16
unfreeze = 0
[[tool.opml.gate.case]]
match = "guess"
accuracy = { max = 0.5 }
[[tool.opml.gate.case]]
match = "digits/random/top0/baseline"
size_mb = { min = 1000.0 }
"""
NAMED = """
    import pytest
    from pytest_opml import Case

    @pytest.mark.parametrize("case", [Case(model="guess", weights="none")], ids=str)
    def bench_named(case, opml):
        opml(case)

    @pytest.mark.opml(case="guess")
    def bench_marked(opml_device):
        pass

    def bench_other(opml):
        opml(Case(dataset="digits", model="random", unfreeze=0, size=16, weights="none", seed=1))
"""


@pytest.fixture
def bench(pytester: pytest.Pytester, cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("PYTHONPATH", python_path())  # for the workers
    monkeypatch.setattr(registry, "_sections", [])
    return Bench(pytester, cache_dir)


def test_a_name_is_the_id_in_tables_budgets_history_and_commands(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.settings(SETTINGS)
    bench.file(NAMED)
    result = bench.run("-n1", "--opml-json=record.json", "--opml-store=sqlite:///history.db")
    assert result.ret == 1, output(result)
    result.stdout.fnmatch_lines(["digits, size=16*", "*1  guess *", "accuracy max*guess *", "FAIL random/top0/*"])
    record = read_record(bench.pytester.path / "record.json")
    checks = {(check.case_id, check.metric): check.verdict for check in record.checks}
    assert checks == {
        ("guess", "accuracy"): "pass",
        ("digits/random/top0/baseline/size=16,seed=1,weights=none", "size_mb"): "fail",
    }
    named = next(one.case for one in record.results if one.case.name)
    assert (named.id, named.model, named.dataset, named.size) == ("guess", "random", "digits", 16)
    monkeypatch.chdir(bench.pytester.path)
    store = ("--store", f"sqlite:///{bench.pytester.path}/history.db")
    for arguments, words in (
        (("budgets", "guess"), "accuracy max = 0.5"),
        (("history", "--case", "gue*", *store), "guess"),
        (("history", "--case", "digits/random/top0/baseline", *store), "0.0952"),
        (("trend", "guess", "--metric", "size_mb", *store), "guess"),
    ):
        command = CliRunner().invoke(cli.main, arguments)
        assert (command.exit_code, words in command.output) == (0, True), (arguments, command.output)


def test_a_conftest_and_a_service_of_a_monorepo_have_their_own_names(bench: Bench) -> None:
    root = bench.pytester.path
    (root / "pyproject.toml").write_text(SETTINGS.replace('"random"', '"small_cnn"'))
    service = root / "service"
    (service / "bench").mkdir(parents=True)
    (service / "pyproject.toml").write_text(SETTINGS)
    (service / "bench" / "conftest.py").write_text("from pytest_opml import Case\nEARLY = Case(model='guess')\n")
    (service / "bench" / "bench_it.py").write_text(
        "from conftest import EARLY\nfrom pytest_opml import Case\n\n"
        "def bench_it(opml):\n    assert EARLY == Case(model='guess')\n    assert EARLY.model == 'random'\n"
    )
    result = bench.run("--opml-store=none", where="service/bench")
    result.assert_outcomes(passed=1)


TWO = """
    import pytest
    from pytest_opml import Case

    @pytest.mark.parametrize("seed", [0, 1])
    def bench_named(seed, opml):
        opml(Case(dataset="digits", model="random", unfreeze=0, size=16, weights="none", seed=seed, name="guess"))

    CASES = [Case(dataset="digits", model="random", unfreeze=0, size=16, seed=seed, name="guess") for seed in (0, 1)]

    @pytest.mark.parametrize("case", CASES)
    def bench_collected(case, opml):
        opml(case)
"""


def test_two_cases_of_one_name_are_refused_before_anything_is_measured(bench: Bench) -> None:
    bench.file(TWO)
    result = bench.run("--opml-store=none")
    assert result.ret == 4
    text = "two cases of this run have the id guess, with seed = 0 and 1: give one another name"
    assert text in output(result)


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("colour = 3", "tool.opml.model.prod: unknown key 'colour'; known: path, model, "),
        ("path = 'gone.onnx'", "tool.opml.model.prod: model gone.onnx: no such file or folder"),
    ],
)
def test_a_wrong_section_is_one_line_and_a_usage_error(bench: Bench, section: str, text: str) -> None:
    bench.settings(f"[tool.opml.model.prod]\n{section}\n")
    bench.file(
        """
        from pytest_opml import Case

        def bench_it(opml):
            opml(Case(dataset="digits", model="random", unfreeze=0))
        """
    )
    result = bench.run("--opml-store=none")
    assert result.ret == 4
    assert f"ERROR: {text}" in output(result)
