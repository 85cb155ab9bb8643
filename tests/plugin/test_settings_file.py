"""Which pyproject.toml a run takes, and what the header says of it; nothing is run."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

import pytest_opml.paper.suite
from pytest_opml.errors import SettingsError
from pytest_opml.plugin.options import settings_of
from pytest_opml.plugin.settings_file import choose, chosen, header

BENCH = "def bench_it(opml): pass\n"


def project(folder: Path, settings: str | None = "[tool.opml]\n") -> Path:
    (folder / "bench").mkdir(parents=True, exist_ok=True)
    (folder / "bench" / "bench_it.py").write_text(BENCH)
    if settings is not None:
        (folder / "pyproject.toml").write_text(settings)
    return folder


def settings(store: str) -> str:
    return f"[tool.opml]\njson = '{store}.json'\n"


def test_the_nearest_file_wins_and_its_paths_start_from_its_folder(pytester: pytest.Pytester) -> None:
    top = project(pytester.path, settings("top"))
    service = project(pytester.path / "services" / "vision", settings("vision"))
    for argument in ("services/vision/bench", "services/vision/bench/bench_it.py::bench_it", "services/vision"):
        config = pytester.parseconfigure(argument)
        assert chosen(config) == (service / "pyproject.toml", service)
        assert settings_of(config).json_path == service / "vision.json"
        # the folder of a project as a whole names no benchmarks
        line = "opml: budgets of services/vision/pyproject.toml" if "bench" in argument else None
        assert header(config) == line
    assert chosen(pytester.parseconfigure("bench")).root == top
    assert chosen(pytester.parseconfigure()).root == top


def test_a_file_without_our_table_is_passed_over(pytester: pytest.Pytester) -> None:
    top = project(pytester.path)
    project(pytester.path / "service", "[project]\nname = 'opml'\n[tool.other]\nopml = 1\n")
    assert chosen(pytester.parseconfigure("service/bench")).root == top


def test_the_working_folder_comes_second(pytester: pytest.Pytester, tmp_path: Path) -> None:
    top = project(pytester.path)
    outside = project(tmp_path / "outside", None)
    config = pytester.parseconfigure(str(outside / "bench"))
    assert chosen(config).root == top
    # benchmarks of the project beside those of nobody have the same settings
    assert chosen(pytester.parseconfigure(str(outside / "bench"), "bench")).root == top


def test_without_any_the_defaults_apply_and_the_header_says_so(pytester: pytest.Pytester) -> None:
    project(pytester.path, None)
    config = pytester.parseconfigure("bench")
    assert chosen(config) == (None, pytester.path)
    assert header(config) == "opml: no [tool.opml] found; defaults"


def test_without_any_the_folder_is_that_of_the_project_and_not_of_pytests_settings(pytester: pytest.Pytester) -> None:
    project(pytester.path, "[project]\nname = 'a'\n")
    (pytester.path / "bench" / "pytest.ini").write_text("[pytest]\n")
    config = pytester.parseconfigure("bench")
    assert config.rootpath == pytester.path / "bench"
    assert chosen(config) == (None, pytester.path)


def test_a_link_counts_where_it_is_and_then_where_it_leads(pytester: pytest.Pytester, tmp_path: Path) -> None:
    elsewhere = project(tmp_path / "elsewhere")
    (pytester.path / "bench").symlink_to(elsewhere / "bench")
    assert chosen(pytester.parseconfigure("bench")).root == elsewhere
    (pytester.path / "pyproject.toml").write_text("[tool.opml]\n")
    assert chosen(pytester.parseconfigure("bench")).root == pytester.path


def test_different_files_are_refused_with_their_names(pytester: pytest.Pytester) -> None:
    project(pytester.path / "services" / "sound")
    project(pytester.path / "services" / "vision")
    config = pytester.parseconfigure("services")
    both = (
        "services/sound/bench/bench_it.py are in services/sound/pyproject.toml, and .* services/vision/pyproject.toml"
    )
    with pytest.raises(SettingsError, match=both):
        choose(config, sorted(pytester.path.rglob("bench_it.py")))
    assert header(config) is None
    project(pytester.path / "services" / "vision", None)
    (pytester.path / "services" / "vision" / "pyproject.toml").unlink()
    with pytest.raises(SettingsError, match=r" services/sound/pyproject.toml, .* no pyproject.toml;"):
        choose(config, sorted(pytester.path.rglob("bench_it.py")))


def test_different_files_are_exit_code_4(pytester: pytest.Pytester) -> None:
    project(pytester.path / "sound")
    project(pytester.path / "vision")
    result = pytester.runpytest("sound/bench", "vision/bench", "--import-mode=importlib")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: the benchmarks have different settings: *sound/pyproject.toml*vision/pypro*"])


@pytest.mark.parametrize("text", ["[tool.opml", "tool.opml = 3\n"])
def test_a_nearer_file_that_is_wrong_is_not_passed_over(pytester: pytest.Pytester, text: str) -> None:
    project(pytester.path)
    service = project(pytester.path / "service", text)
    if text.endswith("\n"):
        config = pytester.parseconfigure("service/bench")
        with pytest.raises(SettingsError, match=str(service / "pyproject.toml")):
            settings_of(config)
    result = pytester.runpytest("service/bench", "--rootdir=.", "-c", os.devnull)
    assert result.ret == 4
    assert f"ERROR: {service / 'pyproject.toml'}: " in result.stderr.str()


def test_a_run_of_others_has_no_line_of_ours(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_unit="def test_unit(): pass")
    for arguments in ((), ("test_unit.py",), (".",)):
        assert "opml:" not in pytester.runpytest(*arguments).stdout.str()


def test_the_header_is_in_pytests(pytester: pytest.Pytester) -> None:
    project(pytester.path)
    result = pytester.runpytest("bench", "--collect-only")
    result.stdout.fnmatch_lines(["rootdir: *", "opml: budgets of pyproject.toml", "collected 1 item"])
    assert "opml:" not in pytester.runpytest("bench", "--collect-only", "-q").stdout.str()


SUITE = Path(pytest_opml.paper.suite.__file__).parent


def test_the_papers_suite_takes_of_the_project_what_is_about_the_machine_alone(pytester: pytest.Pytester) -> None:
    text = """
    [tool.opml]
    data_dir = "data"
    threads = 1
    scale = "small"
    json = "release.json"
    store = "sqlite:///release.db"
    baseline = "best"
    gate.accuracy.min = 0.9
    score.time = "training"
    model.resnet50.model = "resnet50"
    """
    top = project(pytester.path, textwrap.dedent(text))
    config = pytester.parseconfigure(str(SUITE))
    assert chosen(config) == (SUITE / "pyproject.toml", top)
    settings = settings_of(config)
    assert (settings.data_dir, settings.threads, settings.scale) == (top / "data", 1, "small")
    assert settings.json_path is settings.store is settings.baseline is None
    assert settings.gate.applicable("any", "cpu") == ()
    assert (settings.score.time, settings.models) == ({"inference": 1.0}, {})
    assert header(config) == "opml: the suite of the paper, which has no budgets"
    options = ("--opml-store=sqlite:///paper.db", "--opml-threads=2")
    assert settings_of(pytester.parseconfigure(str(SUITE), *options)).threads == 2
    with pytest.raises(SettingsError, match="run them one after the other"):
        choose(config, [SUITE, top / "bench"])


def test_the_suite_refuses_what_is_wrong_around_it_and_needs_nothing(pytester: pytest.Pytester) -> None:
    assert settings_of(pytester.parseconfigure(str(SUITE))).scale == "smoke"
    project(pytester.path, "[tool.opml]\nthread = 1\n")
    with pytest.raises(SettingsError, match="unknown key 'thread'"):
        settings_of(pytester.parseconfigure(str(SUITE)))
