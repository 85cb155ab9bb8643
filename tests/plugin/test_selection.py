"""What the command line names, and what it leaves out, without running anything."""

from __future__ import annotations

from pathlib import Path

import pytest

import pytest_opml.paper.suite
from pytest_opml.plugin.selection import is_named, leaves_out, named_benchmarks, named_places
from pytest_opml.settings import find_pyproject

SETTINGS = "[tool.opml]\n"


@pytest.fixture
def top(pytester: pytest.Pytester) -> Path:
    """Two files of benchmarks, tests beside them, and folders that pytest does not look into."""
    files = {
        "pyproject.toml": SETTINGS,
        "bench/bench_a.py": "",
        "bench/deep/bench_b.py": "",
        "bench/studies/bench_long.py": "",
        "tests/test_unit.py": "def test_unit(opml_thing): 'opml'\n",
        "venv/bench_c.py": "",
        "env/pyvenv.cfg": "",
        "env/bench_d.py": "",
        ".hidden/bench_e.py": "",
        "service/pyproject.toml": SETTINGS,
        "service/bench/bench_f.py": "",
    }
    for name, text in files.items():
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (pytester.path / "pytest.ini").write_text("[pytest]\nnorecursedirs = .* venv studies\n")
    return pytester.path


def is_partial(pytester: pytest.Pytester, *arguments: str) -> bool:
    config = pytester.parseconfigure(*arguments)
    file = find_pyproject(pytester.path)
    return leaves_out(config, file and file.parent)


@pytest.mark.parametrize(
    "arguments",
    [
        ("bench",),
        ("./bench", "tests"),
        ("bench/bench_a.py", "bench/deep"),
        ("bench/bench_a.py", "bench/deep/../deep/bench_b.py"),
        ("bench", "bench/bench_a.py::bench_it"),
        ("bench", "-k", "this"),  # what that leaves out is deselected by name
        ("bench", "-m", "opml", "--deselect=bench/bench_a.py::bench_it"),
        ("bench", "--ignore=tests", "--ignore-glob=*/data/*"),
        ("bench", "--ff", "--sw"),
        ("bench", "--lf"),  # nothing failed before
    ],
)
def test_all_benchmarks_of_the_project(pytester: pytest.Pytester, top: Path, arguments: tuple[str, ...]) -> None:
    assert not is_partial(pytester, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        (),  # a plain run starts no benchmarks
        (".",),
        ("bench/bench_a.py",),
        ("bench/deep",),
        ("tests",),
        ("bench/bench_a.py::bench_it", "bench/deep"),
        ("bench", "--ignore=bench/deep"),
        ("bench", "--ignore=bench/deep/bench_b.py"),
        ("bench", "--ignore-glob=*/deep/*"),
        ("bench", "--ignore-glob=**/bench_b.py"),
        ("--pyargs", "bench.deep"),
    ],
)
def test_a_part_of_them(pytester: pytest.Pytester, top: Path, arguments: tuple[str, ...]) -> None:
    assert is_partial(pytester, *arguments)


def test_those_that_failed_last_are_a_part(pytester: pytest.Pytester, top: Path) -> None:
    config = pytester.parseconfigure("bench", "--lf")
    config.cache.set("cache/lastfailed", {"bench/bench_a.py::bench_it": True})  # type: ignore[attr-defined]
    assert leaves_out(config, top)
    assert not is_partial(pytester, "bench", "--ff")
    config.cache.set("cache/lastfailed", {"tests/test_unit.py::test_unit": True})  # type: ignore[attr-defined]
    assert not is_partial(pytester, "bench", "--lf")
    assert is_partial(pytester, "bench", "tests", "--lf")


def test_a_test_that_asks_for_a_fixture_is_a_benchmark_too(pytester: pytest.Pytester, top: Path) -> None:
    (top / "tests" / "test_gate.py").write_text("def test_gate(opml): pass\n")
    (top / "tests" / "test_broken.py").write_text("def test_gate(opml: pass\n")
    assert is_partial(pytester, "bench")
    assert is_partial(pytester, "tests")
    assert not is_partial(pytester, "bench", "tests/test_gate.py")


def test_files_that_pytest_collects_by_itself_need_no_name(pytester: pytest.Pytester, top: Path) -> None:
    (top / "pytest.ini").write_text("[pytest]\npython_files = bench_*.py\nnorecursedirs = .* venv studies\n")
    assert not is_partial(pytester)


def test_without_settings_a_file_is_a_part(pytester: pytest.Pytester, top: Path) -> None:
    (top / "pyproject.toml").unlink()
    assert is_partial(pytester, "bench/bench_a.py")
    assert not is_partial(pytester, "bench")


def test_a_folder_that_is_a_link_is_named_by_it(pytester: pytest.Pytester, top: Path, tmp_path: Path) -> None:
    (top / "bench").rename(tmp_path / "shared")
    (top / "bench").symlink_to(tmp_path / "shared")
    config = pytester.parseconfigure("bench")
    assert is_named(config, top / "bench" / "bench_a.py")
    assert named_benchmarks(config) == [top / "bench" / "bench_a.py", top / "bench" / "deep" / "bench_b.py"]
    pytester.runpytest("bench/bench_a.py", "--collect-only").assert_outcomes()


@pytest.mark.parametrize("name", ["pytest.ini", "pyproject.toml", "tox.ini"])
def test_a_folder_with_settings_of_pytest_is_no_project(pytester: pytest.Pytester, top: Path, name: str) -> None:
    text = "[tool.pytest.ini_options]\n" if name == "pyproject.toml" else "[pytest]\n"
    (top / "bench" / name).write_text(text)
    config = pytester.parseconfigure("bench")
    assert config.rootpath == top / "bench"
    assert is_named(config, top / "bench" / "bench_a.py")
    (top / "ci").mkdir()
    (top / "bench" / name).rename(top / "ci" / name)
    config = pytester.parseconfigure("-c", f"ci/{name}", "bench")
    assert config.rootpath == top / "ci"
    assert is_named(config, top / "bench" / "bench_a.py")


@pytest.mark.parametrize("inside", ["", "bench", "/"])
def test_a_project_as_a_whole_starts_no_benchmarks(
    pytester: pytest.Pytester, top: Path, inside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(top / inside)
    config = pytester.parseconfigure(str(top))
    assert not is_named(config, top / "bench" / "bench_a.py")
    assert named_benchmarks(config) == []


def test_benchmarks_may_be_named_by_their_module(pytester: pytest.Pytester, top: Path) -> None:
    suite = Path(pytest_opml.paper.suite.__file__).parent
    by_name = pytester.parseconfigure("--pyargs", "pytest_opml.paper.suite")
    assert named_places(by_name) == [suite]
    assert suite / "bench_table5.py" in named_benchmarks(by_name)
    assert is_named(by_name, suite / "bench_table5.py")
    assert named_places(pytester.parseconfigure("--pyargs", "pytest_opml.paper.suite.bench_table5::bench_table5")) == [
        suite / "bench_table5.py"
    ]
    # a path comes first, and what is no module stays a path
    places = named_places(pytester.parseconfigure("--pyargs", "bench", "no.such.module", "json.nothing"))
    assert places == [top / "bench", top / "no.such.module", top / "json.nothing"]
    assert named_places(pytester.parseconfigure("bench")) == [top / "bench"]
