"""Runs that pytest-xdist spreads over processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml import registry
from pytest_opml.history.base import Query
from pytest_opml.history.record_files import read_record
from pytest_opml.history.store import open_store
from pytest_opml.storage import locks
from tests.support.processes import python_path
from tests.support.projects import BENCH, ONE, Bench, output

PAIR = '["cluster-16", "float16"]'


@pytest.fixture
def bench(pytester: pytest.Pytester, cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    # The workers are processes of their own, which find the small model through the path.
    monkeypatch.setenv("PYTHONPATH", python_path())
    # what a controller in this process has adopted is forgotten after its test
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    monkeypatch.setattr(registry, "_adopted", dict(registry._adopted))
    return Bench(pytester, cache_dir)


def test_results_and_verdicts_arrive_at_the_controller_and_each_case_is_measured_once(bench: Bench) -> None:
    bench.file(BENCH % PAIR)
    bench.settings(
        "[tool.opml.gate]\naccuracy = { min = 0.2, max_drop = 0.9 }\n"
        "[[tool.opml.gate.case]]\nmatch = '*/float16/*'\nsize_mb = { max = 0.001 }\n"
    )
    result = bench.run("-n2", "--opml-json=record.json")
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*= opml =*", "*(baseline)*", "*budgets: 4 passed, 1 failed*"])
    assert result.outlines[-1] == "opml: exit code 1: 1 budget failed"
    record = read_record(bench.pytester.path / "record.json")
    assert sorted(one.case.technique for one in record.results) == ["baseline", "cluster-16", "float16"]
    assert [name.split("/")[3] for name in record.reference_only] == ["baseline"]
    assert all(one.vs_reference for one in record.results if one.case.technique != "baseline")
    with open_store(f"sqlite:///{bench.pytester.path}/.opml/history.db") as store:
        assert [run.run_id for run in store.newest(Query(), 5)] == [record.run_id]
    assert record.run_id not in [path.name for path in (locks.runtime_folder() / "work").iterdir()]
    assert not list((bench.pytester.path / ".opml" / "unfinished").iterdir())


def test_a_case_without_a_result_is_not_judged(bench: Bench) -> None:
    bench.finished_files("a.onnx", dataset="tests.support.faults:segfault")
    result = bench.run("-n1", "--opml-store=none")
    assert result.ret == 11
    assert "no result: " in output(result)
    assert result.outlines[-1] == "opml: exit code 11: 1 case has no result (crash)"


def test_a_wrong_option_is_one_line_and_a_usage_error(bench: Bench) -> None:
    bench.file(BENCH % ONE)
    result = bench.run("-n2", "--opml-store=none", "--opml-gpu=h200")
    assert result.ret == 4
    assert len([line for line in result.outlines if line.startswith("ERROR: ")]) == 1
    assert result.outlines[-1] == "opml: exit code 4: 1 input was wrong, as said above"  # of both workers
    assert "Traceback" not in output(result)


def test_a_plain_run_of_tests_is_left_alone(bench: Bench) -> None:
    bench.pytester.makepyfile(test_unit="def test_unit(): pass")
    result = bench.run("-n1", where="test_unit.py")
    assert result.ret == 0
    assert "opml ==" not in output(result)


REGISTERED = """
    import os
    from pytest_opml import Metric, register
    %s
    @register("metric", "layers_seen")
    def layers():
        return Metric("layers_seen", lambda result: result.artifact.layers)
"""


def test_a_metric_of_a_file_that_only_the_workers_read_is_judged(bench: Bench) -> None:
    bench.finished_files("a.onnx", more=REGISTERED % "")
    bench.settings("[tool.opml.gate]\nlayers_seen = { max = 1000 }\n")
    result = bench.run("-n1", "--opml-store=none", "--opml-gate=layers_seen.min=999", "--opml-json=record.json")
    assert result.ret == 1
    checks = read_record(bench.pytester.path / "record.json").checks
    assert [(check.rule, check.verdict) for check in checks] == [("max", "pass"), ("min", "fail")]
    assert len({check.value for check in checks}) == 1


def test_a_metric_that_the_controller_cannot_have_is_said_in_words_and_the_run_is_kept(bench: Bench) -> None:
    stubborn = "assert 'PYTEST_XDIST_WORKER' in os.environ, 'for workers only'\n"
    bench.finished_files("a.onnx", more=REGISTERED % stubborn)
    bench.settings("[tool.opml.gate]\nsize_mb = { max = 90 }\n")
    result = bench.run("-n1", "--opml-store=none", "--opml-gate=layers_seen.max=1000", "--opml-json=record.json")
    assert result.ret == 11
    text = " ".join(output(result).split())
    assert "INTERNALERROR" not in text
    assert "the verdicts on the metric layers_seen: the metric 'layers_seen' cannot be imported: Asser" in text
    checks = read_record(bench.pytester.path / "record.json").checks
    assert [(check.metric, check.verdict) for check in checks] == [("size_mb", "pass"), ("layers_seen", "not_judged")]
    assert "is not registered here" in checks[1].reason


def test_a_metric_that_nobody_registers_is_refused(bench: Bench) -> None:
    bench.file(BENCH % ONE)
    result = bench.run("-n1", "--opml-store=none", "--opml-gate=layers_seen.max=1")
    assert result.ret == 4
    assert "unknown metric 'layers_seen'" in output(result)
    assert "INTERNALERROR" not in output(result)
