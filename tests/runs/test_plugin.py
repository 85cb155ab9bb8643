"""The plugin as its users meet it: whole pytest runs on the small model."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from pytest_opml.history.base import Query
from pytest_opml.history.record_files import read_record, record_schema
from pytest_opml.history.store import open_store
from tests.support import small
from tests.support.fake_nvml import FakeNvml, v100
from tests.support.projects import BENCH, ONE, TWO, Bench, output

# --- what is collected


def test_a_folder_that_is_named_is_collected(bench: Bench) -> None:
    bench.file(BENCH % TWO)
    result = bench.run("--collect-only", "-q")
    result.stdout.fnmatch_lines([f"bench/bench_it.py::bench_it?digits/{small.NAME}/all/cluster-16/*"])


@pytest.mark.parametrize("where", ["bench/bench_it.py", "./bench", "bench/bench_it.py::bench_it"])
def test_each_way_to_name_it_collects_it_once(bench: Bench, where: str) -> None:
    bench.file(BENCH % TWO)
    bench.run("--collect-only", "-q", where=where).stdout.fnmatch_lines(["2 tests collected*"])


@pytest.mark.parametrize("where", ["", "."])
def test_a_plain_run_of_the_project_starts_no_benchmarks(bench: Bench, where: str) -> None:
    bench.file(BENCH % ONE)
    bench.pytester.makepyfile(test_unit="def test_unit(): pass")
    result = bench.run(where=where)
    result.assert_outcomes(passed=1)
    assert "opml ==" not in output(result)
    assert "opml: " not in output(result)


def test_python_files_that_name_it_too_collect_it_once(bench: Bench) -> None:
    bench.file(BENCH % TWO)
    bench.settings("[tool.pytest.ini_options]\npython_files = ['bench_*.py', 'test_*.py']\n")
    bench.run("--collect-only", "-q").stdout.fnmatch_lines(["2 tests collected*"])


def test_the_marker_selects_what_measures(bench: Bench) -> None:
    bench.file(BENCH % ONE + "\n    def test_other(): pass\n")
    bench.run("--collect-only", "-q", "-m", "opml").stdout.fnmatch_lines(["1/2 tests collected*"])


# --- a run and what it leaves


def test_a_run_ends_with_ranking_checks_record_and_history(bench: Bench) -> None:
    bench.file(BENCH % TWO)
    bench.settings("[tool.opml.gate]\naccuracy = { min = 0.2, max_drop = 0.5 }\n")
    result = bench.run("--opml-json=out/record.json")
    assert result.ret == 0
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["*= opml =*", "*accuracy*", "*best values*", "*cluster-16*", "*worst values*", "*budgets: 3 passed*"]
    )
    assert result.outlines[-1] == "opml: exit code 0: 3 budgets passed"

    path = bench.pytester.path / "out" / "record.json"
    jsonschema.validate(json.loads(path.read_text()), record_schema())
    record = read_record(path)
    assert [one.case.technique for one in record.results] == ["baseline", "cluster-16"]
    assert {check.verdict for check in record.checks} == {"pass"}
    assert record.device.profile == "cpu"
    assert record.versions["tensorflow"] != "not installed"

    with open_store(f"sqlite:///{bench.pytester.path}/.opml/history.db") as store:
        assert [run.run_id for run in store.newest(Query(), 5)] == [record.run_id]


def test_no_store_leaves_no_history(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    assert bench.run("--opml-store=none").ret == 0
    assert not (bench.pytester.path / ".opml").exists()


def test_the_reference_is_measured_although_not_collected(bench: Bench) -> None:
    bench.file(BENCH % '["cluster-16"]')
    bench.settings("[tool.opml.gate]\nsize_mb = { max_increase = '0%' }\n")
    result = bench.run("--opml-json=record.json", "--opml-store=none")
    assert result.ret == 0
    record = read_record(bench.pytester.path / "record.json")
    assert [one.case.technique for one in record.results] == ["baseline", "cluster-16"]
    assert [case_id.split("/")[3] for case_id in record.reference_only] == ["baseline"]
    assert [(check.verdict, check.reference_value is not None) for check in record.checks] == [("pass", True)]


def test_quiet_and_xml_work_as_usual(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    result = bench.run("-q", "--opml-store=none", "--junitxml=junit.xml")
    assert result.ret == 0
    assert result.outlines[-1] == "opml: exit code 0: 1 case measured, no budget to check"
    assert "bench_it" in (bench.pytester.path / "junit.xml").read_text()


def test_hooks_hear_of_results_and_of_the_record(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    (bench.pytester.path / "bench" / "conftest.py").write_text(
        "def pytest_opml_result(result): print('heard result', result.case.technique)\n"
        "def pytest_opml_record(record): print('heard record', len(record.results))\n"
    )
    text = output(bench.run("-s", "--opml-store=none"))
    assert "heard result baseline" in text
    assert "heard record 1" in text


# --- budgets


def test_a_failed_budget_fails_its_own_test_and_the_session(bench: Bench) -> None:
    bench.file(BENCH % TWO)
    bench.settings("[tool.opml.gate]\naccuracy = { min = 0.2 }\nsize_mb = { max = 0.05 }\n")
    options = ("--opml-json=record.json", "--opml-store=none", "--junitxml=junit.xml", "-vv")
    result = bench.run(*options)
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    assert result.outlines[-1] == "opml: exit code 1: 1 budget failed"
    figure = "size_mb 0.122 MB > 0.05 MB (max = 0.05)"
    result.stdout.fnmatch_lines([figure, "  of digits/tests.support.small:build/all/baseline/*"], consecutive=True)
    assert "FAIL baseline: size_mb 0.122 MB is above 0.05 MB (max = 0.05)" in result.outlines
    (failure,) = ET.parse(bench.pytester.path / "junit.xml").iter("failure")
    assert str(failure.get("message")).splitlines()[0] == figure
    summary = next(line for line in result.outlines if line.startswith("FAILED"))
    assert f" - {figure}" in summary
    verdicts = {(c.metric, c.verdict) for c in read_record(bench.pytester.path / "record.json").checks}
    assert verdicts == {("accuracy", "pass"), ("size_mb", "fail"), ("size_mb", "pass")}


def test_case_overrides_and_drops_against_the_reference(bench: Bench) -> None:
    bench.file(BENCH % TWO)
    bench.settings(
        "[tool.opml.gate]\nsize_mb = { max = 0.001 }\n"
        "[[tool.opml.gate.case]]\nmatch = '*'\nsize_mb = { max = 1 }\n"
        "[[tool.opml.gate.case]]\nmatch = '*/cluster-*'\nsize_mb = { max_increase = '0%' }\n"
        "op_score = { max_increase = 9 }\n"
    )
    assert bench.run("--opml-store=none").ret == 0


def test_the_markers_budgets_come_last(bench: Bench) -> None:
    bench.file(
        (BENCH % ONE).replace(
            "    def bench_it", '    @pytest.mark.opml(gate={"size_mb": {"max": 0.01}})\n    def bench_it'
        )
    )
    bench.settings("[tool.opml.gate]\nsize_mb = { max = 100 }\n")
    result = bench.run("--opml-store=none")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*size_mb*is above 0.01 MB*"])


def test_a_failing_assert_is_a_failed_test_and_budgets_are_still_checked(bench: Bench) -> None:
    bench.file((BENCH % ONE).replace("> 0.2", "> 1"))
    bench.settings("[tool.opml.gate]\naccuracy = { min = 0.2 }\n")
    result = bench.run("--opml-store=none")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*budgets: 1 passed*", "opml: exit code 1: 1 test failed"])


# --- cases without a result


@pytest.mark.parametrize(
    ("fault", "arguments", "kind", "code"),
    [
        ("segfault", (), "crash", 11),
        ("hang", ("--opml-timeout=2",), "timeout", 11),
        ("hog", ("--opml-memory-mb=1500",), "out_of_memory", 11),
        ("single_class", (), "usage", 4),
    ],
)
def test_a_case_that_fails_costs_that_case_only(
    bench: Bench, fault: str, arguments: tuple[str, ...], kind: str, code: int
) -> None:
    bench.file(
        f"""
        import pytest
        from pytest_opml import Case

        BAD, FINE = [Case(dataset=d, model="{small.NAME}", weights="none", size=16, epochs=2, unfreeze="all")
                     for d in ("tests.support.faults:{fault}", "tests.support.faults:fine")]

        # a limit of its own for the other case, which the option's would be too short for on a busy machine
        @pytest.mark.parametrize("case", [BAD, pytest.param(FINE, marks=pytest.mark.opml(timeout=600))], ids=str)
        def bench_it(case, opml):
            opml(case)
        """
    )
    result = bench.run("--opml-json=record.json", "--opml-store=none", *arguments)
    assert result.ret == code
    reason = f"1 case has no result ({kind.replace('_', ' ')})" if code == 11 else "1 input was wrong, as said above"
    assert result.outlines[-1] == f"opml: exit code {code}: {reason}"
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([f"*{kind}*"])
    record = read_record(bench.pytester.path / "record.json")
    assert [(one.case.dataset, one.kind) for one in record.failures] == [(f"tests.support.faults:{fault}", kind)]
    assert [one.case.dataset for one in record.results] == ["tests.support.faults:fine"]


def test_a_failed_case_beside_a_failed_budget_is_a_failed_budget(bench: Bench) -> None:
    bench.file(
        f"""
        from pytest_opml import Case

        def bench_crash(opml):
            opml(Case(dataset="tests.support.faults:segfault", model="{small.NAME}", weights="none", size=16))

        def bench_large(opml):
            opml(
                Case(dataset="tests.support.faults:fine", model="{small.NAME}", weights="none", size=16, unfreeze="all")
            )
        """
    )
    bench.settings("[tool.opml.gate]\nsize_mb = { max = 0.01 }\n")
    assert bench.run("--opml-store=none").ret == 1


def test_a_budget_that_cannot_be_judged_does_not_pass(bench: Bench) -> None:
    bench.file(BENCH % '["cluster-16"]')
    # the reference, and only it, is given no chance to be measured
    (bench.pytester.path / "bench" / "conftest.py").write_text(
        "from pytest_opml.runner.launchers.base import WorkerFailed\n"
        "from pytest_opml.runner.launchers.process import ProcessLauncher\n"
        "real = ProcessLauncher.run\n"
        "def run(self, task, arguments, *rest, **named):\n"
        "    if getattr(arguments[0], 'technique', '') == 'baseline':\n"
        "        raise WorkerFailed('crash', 'planted', '')\n"
        "    return real(self, task, arguments, *rest, **named)\n"
        "ProcessLauncher.run = run\n"
    )
    bench.settings("[tool.opml.gate]\naccuracy = { max_drop = 0.5 }\n")
    result = bench.pytester.runpytest_subprocess("bench", "--opml-store=none", f"--opml-cache-dir={bench.cache}")
    assert result.ret == 11
    text = " ".join(output(result).split())
    assert "accuracy: not judged (max_drop = 0.5): the reference case has no result to compare with" in text
    reason = (
        "1 case has no result (crash); 1 budget could not be judged (the reference case has no result to compare with)"
    )
    assert result.outlines[-1] == f"opml: exit code 11: {reason}"


# --- bad input


@pytest.mark.parametrize(
    ("techniques", "words"),
    [
        ('["clutser-256"]', "unknown technique 'clutser-256'; known: baseline, bfloat16, cluster, "),
        ('["cluster-0"]', "technique cluster-0: clusters (distinct weights a layer, 2 to 65,536, or bits: "),
        ('["cluster-x"]', "must be a whole number, not 'x'"),
        ('["int8+float16"]', "nothing can follow int8"),
        ('["baseline+int8"]', "baseline stands alone"),
        ("[]", "matrix: no case"),
        ('"int8"', "matrix: techniques must be a list"),
    ],
)
def test_a_wrong_technique_is_one_line_and_a_usage_error(bench: Bench, techniques: str, words: str) -> None:
    bench.file(BENCH % techniques)
    result = bench.run("--opml-store=none")
    assert result.ret == 4
    lines = [line for line in result.outlines if words in line]
    assert lines
    assert result.outlines[-1] == "opml: exit code 4: 1 input was wrong, as said above"
    assert "Traceback" not in output(result)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('dataset="digits"', 'dataset="digit"', "unknown dataset 'digit'; known: cifar10, "),
        (f'"{small.NAME}"', '"resnet"', "unknown model 'resnet'; known: densenet121, "),
        ("epochs=2", "epochs=0", "case: epochs = 0: "),
        ("size=16", 'size="16"', "case: size = '16': "),
        ("size=16", "colour=16", "case: colour = 16: "),
        ('unfreeze=["all"]', "unfreeze=[-1]", "must be 'all' or at least 0"),
    ],
)
def test_a_wrong_case_is_one_line_and_a_usage_error(bench: Bench, old: str, new: str, words: str) -> None:
    bench.file((BENCH % ONE).replace(old, new))
    result = bench.run("--opml-store=none")
    assert result.ret == 4
    assert [line for line in result.outlines if words in line]
    assert "Traceback" not in output(result)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("[tool.opml]\ncolour = 1\n", "tool.opml: unknown key 'colour'; known: baseline"),
        ("[tool.opml]\ntimeout = 'long'\n", "tool.opml.timeout: "),
        ("[tool.opml]\ngpu = 'v10'\n", "tool.opml.gpu: unknown profile 'v10'; known: auto, cpu, p100"),
        (
            "[tool.opml.gate]\ncolour = { min = 1 }\n",
            "tool.opml.gate: unknown metric 'colour'; known: quality, accuracy",
        ),
        ("[tool.opml.gate]\naccuracy = { least = 1 }\n", "tool.opml.gate.accuracy: unknown key 'least'"),
        ("[tool.opml.gate]\naccuracy = { min = 'high' }\n", "tool.opml.gate.accuracy.min: must be a number"),
        ("[tool.opml.gate]\nop_score = { max_increase = '5%' }\n", "no percentage of op_score"),
        ("[tool.opml.gate]\naccuracy = 1\n", "tool.opml.gate.accuracy: must be a table, not 1"),
        ("tool.opml = 3\n", "tool.opml must be a table"),
    ],
)
def test_wrong_settings_are_one_line_and_a_usage_error(bench: Bench, settings: str, words: str) -> None:
    bench.file(BENCH % ONE)
    bench.settings(settings)
    result = bench.run()
    assert result.ret == 4
    assert words in output(result)
    assert "Traceback" not in output(result)


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--opml-gpu=v10", "--opml-gpu: unknown profile 'v10'; known: auto, cpu"),
        ("--opml-gpu=h200", "--opml-gpu=h200: not on this machine"),
        ("--opml-timeout=-1", "--opml-timeout: must be more than 0, not -1"),
        ("--opml-timeout=soon", "--opml-timeout: invalid float value: 'soon'"),
        ("--opml-store=sqlite:////proc/none/h.db", "/proc/none"),
        ("--opml-store=nonsense", "store (not shown: it cannot be parsed): is no database URL"),
        ("--opml-json=/proc/none/r.json", "/proc/none"),
        ("--opml-cache-dir=/proc/none", "cache /proc/none: cannot be written"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_runs(bench: Bench, argument: str, words: str) -> None:
    bench.file(BENCH % ONE)
    result = bench.run(argument)
    assert result.ret == 4
    assert words in output(result)
    assert "Traceback" not in output(result)
    assert "bench_it.py " not in output(result)


def test_a_gpu_that_tensorflow_does_not_see_is_refused_before_anything_runs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeNvml(v100()).install(monkeypatch)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    bench.file(BENCH % ONE)
    result = bench.run("--opml-gpu=v100")
    assert result.ret == 4
    assert "--opml-gpu=v100: the driver has Tesla V100-SXM2-16GB (v100), but TensorFlow 2." in output(result)
    assert "Traceback" not in output(result)
    assert "bench_it.py " not in output(result)
    assert fake.opened == 0


def test_auto_goes_on_without_a_gpu_that_tensorflow_does_not_see(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(v100()).install(monkeypatch)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    bench.file(BENCH % ONE)
    assert bench.run("--opml-json=record.json", "--opml-store=none").ret == 0
    device = read_record(bench.pytester.path / "record.json").device
    assert (device.profile, device.gpu, [gpu.profile for gpu in device.gpus]) == ("cpu", None, ["v100"])
    assert device.tensorflow
    assert device.tensorflow.environment["CUDA_VISIBLE_DEVICES"] == "-1"


def test_a_wrong_marker_is_a_usage_error(bench: Bench) -> None:
    bench.file((BENCH % ONE).replace("    def bench_it", "    @pytest.mark.opml(limit=3)\n    def bench_it"))
    result = bench.run("--opml-store=none")
    assert result.ret == 4
    assert "marker opml on bench_it" in output(result)
    assert "unknown limit; known: case, gate, timeout" in output(result)


def test_a_failed_test_counts_more_than_wrong_input_in_another(bench: Bench) -> None:
    bench.file("def bench_a(opml): assert 0\ndef bench_b(opml_dataset): pass\n")
    assert bench.run("--opml-store=none").ret == 1


def test_nothing_measured_is_not_a_success(bench: Bench) -> None:
    bench.file("import pytest\ndef bench_it(opml):\n    pytest.skip('not today')\n")
    result = bench.run("--opml-store=none")
    assert result.ret == 5
    assert result.outlines[-1] == "opml: exit code 5: nothing was measured"


def test_an_interrupted_run_says_so_and_keeps_pytests_exit_code(bench: Bench) -> None:
    bench.file("def bench_it(opml):\n    raise KeyboardInterrupt\n")
    result = bench.run("--opml-store=none", apart=True)
    assert result.ret == 2
    assert "opml: exit code 2: the run was interrupted" in result.outlines


def test_an_exit_code_of_another_plugin_is_told_apart(bench: Bench) -> None:
    bench.file("import pytest\ndef bench_it(opml):\n    pytest.skip('not today')\n")
    (bench.pytester.path / "conftest.py").write_text(
        "def pytest_sessionfinish(session): session.exitstatus = 7\n", "utf-8"
    )
    result = bench.run("--opml-store=none")
    assert result.ret == 7
    assert result.outlines[-1] == (
        "opml: exit code 7: another plugin asks for it; of the cases alone it is 5: nothing was measured"
    )


def test_no_bench_file_is_pytests_own_nothing_collected(bench: Bench) -> None:
    assert bench.run().ret == 5
