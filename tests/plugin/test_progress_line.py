from __future__ import annotations

import sys

from tests.support.processes import in_terminal, screen
from tests.support.projects import BENCH, TWO, Bench, output


def test_what_is_not_a_terminal_gets_none_of_it(bench: Bench) -> None:
    bench.file(BENCH % TWO)
    result = bench.run("--opml-store=none")
    assert "\b" not in output(result)
    assert "measuring" not in output(result)


def test_a_terminal_shows_it_unless_it_is_to_be_quiet(bench: Bench) -> None:
    bench.file(BENCH % TWO)
    command = [sys.executable, "-m", "pytest", "bench", "-p", "no:cacheprovider", "--opml-store=none"]
    command += [f"--opml-cache-dir={bench.cache}", "--opml-compare-seconds=0.1"]
    for quiet, shown in (((), True), (("-q",), False)):
        code, text = in_terminal([*command, *quiet], bench.pytester.path)
        assert code == 0
        assert ("measuring" in text) is shown
        lines = [screen(line).rstrip() for line in text.replace("\r", "").split("\n")]
        assert not [line for line in lines if "measuring" in line]
