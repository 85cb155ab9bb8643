"""What pytest-benchmark shows, saves and compares of our cases: whole pytest runs."""

from __future__ import annotations

import json
import warnings

import pygal  # noqa: F401 - for good: it changes how packages are found, which runs within this process would forget
import pytest

from pytest_opml.history.record_files import read_record
from pytest_opml.plugin.benchmark import Replay
from tests.support.fake_nvml import FakeNvml, v100
from tests.support.projects import BENCH, ONE, TWO, Bench, output

QUIET = "--opml-store=none"


def saved(bench: Bench, name: str = "times.json") -> list[dict[str, object]]:
    found = json.loads((bench.pytester.path / name).read_text())
    assert found["machine_info"]["gpus"] == []
    return list(found["benchmarks"])


def test_a_replay_gives_each_recorded_time_to_one_round() -> None:
    clock = Replay()
    clock.load((0.5, 0.25, 2.0))
    rounds = []
    for _ in range(3):
        started = clock()
        rounds.append(clock() - started)
    assert rounds == [0.5, 0.25, 2.0]


def test_every_case_is_a_benchmark_with_its_measured_times_and_figures(bench: Bench) -> None:
    bench.file(BENCH % TWO)
    result = bench.run(QUIET, "--benchmark-json=times.json", "--opml-json=record.json")
    assert result.ret == 0
    assert "benchmark: 2 tests" not in output(result)
    assert "not used at all" not in output(result)
    record = read_record(bench.pytester.path / "record.json")
    found = {entry["extra_info"]["case"]: entry for entry in saved(bench)}  # type: ignore[index]
    assert set(found) == {one.case.id for one in record.results}
    for one in record.results:
        entry: dict[str, dict[str, object]] = found[one.case.id]  # type: ignore[assignment]
        assert entry["stats"]["data"] == pytest.approx(list(one.passes_s))
        assert entry["stats"]["rounds"] == len(one.passes_s)
        assert entry["extra_info"]["op_score"] == one.op_score.value
        assert entry["extra_info"]["size_mb"] == one.size_mb
        assert entry["extra_info"]["profile"] == "cpu"
        assert ("time_ratio" in entry["extra_info"]) is (one.vs_reference is not None)
        assert entry["options"]["timer"] == "recorded_passes"


@pytest.mark.parametrize(
    ("option", "settings"),
    [("--benchmark-columns=min", ""), ("--benchmark-sort=min", ""), ("-v", "[tool.opml]\nbenchmark_table = true\n")],
)
def test_its_table_is_shown_where_it_is_asked_for(bench: Bench, option: str, settings: str) -> None:
    bench.finished_files("a.onnx")
    bench.settings(settings)
    bench.run(QUIET, option).stdout.fnmatch_lines(["*benchmark: 1 tests*", "bench_it*"])


def test_its_table_stays_where_benchmarks_of_others_are_in_it(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    bench.file("def bench_plain(benchmark): benchmark(sum, [1])\n", "bench_plain.py")
    bench.run(QUIET).stdout.fnmatch_lines(["*benchmark: 2 tests*"])


def test_the_gpus_are_part_of_the_machine(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.file("def bench_plain(benchmark): benchmark(sum, [1])\n")
    assert bench.run(QUIET, "--benchmark-autosave").ret == 0
    FakeNvml(v100()).install(monkeypatch)
    with pytest.warns(Warning, match="machine_info is different"):
        bench.run(QUIET, "--benchmark-compare", "--benchmark-json=times.json")
    machine = json.loads((bench.pytester.path / "times.json").read_text())["machine_info"]
    assert machine["gpus"] == [{"name": "Tesla V100-SXM2-16GB", "driver": "550.54.15"}]


def test_saved_runs_compare_and_draw(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    assert bench.run(QUIET, "--benchmark-autosave").ret == 0
    with warnings.catch_warnings(record=True) as caught:
        result = bench.run(QUIET, "--benchmark-compare", "--benchmark-histogram=picture")
    assert result.ret == 0
    assert not [one for one in caught if "machine_info is different" in str(one.message)]
    result.stdout.fnmatch_lines_random(["*benchmark: 2 tests*", "*(0001_*", "*(NOW)*"])  # the faster comes first
    assert "<svg" in (bench.pytester.path / "picture.svg").read_text()


def test_a_regression_that_pytest_benchmark_finds_fails_the_run(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    assert bench.run(QUIET, "--benchmark-autosave").ret == 0
    (path,) = (bench.pytester.path / ".benchmarks").rglob("*.json")
    faster = json.loads(path.read_text())
    for name in ("min", "max", "mean", "median"):
        faster["benchmarks"][0]["stats"][name] /= 100
    path.write_text(json.dumps(faster))
    result = bench.run(QUIET, "--benchmark-compare", "--benchmark-compare-fail=mean:900%")
    assert result.ret != 0
    assert "Performance has regressed" in output(result)


def test_more_cases_of_one_test_are_benchmarks_of_their_own(bench: Bench) -> None:
    bench.file(
        (BENCH % TWO)
        .replace('@pytest.mark.parametrize("case", matrix(', "CASES = matrix(")
        .replace('unfreeze=["all"],\n    ), ids=str)', 'unfreeze=["all"])')
        .replace("def bench_it(case, opml):", "def bench_it(opml):")
        .replace("assert opml(case).accuracy.value > 0.2", "assert [opml(case) for case in CASES]")
    )
    result = bench.run(QUIET, "--benchmark-json=times.json")
    assert result.ret == 0
    names = [str(entry["name"]) for entry in saved(bench)]
    assert names[0] == "bench_it"
    assert "/cluster-16/" in names[1]


def test_a_case_without_a_result_is_no_benchmark_and_no_warning(bench: Bench) -> None:
    bench.file((BENCH % ONE).replace('dataset="digits"', 'dataset="tests.support.faults:segfault"'))
    result = bench.run(QUIET)
    assert result.ret == 11
    assert "not used at all" not in output(result)
    assert "benchmark: " not in output(result).split("collected 1 item")[1]


def test_its_marker_and_ours_go_together(bench: Bench) -> None:
    bench.file(
        (BENCH % ONE).replace("    def bench_it", '    @pytest.mark.benchmark(group="release")\n    def bench_it')
    )
    assert bench.run(QUIET, "--benchmark-json=times.json").ret == 0
    assert [entry["group"] for entry in saved(bench)] == ["release"]


def test_only_and_skip_count_our_tests_as_benchmarks(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    bench.file("def bench_other(): pass\n", "bench_other.py")
    bench.run(QUIET, "--benchmark-only").assert_outcomes(passed=1, skipped=1)
    bench.run(QUIET, "--benchmark-skip").assert_outcomes(passed=1, skipped=1)


def test_a_test_that_benchmarks_something_itself_keeps_the_fixture(bench: Bench) -> None:
    bench.file(
        (BENCH % ONE)
        .replace("def bench_it(case, opml):", "def bench_it(case, opml, benchmark):")
        .replace("assert opml(case)", "benchmark(sum, [1, 2])\n        assert opml(case)")
    )
    assert bench.run(QUIET, "--benchmark-json=times.json").ret == 0
    (entry,) = saved(bench)
    assert entry["options"]["timer"] != "recorded_passes"  # type: ignore[index]
    assert len(entry["extra_info"]["opml"]) == 1  # type: ignore[index]


@pytest.mark.parametrize("without", [("-p", "no:benchmark"), ("--benchmark-disable",)])
def test_without_it_everything_else_works(bench: Bench, without: tuple[str, ...]) -> None:
    bench.finished_files("a.onnx")
    bench.settings("[tool.opml.gate]\naccuracy = { min = 0.2 }\n")
    result = bench.run(QUIET, *without)
    assert result.ret == 0
    assert result.outlines[-1] == "opml: exit code 0: 1 budget passed"
    assert "benchmark: 1 tests" not in output(result)
    result.stdout.fnmatch_lines(["*= opml =*"])
