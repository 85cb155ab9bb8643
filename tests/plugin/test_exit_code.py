"""The last line of a session that is not passed, and why: whole pytest runs that measure nothing."""

from __future__ import annotations

import pytest

from tests.support.projects import BENCH, ONE, Bench, output

STORE = "--opml-store=none"
LAST = "opml: exit code"


def last_line(result: pytest.RunResult) -> str:
    lines = [line for line in (*result.outlines, *result.errlines) if line.strip()]
    return lines[-1]


@pytest.mark.parametrize("settings", ["[tool.opml]\ncolour = 1\n", "[tool.opml.gate]\nsize_mb = { least = 1 }\n"])
def test_wrong_settings_end_with_the_exit_code(bench: Bench, settings: str) -> None:
    bench.file(BENCH % ONE)
    bench.settings(settings)
    result = bench.run(STORE)
    assert result.ret == 4
    assert last_line(result) == f"{LAST} 4: the input is wrong, as said above"
    assert output(result).count(LAST) == 1


def test_a_registration_that_is_refused_ends_with_the_exit_code(bench: Bench) -> None:
    bench.file(BENCH % ONE)
    (bench.pytester.path / "bench" / "conftest.py").write_text(
        "def pytest_opml_register(register): register('dataset', 'digits')(object)\n"
    )
    result = bench.run(STORE)
    assert result.ret == 4
    assert last_line(result) == f"{LAST} 4: the input is wrong, as said above"


@pytest.mark.parametrize(
    ("options", "content", "reason"),
    [
        (("-k", "absent"), BENCH % ONE, "no benchmark is left: 1 deselected"),
        ((), "import pytest_opml\n", "no benchmark was collected"),
    ],
)
def test_nothing_to_run_is_explained(bench: Bench, options: tuple[str, ...], content: str, reason: str) -> None:
    bench.file(content)
    result = bench.run(STORE, *options)
    assert result.ret == 5
    assert last_line(result) == f"{LAST} 5: {reason}"


def test_nothing_to_run_is_explained_where_workers_of_xdist_say_so(bench: Bench) -> None:
    bench.file(BENCH % ONE)
    result = bench.run(STORE, "-n1", "-k", "absent")
    assert (result.ret, last_line(result)) == (5, f"{LAST} 5: no benchmark is left")


def test_a_file_that_cannot_be_collected_is_explained(bench: Bench) -> None:
    bench.file("import pytest_opml\n1 / 0\n")
    result = bench.run(STORE)
    assert result.ret == 2
    assert last_line(result) == f"{LAST} 2: 1 file could not be collected, as said above"


def test_an_interruption_and_an_error_of_a_plugin_are_explained(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    conftest = bench.pytester.path / "bench" / "conftest.py"
    conftest.write_text("def pytest_runtest_call(item): raise KeyboardInterrupt\n")
    interrupted = bench.run(STORE, apart=True)
    assert (interrupted.ret, last_line(interrupted)) == (2, f"{LAST} 2: the run was interrupted")
    conftest.write_text("def pytest_testnodeready(node): raise KeyboardInterrupt\n")
    early = bench.run(STORE, "-n1", apart=True)  # before a worker has told what it collects
    assert (early.ret, last_line(early)) == (2, f"{LAST} 2: the run was interrupted")
    conftest.write_text("def pytest_runtest_logreport(report): 1 / 0\n")
    broken = bench.run(STORE)
    assert (broken.ret, last_line(broken)) == (3, f"{LAST} 3: pytest or a plugin failed, as said above")


def test_a_test_by_hand_that_fails_is_explained(bench: Bench) -> None:
    bench.file("def bench_it(opml_device): assert not opml_device\n")
    result = bench.run(STORE)
    assert (result.ret, last_line(result)) == (1, f"{LAST} 1: 1 test failed")


@pytest.mark.parametrize("content", ["def bench_it(): assert 0\n", "1 / 0\n", "\n"])
def test_files_of_other_tools_are_none_of_ours(bench: Bench, content: str) -> None:
    bench.file(content)
    assert LAST not in output(bench.run(STORE))
