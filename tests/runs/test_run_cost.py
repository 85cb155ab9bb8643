"""Whole runs that are held to what they may cost."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_opml import cli
from pytest_opml.history.record_files import read_record, write_record
from pytest_opml.history.store import open_store
from tests.support.projects import Bench, output

# of an hour: a run of some seconds costs between 1 and 1,000,000
DEAR = "[tool.opml.price]\ncpu = 10_000_000\n[tool.opml.gate]\nmax_cost = %s\n"


def test_a_run_that_costs_too_much_ends_with_1_and_says_so_and_stored_runs_are_judged_likewise(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bench.pytester.path)
    bench.finished_files("a.onnx")
    bench.settings(DEAR % 1)
    result = bench.run("--opml-json=run.json", "--opml-store=sqlite:///history.db")
    assert result.ret == 1
    result.assert_outcomes(passed=1)
    assert result.outlines[-1].startswith("opml: exit code 1: the run cost ")
    assert result.outlines[-1].endswith(", at most 1.00 is allowed (max_cost)")
    assert "cost: " in output(result)

    record = read_record(Path("run.json"))
    assert record.node_use
    (use,) = record.node_use
    assert (use.profile, use.nodes, use.price_per_hour) == ("cpu", 1, 10_000_000)
    assert use.seconds == pytest.approx(record.seconds, abs=0.5)
    with open_store("sqlite:///history.db") as store:
        assert store.run(record.run_id).node_use == record.node_use

    def gate(*arguments: str) -> tuple[int, str]:
        judged = CliRunner().invoke(cli.main, ["gate", "run.json", *arguments])
        return judged.exit_code, judged.output.splitlines()[-1]

    assert gate()[0] == 1
    write_record(record.model_copy(update={"exit_code": None}), Path("run.json"))
    assert gate("--gate", "max_cost=1e9") == (0, "opml: exit code 0: 1 budget passed")
    write_record(record.model_copy(update={"exit_code": 0, "node_use": None, "checks": ()}), Path("run.json"))
    assert gate() == (
        11,
        "opml: exit code 11: 1 budget could not be judged (the record does not say what the run used of its machines)",
    )


def test_a_kind_without_a_price_is_refused_before_anything_is_measured(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    bench.settings("[tool.opml.price]\nv100 = 2.48\n[tool.opml.gate]\nmax_cost = 20\n")
    result = bench.run("--opml-store=none")
    assert result.ret == 4
    assert "tool.opml.gate.max_cost: the run is on cpu, without a price" in output(result)
    assert "[tool.opml.price] of pyproject.toml: cpu = ..." in output(result)


def test_without_prices_what_was_used_is_in_the_record_alone(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    result = bench.run("--opml-store=none", "--opml-json=run.json")
    assert result.ret == 0
    assert not any("cost:" in line for line in result.outlines)
    record = read_record(bench.pytester.path / "run.json")
    assert record.node_use
    assert record.cost is None
    assert record.node_use[0].seconds > 0


@pytest.mark.fleet
def test_workers_of_pytest_xdist_have_the_machine_once(bench: Bench) -> None:
    bench.finished_files("a.onnx", "b.onnx")
    bench.settings(DEAR % 1e9)
    result = bench.run("--opml-store=none", "--opml-json=run.json", "-n", "2", apart=True)
    assert result.ret == 0
    record = read_record(bench.pytester.path / "run.json")
    assert record.node_use
    (use,) = record.node_use
    assert use.nodes == 1
    assert use.seconds == pytest.approx(record.seconds, abs=0.5)
