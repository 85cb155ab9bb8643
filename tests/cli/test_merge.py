"""``opml merge``: the records of several jobs as one run."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli
from pytest_opml.history.record_files import read_record, write_record
from pytest_opml.records.node_use import NodeUse
from pytest_opml.records.run import RunRecord
from tests.support.builders import make_case, make_device, make_failure, make_result, make_run

PRICES = {"v100": 2.48, "cpu": 0.19}
BASE, INT8 = make_case("baseline").id, make_case("int8").id


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        "[tool.opml.gate]\naccuracy = { min = 0.5 }\n[tool.opml.gate.gpu.cpu]\naccuracy = { min = 0.8 }\n"
    )


def job(profile: str, *accuracies: float, **fields: object) -> RunRecord:
    """A job on one kind of hardware, which measured a baseline and an int8."""
    device = make_device(profile)
    results = [
        make_result(technique, accuracy=accuracy).model_copy(update={"device": device})
        for technique, accuracy in zip(("baseline", "int8"), accuracies, strict=False)
    ]
    given = {"device": device, "run_id": f"job-{profile}", "exit_code": 0}
    given |= {"collected": {result.case.id: f"bench/bench_it.py::bench[{result.case.id}]" for result in results}}
    return make_run(results, profile=profile, **given | fields)


def written(*records: RunRecord) -> list[Path]:
    paths = [Path(f"{number}.json") for number in range(len(records))]
    for path, record in zip(paths, records, strict=True):
        write_record(record, path)
    return paths


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, ["merge", *map(str, arguments)])


def test_the_jobs_of_two_machines_are_one_run_that_each_kind_has_its_budgets_in() -> None:
    found = run(*written(job("v100", 0.95, 0.6), job("cpu", 0.95, 0.6)), "-o", "run.json")
    assert found.exit_code == 1
    assert "1 budget failed on cpu" in found.output.splitlines()[-1]
    record = read_record(Path("run.json"))
    assert [one.key for one in record.results] == [(BASE, "v100"), (INT8, "v100"), (BASE, "cpu"), (INT8, "cpu")]
    assert record.collected_on == {BASE: ("v100", "cpu"), INT8: ("v100", "cpu")}
    assert record.exit_code == 1
    assert not record.gap


def test_the_same_jobs_in_any_order_are_the_same_run() -> None:
    one, another = written(job("v100", 0.95), job("cpu", 0.95))
    run(one, another, "-o", "run.json")
    run(another, one, "-o", "again.json")
    assert read_record(Path("run.json")).run_id == read_record(Path("again.json")).run_id


def test_a_case_that_one_of_the_jobs_lost_is_not_judged_on_its_kind_alone() -> None:
    lost = job("cpu", 0.95)
    lost = lost.model_copy(update={"collected": lost.collected | {INT8: "bench/bench_it.py::bench"}})
    found = run(*written(job("v100", 0.95, 0.9), lost))
    assert found.exit_code == 11
    assert "was collected, but has no result on cpu" in " ".join(found.output.split())


def test_a_kind_on_which_nothing_was_measured_is_not_passed_over() -> None:
    paths = written(job("v100", 0.95))
    assert run(*paths).exit_code == 0
    found = run(*paths, "--gpu", "v100,a100,cpu")
    assert found.exit_code == 11
    assert found.output.splitlines()[-1].endswith("nothing was measured on a100, cpu")
    assert run(*paths, "--gpu", "abacus").exit_code == 4


def test_a_job_that_ended_otherwise_than_its_budgets_say_counts() -> None:
    found = run(*written(job("v100", 0.95), job("cpu", 0.95, exit_code=1)))
    assert found.exit_code == 1
    assert "1.json itself ended with 1, but not for its budgets" in found.output.splitlines()[-1]
    cut = job("cpu", 0.95, exit_code=2, interrupted=True)
    assert "1.json itself ended with 2, interrupted" in run(*written(job("v100", 0.95), cut)).output.splitlines()[-1]


def test_parts_of_a_suite_share_their_reference() -> None:
    """Two jobs on one kind of hardware, of which one measured the reference for its candidate only."""
    second = job("v100", 0.95, 0.9, run_id="job-2", reference_only=(BASE,))
    found = run(*written(job("v100", 0.95), second), "-o", "run.json")
    assert found.exit_code == 0
    record = read_record(Path("run.json"))
    assert [one.key for one in record.results] == [(BASE, "v100"), (INT8, "v100")]
    assert record.reference_only == ()


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([job("cpu", 0.95), job("cpu", 0.95)], "0.json and 1.json have both measured"),
        ([job("v100", 0.95), job("cpu", 0.95, commit=None)], "only jobs of one commit are one run"),
    ],
)
def test_what_is_not_one_run_is_refused(records: list[RunRecord], said: str) -> None:
    found = run(*written(*records), "-o", "run.json")
    assert found.exit_code == 4
    assert said in found.output
    assert not Path("run.json").exists()


def test_what_is_no_record_is_refused() -> None:
    assert run("absent.json").exit_code == 4
    assert run().exit_code == 4


def test_different_versions_are_told() -> None:
    other = job("cpu", 0.95, versions={"pytest-opml": "0.1.0", "keras": "3.15.0"})
    found = run(*written(job("v100", 0.95), other))
    assert found.exit_code == 0
    assert "the jobs had different versions of keras: 3.15.1 in 0.json, 3.15.0 in 1.json" in found.output


def test_a_failure_on_one_kind_does_not_hide_the_result_on_another() -> None:
    failed = make_failure("int8").model_copy(update={"device": make_device("cpu")})
    cpu = job("cpu", 0.95).model_copy(update={"failures": (failed,), "exit_code": 11})
    found = run(*written(job("v100", 0.95, 0.9), cpu), "-o", "run.json")
    assert found.exit_code == 11
    record = read_record(Path("run.json"))
    assert [one.key for one in record.failures] == [(INT8, "cpu")]
    assert (INT8, "v100") in [one.key for one in record.results]


def test_the_jobs_cost_together_and_the_budget_is_on_the_whole() -> None:
    uses = [NodeUse(profile=name, nodes=1, seconds=3600, price_per_hour=price) for name, price in PRICES.items()]
    jobs = [job(use.profile, 0.95, node_use=(use,)) for use in uses]
    Path("pyproject.toml").write_text("[tool.opml.gate]\nmax_cost = 2.5\n")
    found = run(*written(*jobs), "-o", "run.json")
    assert found.exit_code == 1
    assert found.output.splitlines()[-1].endswith("the run cost 2.67, at most 2.50 is allowed (max_cost)")
    assert "cost: 2.67 (v100 1:00:00 at 2.48/h, cpu 1:00:00 at 0.19/h)" in found.output
    assert read_record(Path("run.json")).node_use == tuple(sorted(uses, key=lambda use: use.profile))
    assert run(*written(*jobs), "--gate", "max_cost=2.7").exit_code == 0
    silent = job("cpu", 0.95)
    found = run(*written(jobs[0], silent))
    assert found.exit_code == 11
    assert "the record does not say what the run used of its machines" in found.output.splitlines()[-1]
