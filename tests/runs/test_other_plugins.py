"""Runs beside other plugins of pytest."""

from __future__ import annotations

import json

import pytest

from pytest_opml.history.record_files import read_record
from tests.support.projects import GUESS, Bench, output

FLAKY = """
    ATTEMPTS = []

    @pytest.mark.parametrize(
        "case", [Case(dataset="digits", model="random", unfreeze=0, size=16, weights="none", seed=8)], ids=str
    )
    def bench_flaky(case, opml):
        ATTEMPTS.append(opml(case))
        assert len(ATTEMPTS) == 2
        assert ATTEMPTS[0] is ATTEMPTS[1]

    def bench_wrong_at_first(opml_device):
        ATTEMPTS.append(None)
        if len(ATTEMPTS) == 3:
            Case(dataset="digit")
"""


def test_a_test_that_is_rerun_is_counted_once_and_a_budget_stays_failed(bench: Bench) -> None:
    bench.file(GUESS % 7 + FLAKY)
    bench.settings("[tool.opml.gate]\n'case' = [{ match = '*seed=7,*', accuracy = { min = 0.99 } }]\n")
    files = ("--opml-json=record.json", "--benchmark-json=times.json")
    result = bench.run("--reruns=1", "--opml-store=none", *files)
    assert result.ret == 1
    assert result.parseoutcomes() == {"failed": 1, "passed": 2, "rerun": 3}
    # neither the failed attempts nor the wrong input of one of them
    assert result.outlines[-1] == "opml: exit code 1: 1 budget failed"
    record = read_record(bench.pytester.path / "record.json")
    assert [(check.verdict, check.metric) for check in record.checks] == [("fail", "accuracy")]
    assert len(record.results) == 2
    assert output(result).count("\naccuracy 0.0935 < 0.9900 (min = 0.99)") == 1  # where it failed
    assert output(result).count(": accuracy 0.0935 is below 0.9900 (min = 0.99)") == 1  # among the checks
    benchmarks = json.loads((bench.pytester.path / "times.json").read_text())["benchmarks"]
    assert len(benchmarks) == len({benchmark["fullname"] for benchmark in benchmarks}) == 2


def test_a_rerun_that_passes_leaves_nothing_failed(bench: Bench) -> None:
    bench.file("    import pytest\n    from pytest_opml import Case\n" + FLAKY)
    result = bench.run("--reruns=2", "--opml-store=none")
    assert result.ret == 0
    assert result.parseoutcomes() == {"passed": 2, "rerun": 2}
    assert result.outlines[-1] == "opml: exit code 0: 1 case measured, no budget to check"


def test_benchmarks_in_random_order_come_to_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS")  # which keeps the plugin out elsewhere
    case = 'Case(dataset="digits", model="random", unfreeze=0, size=16, weights="none", seed=seed)'
    bench.file(
        f"""
        import pytest
        from pytest_opml import Case

        @pytest.mark.parametrize("case", [{case} for seed in (7, 8, 9)], ids=str)
        def bench_guess(case, opml):
            opml(case)
        """
    )
    bench.settings("[tool.opml.gate]\naccuracy = { min = 0.01 }\n")
    result = bench.run("--randomly-seed=3", "--opml-store=none", "--opml-json=record.json")
    assert result.ret == 0
    assert "Using --randomly-seed=3" in output(result)
    record = read_record(bench.pytester.path / "record.json")
    assert len(record.results) == 3
    assert list(record.collected) == [measured.case.id for measured in record.results] != sorted(record.collected)
    assert result.outlines[-1] == "opml: exit code 0: 3 budgets passed"


def test_methods_of_classes_are_measured_and_judged(bench: Bench) -> None:
    bench.file(
        """
        import pytest
        from pytest_opml import Case

        GUESS = Case(dataset="digits", model="random", unfreeze=0, size=16, weights="none", seed=7)

        @pytest.mark.opml(gate={"accuracy": {"min": 0.99}})
        class TestRelease:
            @pytest.mark.parametrize("case", [GUESS], ids=str)
            def bench_in_class(self, case, opml):
                opml(case)

        class BenchRelease:
            @pytest.mark.opml(case=GUESS)
            def bench_parts(self, opml_dataset, opml_device):
                assert (len(opml_dataset.y_test), opml_device.profile) == (599, "cpu")
        """
    )
    result = bench.run("--opml-store=none", "--opml-json=record.json")
    result.assert_outcomes(passed=1, failed=1)
    assert result.outlines[-1] == "opml: exit code 1: 1 budget failed"
    (test,) = read_record(bench.pytester.path / "record.json").collected.values()
    assert test.startswith("bench/bench_it.py::TestRelease::bench_in_class[")
