from __future__ import annotations

import json
import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_opml.plugin.progress_line import _MOST_CACHED, _cached_durations, cache_durations
from pytest_opml.reports.terminal.progress_line import ProgressLine
from pytest_opml.reports.terminal.time_left import Durations
from tests.support.processes import in_terminal, screen
from tests.support.projects import BENCH, TWO, Bench, output


class Cache(dict[str, Any]):
    """Pytest's cache, of which what is stored comes back as JSON brings it."""

    def set(self, key: str, value: object) -> None:
        self[key] = json.loads(json.dumps(value))


def config_with(cache: Cache | None, **attributes: Any) -> Any:
    return SimpleNamespace(cache=cache, **attributes)


def finished_line(names: list[str], earlier: dict[str, Durations] | None = None) -> ProgressLine:
    line = ProgressLine(None, lambda: 0, names, earlier=earlier)
    for _ in names:
        line.finished()
    return line


def test_what_is_not_a_terminal_gets_none_of_it(bench: Bench) -> None:
    bench.file(BENCH % TWO)
    result = bench.run("--opml-store=none")
    assert "\b" not in output(result)
    assert "\x1b" not in output(result)
    assert "measuring" not in output(result)


def test_a_terminal_shows_it_unless_it_is_to_be_quiet(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NO_COLOR", "FORCE_COLOR", "PY_COLORS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    bench.finished_files("a.onnx", "b.onnx")
    command = [sys.executable, "-m", "pytest", "bench", "-p", "no:cacheprovider", "--opml-store=none"]
    command += [f"--opml-cache-dir={bench.cache}"]
    for option, shown in (("--color=auto", True), ("-q", False)):
        code, text = in_terminal([*command, option], bench.pytester.path)
        assert code == 0
        assert ("measuring" in text) is shown
        lines = [screen(line).rstrip() for line in text.replace("\r", "").split("\n")]
        assert not [line for line in lines if "measuring" in line]
        assert "\x1b[32mopml: exit code 0: " in text
        assert re.search(r"\x1b\[1m \*1  ", text)


def test_what_tests_took_is_there_for_the_next_run() -> None:
    cache = Cache()
    cache_durations(config_with(cache), finished_line(["one", "two"], {"one": Durations(60.0, None)}))
    assert _cached_durations(config_with(cache)).keys() == {"one", "two"}
    assert _cached_durations(config_with(cache))["one"] == Durations(60.0, pytest.approx(0, abs=1))

    cache_durations(config_with(cache), finished_line(["two", "three"], _cached_durations(config_with(cache))))
    assert list(_cached_durations(config_with(cache))) == ["one", "two", "three"]


def test_the_tests_that_ran_last_count() -> None:
    cache = Cache()
    cache_durations(config_with(cache), finished_line(["old"]))
    cache_durations(config_with(cache), finished_line([f"test {number}" for number in range(_MOST_CACHED)]))
    assert "old" not in _cached_durations(config_with(cache))
    assert len(_cached_durations(config_with(cache))) == _MOST_CACHED


def test_nothing_is_stored_without_a_cache_or_by_a_worker_or_of_no_test() -> None:
    cache_durations(config_with(None), finished_line(["one"]))
    cache = Cache()
    cache_durations(config_with(cache, workerinput={}), finished_line(["one"]))
    cache_durations(config_with(cache), finished_line([]))
    assert cache == {}


@pytest.mark.parametrize(
    "content",
    [
        None, 5, "text", [], {"one": 5}, {"one": []}, {"one": [1]}, {"one": [1, 2, 3]}, {"one": ["1", True]},
        {"one": [-1, None]}, {"one": [float("nan"), float("inf")]}, {"one": [None, None]},
    ],
)  # fmt: skip
def test_what_the_cache_holds_of_something_else_is_passed_over(content: object) -> None:
    assert _cached_durations(config_with(Cache({"opml/durations": content}))) == {}
    assert _cached_durations(SimpleNamespace()) == {}


def test_a_test_whose_set_up_fails_is_over_with_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    monkeypatch.setattr(ProgressLine, "finished", lambda _line: ended.append("finished"))
    monkeypatch.setattr(ProgressLine, "restarted", lambda _line: ended.append("restarted"))
    bench.file("""
        import pytest

        @pytest.fixture
        def broken():
            raise RuntimeError("planted")

        @pytest.fixture
        def skipped():
            pytest.skip("planted")

        def bench_broken(broken, opml_device): ...
        def bench_skipped(skipped, opml_device): ...
        def bench_whole(opml_device): ...
        def test_of_others(broken): ...
    """)
    bench.run("--opml-store=none").assert_outcomes(errors=2, skipped=1, passed=1)
    assert ended == ["finished"] * 3
