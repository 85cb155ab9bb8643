"""Whole runs on several devices, of which this machine pretends to have more than its processor."""

from __future__ import annotations

from textwrap import dedent

import pytest

from pytest_opml.history.record_files import read_record
from tests.support.projects import Bench, output

# The processor under the name that is asked for.
PRETENDING = """
    import pytest_opml.measure.device as device

    detect = device.detect
    device.detect = lambda wanted, threads: detect("cpu", threads).model_copy(
        update={"profile": wanted, "cpu": f"beside a {wanted}"}
    )
"""


@pytest.fixture
def pretending(bench: Bench) -> Bench:
    (bench.pytester.path / "conftest.py").write_text(dedent(PRETENDING), "utf-8")
    bench.finished_files("a.onnx", "b.onnx")
    return bench


def passed_of(result: pytest.RunResult) -> list[str]:
    return [line.split()[0].partition("::")[2] for line in result.outlines if "::" in line and "PASSED" in line]


@pytest.mark.fleet
def test_a_run_on_two_devices_runs_each_test_on_each(pretending: Bench) -> None:
    result = pretending.run("--opml-gpu=v100,cpu", "--opml-json=run.json", "-v", apart=True)
    assert result.ret == 0
    result.assert_outcomes(passed=4)
    expected = [f"bench_it[on:{gpu}-rows.npz/{name}.onnx/top0/baseline]" for gpu in ("v100", "cpu") for name in "ab"]
    assert passed_of(result) == expected
    record = read_record(pretending.pytester.path / "run.json")
    assert {one.device.profile for one in record.results} == {"v100", "cpu"}
    assert len(record.results) == len({one.key for one in record.results}) == 4
    assert not record.gap


def test_budgets_of_one_kind_fail_the_tests_on_it_alone_and_the_last_line_names_it(pretending: Bench) -> None:
    pretending.settings('[tool.opml]\ngpu = ["v100", "cpu"]\n[tool.opml.gate.gpu.v100]\naccuracy = { min = 0.99 }\n')
    result = pretending.run("-v", apart=True)
    assert result.ret == 1
    result.assert_outcomes(passed=2, failed=2)
    assert "2 budgets failed on v100" in result.outlines[-1]
    again = [line for line in result.outlines if line.startswith("  again")]
    assert again
    assert all(line.endswith("--opml-gpu=v100") and "on:v100" not in line for line in again)


@pytest.mark.fleet
def test_a_case_that_is_missing_on_one_of_the_devices_is_not_judged_there(pretending: Bench) -> None:
    pretending.finished_files("a.onnx", "b.onnx", more="")
    file = pretending.pytester.path / "bench" / "bench_it.py"
    skipping = (
        "def bench_it(case, opml, opml_gpu):\n    opml_gpu == 'v100' and 'a.onnx' in str(case) and pytest.skip()\n"
    )
    file.write_text(file.read_text("utf-8").replace("def bench_it(case, opml):\n", skipping), "utf-8")
    pretending.settings("[tool.opml.gate]\naccuracy = { min = 0.1 }\n")
    result = pretending.run("--opml-gpu=v100,cpu", apart=True)
    assert result.ret == 11
    assert "was collected, but has no result on v100" in " ".join(output(result).split())


@pytest.mark.fleet
def test_tests_on_one_of_the_devices_can_be_selected(pretending: Bench) -> None:
    result = pretending.run("--opml-gpu=v100,cpu", "-k", "on:cpu", "--opml-json=run.json", apart=True)
    assert result.ret == 0
    record = read_record(pretending.pytester.path / "run.json")
    assert {one.device.profile for one in record.results} == {"cpu"}


@pytest.mark.fleet
def test_the_workers_of_xdist_share_what_was_measured_on_each_device(pretending: Bench) -> None:
    result = pretending.run("--opml-gpu=v100,cpu", "-n2", "--opml-json=run.json", apart=True)
    assert result.ret == 0
    record = read_record(pretending.pytester.path / "run.json")
    assert len(record.results) == len({one.key for one in record.results}) == 4
    assert {name: record.profiles_of(name) for name in record.collected} == dict.fromkeys(
        record.collected, ("v100", "cpu")
    )


@pytest.mark.fleet
@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_each_device_costs_the_time_in_which_its_cases_were_worked_on(
    pretending: Bench, workers: tuple[str, ...]
) -> None:
    pretending.settings("[tool.opml.price]\nv100 = 2.48\ncpu = 0.19\n[tool.opml.gate]\nmax_cost = 20\n")
    result = pretending.run("--opml-gpu=v100,cpu", "--opml-json=run.json", *workers, apart=True)
    assert result.ret == 0
    record = read_record(pretending.pytester.path / "run.json")
    assert record.node_use
    assert {(use.profile, use.nodes, use.price_per_hour) for use in record.node_use} == {
        ("v100", 1, 2.48),
        ("cpu", 1, 0.19),
    }
    assert all(use.seconds > 0.1 for use in record.node_use)
    if not workers:
        assert sum(use.seconds for use in record.node_use) < record.seconds


def test_what_is_no_list_of_devices_is_refused_before_anything_runs(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    result = bench.run("--opml-gpu=v100,abacus")
    assert result.ret == 4
    assert "--opml-gpu: unknown profile 'abacus'" in output(result)
    assert "Traceback" not in output(result)
