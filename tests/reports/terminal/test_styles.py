from __future__ import annotations

import io
import os
import re
from itertools import product
from unittest import mock

import pytest
from _pytest._io.terminalwriter import should_do_markup
from click import unstyle
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.printable import printable
from pytest_opml.reports.terminal.comparison import comparison_lines
from pytest_opml.reports.terminal.ranking import ranking_lines
from pytest_opml.reports.terminal.run import exit_line, problem_lines, run_lines
from pytest_opml.reports.terminal.styles import (
    Line,
    Span,
    Style,
    can_show,
    is_coloured,
    painted,
    parts,
    styled,
    with_head,
    worst_style,
)
from pytest_opml.reports.terminal.verdicts import best_lines, verdict_lines
from tests.support.builders import make_case, make_result, make_run
from tests.support.pages import BROKEN, HOSTILE, gate_of, make_baselines, make_eight, make_failure, make_hostile

WIDTHS = (80, 160)


def coloured(line: str) -> str:
    return painted(line, is_coloured=True)


def styles_of(lines: list[str]) -> dict[str, Style]:
    """The texts that have a style, with it."""
    return {part: style for line in lines for part, style in parts(line) if style}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# --- whether there are colours


@pytest.mark.parametrize("is_terminal", [True, False])
def test_there_are_colours_where_pytest_has_them(is_terminal: bool) -> None:
    stream = Terminal() if is_terminal else io.StringIO()
    names = ("PY_COLORS", "NO_COLOR", "FORCE_COLOR", "TERM")
    for values in product((None, "", "0", "1"), (None, "", "1"), (None, "", "1"), (None, "dumb", "xterm")):
        environment = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        with mock.patch.dict(os.environ, environment, clear=True):
            assert is_coloured(stream) == should_do_markup(stream), environment


def test_no_stream_has_no_colours() -> None:
    assert not is_coloured(None, {})


def test_a_stream_shows_the_letters_of_its_encoding() -> None:
    ascii_stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    assert can_show(ascii_stream, "0.5")
    assert not can_show(ascii_stream, "±0.5")
    assert can_show(io.StringIO(), "±0.5")
    assert not can_show(None, "\ud800")


# --- lines


def test_a_line_is_its_text_and_its_parts_make_it_up() -> None:
    line = Line("FAIL of x", [Span(0, 4, Style.BAD), Span(8, 9, Style.STRONG)])
    assert line == "FAIL of x"
    assert [part for part in parts(line) if part[0]] == [("FAIL", Style.BAD), (" of ", None), ("x", Style.STRONG)]
    assert coloured(line) == "\x1b[31m\x1b[1mFAIL\x1b[0m of \x1b[1mx\x1b[0m"
    assert painted(line, is_coloured=False) == "FAIL of x"


@given(st.text(), st.sampled_from(Style))
def test_codes_of_a_text_never_reach_the_terminal(text: str, style: Style) -> None:
    for line in (text, styled(text, style)):
        assert painted(line, is_coloured=False) == printable(text)
        assert unstyle(coloured(line)) == printable(text)
        assert coloured(line).count("\x1b") == (2 + (style is Style.BAD) if line is not text and text else 0)


@pytest.mark.parametrize("style", Style)
def test_every_colour_can_be_read_on_black_and_on_white(style: Style) -> None:
    codes = set(re.findall(r"\x1b\[(\d+)m", coloured(styled("x", style))))
    assert codes <= {"0", "1", "2", "31", "32", "35"}  # neither yellow nor white, and nothing black or blue


def test_only_the_head_that_is_there_is_styled() -> None:
    assert styles_of(with_head(["FAIL x", "y"], "FAIL", Style.BAD)) == {"FAIL": Style.BAD}
    assert styles_of(with_head(["x", "FAIL"], "FAIL", Style.BAD)) == {}
    assert with_head([], "FAIL", Style.BAD) == []


# --- where they are


@pytest.mark.parametrize("width", WIDTHS)
def test_colours_change_no_column_and_no_word(width: int) -> None:
    record = make_eight(BROKEN, failures=[make_failure("prune-0.5")], baseline="release")
    record = record.model_copy(update={"baselines": make_baselines(record)})
    lines = run_lines(record, gate_of(BROKEN), width)
    assert [unstyle(coloured(line)) for line in lines] == [painted(line, is_coloured=False) for line in lines]
    assert any("\x1b[" in coloured(line) for line in lines)
    assert not any("\x1b" in painted(line, is_coloured=False) for line in lines)


def test_verdicts_have_their_colours() -> None:
    record = make_eight(BROKEN)
    styles = styles_of(verdict_lines(record, gate_of(BROKEN), 160))
    expected = {
        "pass": Style.GOOD, "fail": Style.BAD, "FAIL": Style.BAD, "not judged": Style.DOUBT, "NOT JUDGED": Style.DOUBT,
    }  # fmt: skip
    assert expected.items() <= styles.items()
    assert {styles[text] for text in styles if text.startswith("budgets: ")} == {Style.BAD}


@pytest.mark.parametrize("name", ["FAIL", "pass", "NOT JUDGED", "Best of 8", "better", "WORSE", "no result"])
def test_a_case_that_is_called_as_a_verdict_is_not_coloured_as_one(name: str) -> None:
    results = [make_result(case=make_case("int8", name=name), accuracy=0.5), make_result("float16"), make_result()]
    record = make_run(results, baseline="release")
    record = record.model_copy(update={"baselines": make_baselines(record)})
    lines = [*ranking_lines(record, 160), *comparison_lines(record, 160), *best_lines(record, 160)]
    assert any(name in line for line in lines)
    own = {text: style for text, style in styles_of(lines).items() if text == name}
    assert own in ({}, {"better": Style.GOOD})  # the word of the comparison, which the other cases have too


def test_the_best_case_stands_out_and_what_is_no_case_steps_back() -> None:
    styles = styles_of(ranking_lines(make_eight(), 80))
    assert [text.split()[:2] for text, style in styles.items() if style is Style.FAINT] == [
        ["best", "values"],
        ["worst", "values"],
    ]
    assert [text.split()[1] for text, style in styles.items() if text.startswith(" *1 ")] == ["top10/int8"]
    assert styles[next(text for text in styles if text.startswith(" *1 "))] is Style.STRONG


@pytest.mark.parametrize(("code", "style"), [(0, Style.GOOD), (1, Style.BAD), (4, Style.BAD), (11, Style.DOUBT)])
def test_the_last_line_has_the_colour_of_its_code(code: int, style: Style) -> None:
    line = exit_line(code, "reason")
    assert line == f"opml: exit code {code}: reason"
    assert styles_of([line]) == {line: style}
    assert styles_of(problem_lines(["disk full"])) == {"not written: disk full": Style.BAD}


def test_checks_together_are_as_the_worst_of_them() -> None:
    checks = make_eight(BROKEN).checks
    passed = [check for check in checks if check.verdict == "pass"]
    not_judged = [check for check in checks if check.verdict == "not_judged"]
    assert worst_style(passed) is Style.GOOD
    assert worst_style([*passed, *not_judged]) is Style.DOUBT
    assert worst_style(checks) is Style.BAD
    waived = [check.model_copy(update={"blocking": False}) for check in checks if check.verdict == "fail"]
    assert worst_style([*passed, *waived]) is Style.DOUBT


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_record_says_brings_no_codes(text: str) -> None:
    record = make_hostile(text)
    for width in WIDTHS:
        for line in run_lines(record, gate_of({}), width):
            plain = painted(line, is_coloured=False)
            assert plain.isprintable()
            assert unstyle(coloured(line)) == plain
