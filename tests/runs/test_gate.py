"""Whole runs whose end is decided by the gate."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_opml import cli
from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.history.record_files import read_record
from pytest_opml.settings import build_settings, read_pyproject
from tests.support.projects import BENCH, ONE, TWO, Bench, output

CLUSTERED = "[[tool.opml.gate.case]]\nmatch = '*/cluster-*'\nsize_mb = { max = 90 }\n"


def test_a_case_that_is_named_in_a_budget_and_no_longer_there_does_not_pass(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    bench.settings(CLUSTERED)
    result = bench.run("--opml-store=none")
    assert result.ret == 11
    assert "NOT JUDGED */cluster-*: no case of this run has such an id" in output(result)


@pytest.mark.parametrize("arguments", [("-k", "baseline"), ("bench/bench_it.py::bench_it",)])
def test_a_case_that_the_command_line_left_out_is_not_missed(bench: Bench, arguments: tuple[str, ...]) -> None:
    bench.file(BENCH % (TWO if arguments[0] == "-k" else ONE))
    bench.settings(CLUSTERED)
    where = "" if "::" in arguments[0] else "bench"
    assert bench.run("--opml-store=none", *arguments, where=where).ret == 0


def test_a_case_that_is_skipped_does_not_pass(bench: Bench) -> None:
    bench.file(
        (BENCH % TWO).replace("assert opml", "case.technique == 'baseline' or pytest.skip()\n        assert opml")
    )
    bench.settings("[tool.opml.gate]\nsize_mb = { max = 90 }\n")
    result = bench.run("--opml-store=none")
    assert result.ret == 11
    text = " ".join(output(result).split())
    assert "cluster-16/epochs=2,size=16,weights=none: was collected, but has no result" in text


def test_a_skipped_case_with_budgets_on_its_marker_alone_does_not_pass(bench: Bench) -> None:
    marked = '@pytest.mark.opml(gate={"size_mb": {"max": 90}})\n    @pytest.mark.skip\n    def bench_it'
    bench.file((BENCH % ONE).replace("def bench_it", marked))
    result = bench.run("--opml-store=none")
    assert result.ret == 11
    assert "was collected, but has no result" in " ".join(output(result).split())


def test_a_budget_of_the_command_line_is_named_and_repeated(bench: Bench) -> None:
    bench.file(BENCH % TWO)
    result = bench.run("--opml-store=none", "--opml-gate=size_mb.max=0.05", "--opml-gate", "confidence=0.9")
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    again = next(line for line in result.outlines if line.startswith("  again"))
    assert again.endswith("--opml-gate=size_mb.max=0.05")
    assert "'bench/bench_it.py::bench_it[digits/" in again


def test_a_wrong_budget_on_the_command_line_is_refused_before_anything_runs(bench: Bench) -> None:
    bench.file(BENCH % ONE)
    result = bench.run("--opml-store=none", "--opml-gate=op_score.max_increase=5%")
    assert result.ret == 4
    assert "no percentage of op_score: it can be zero or negative" in output(result)


def summary(result: pytest.RunResult) -> list[str]:
    """What a run prints of itself: its section, and the last line."""
    lines = [line for line in result.outlines if line.strip("= ") != ""]
    start = next(number for number, line in enumerate(lines) if line.strip("= ") == "opml")
    end = next(number for number, line in enumerate(lines[start + 1 :], start + 1) if line.startswith("=="))
    return [*lines[start + 1 : end], lines[-1]]


def test_a_stored_run_says_block_for_block_what_the_run_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    crashing = """
    @pytest.mark.opml(gate={"size_mb": {"max": 90}})
    def bench_crash(opml):
        opml(matrix(models=["tests.support.faults:segfault"], dataset="digits", techniques=["baseline"], epochs=2)[0])
"""
    bench.file((BENCH % TWO).replace("assert opml(case).accuracy.value > 0.2", "opml(case)") + crashing)
    bench.settings(
        "[tool.opml.gate]\nmax_seconds = 1\naccuracy = { min = 0.2, max_drop = 0.02 }\nrank = { max = 1 }\n"
        "size_mb = { max = 0.05, max_regression = '1%' }\nenergy_j = { max = 1, optional = true }\n" + CLUSTERED
    )
    result = bench.run("--opml-json=run.json")
    monkeypatch.chdir(bench.pytester.path)
    for run in ("run.json", "last"):
        judged = CliRunner().invoke(cli.main, ["gate", run])
        assert judged.exit_code == result.ret == 1
        assert [line for line in judged.output.splitlines() if line] == summary(result)


def test_a_place_among_the_cases_decides_the_run_at_its_end(bench: Bench) -> None:
    bench.finished_files("a.onnx", "b.onnx")
    result = bench.run("--opml-store=none", "--opml-gate=rank.max=1")
    assert result.ret == 1
    result.assert_outcomes(passed=2)
    assert "rank 2 is above 1" in output(result)


def test_a_regression_needs_an_earlier_run(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    bench.settings("[tool.opml.gate]\nsize_mb = { max_regression = '1%' }\n")
    first, second = bench.run(), bench.run("--opml-json=second.json")
    assert (first.ret, second.ret) == (11, 0)
    assert "the run knows of no earlier result of this case" in " ".join(output(first).split())
    record = read_record(bench.pytester.path / "second.json")
    assert [check.verdict for check in record.checks] == ["pass"]
    assert (record.checks[0].reference or "").startswith("run ")


def test_a_reference_that_is_collected_after_its_candidate_is_measured_under_its_own_limits(bench: Bench) -> None:
    bench.file(
        BENCH % '["cluster-16"]'
        + """
    @pytest.mark.opml(gate={"inference_s": {"max": 1e-6}})
    @pytest.mark.parametrize("case", matrix(
        models=["tests.support.small:build"], dataset="digits", techniques=["baseline"], weights="none", size=16,
        epochs=2, unfreeze=["all"],
    ), ids=str)
    def bench_reference(case, opml):
        opml(case)
"""
    )
    result = bench.run("--opml-store=none", "--opml-json=run.json", "--opml-gate=max_seconds=1")
    assert result.ret == 1, output(result)
    reference, candidate = read_record(bench.pytester.path / "run.json").results
    assert reference.sampling["inference_s"].repeat is not None
    # which are not the candidate's: its time only rests on the reference's
    assert candidate.vs_reference is not None
    assert (candidate.vs_reference.offline.alpha_share, candidate.vs_reference.offline.repeat) == (1.0, None)
    assert candidate.sampling["inference_s"].alpha_share == reference.sampling["inference_s"].alpha_share
    assert len(reference.passes_s) >= 10 >= len(candidate.passes_s) >= 3


def test_a_metric_of_the_user_s_own_is_gated(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    (bench.pytester.path / "conftest.py").write_text(
        "from pytest_opml import Metric, register\n"
        "@register('metric', 'layers')\n"
        "def layers(): return Metric('layers', lambda result: result.artifact.layers)\n"
    )
    result = bench.run("--opml-store=none", "--opml-gate=layers.max=1")
    assert result.ret == 1
    assert " is above 1 (max = 1)" in output(result)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stored") / "run.json"


def test_a_time_that_seems_too_long_is_looked_at_again_and_the_stored_run_is_judged_the_same(
    bench: Bench,
    stored: Path,
) -> None:
    bench.file(BENCH % TWO)
    table = (
        "[tool.opml.gate]\nmax_seconds = 2\ninference_s = { max = 1e-6, max_drop = '0.001%' }\n"
        "latency_ms.p50 = { max = 1e-6 }\naccuracy = { min = 0.2, max_drop = 0.9 }\nrank = { max = 2 }\n"
    )
    bench.settings(table)
    result = bench.run(f"--opml-json={stored}", "--opml-store=none")
    assert result.ret == 1
    record = read_record(stored)
    for found in record.results:
        assert found.sampling["inference_s"].repeat is not None
        assert found.sampling["latency_ms.p50"].repeat is not None
        assert found.sampling["inference_s"].alpha_share < 1
    verdicts = {f"{check.metric} {check.rule}": check.verdict for check in record.checks}
    assert verdicts["inference_s max"] == verdicts["latency_ms.p50 max"] == "fail"
    assert verdicts["accuracy min"] == verdicts["rank max"] == "pass"

    settings = build_settings(read_pyproject(bench.pytester.path / "pyproject.toml"), {}, bench.pytester.path)
    assert judge_run(record, settings.gate) == record.checks
    again = CliRunner().invoke(cli.main, ["gate", str(stored), "--config", str(bench.pytester.path / "pyproject.toml")])
    assert again.exit_code == result.ret


def test_a_run_that_stops_at_the_first_failure_does_not_miss_the_rest(bench: Bench) -> None:
    bench.file(BENCH % TWO)
    result = bench.run("-x", "--opml-store=none", "--opml-gate=training_s.max=0")
    assert result.ret == 1
    assert "was collected, but has no result" not in output(result)
