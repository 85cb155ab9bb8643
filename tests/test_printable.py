"""What may come from anywhere, as it is written."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.printable import clipped, printable, printable_json, shows

ANY = st.text(st.characters(exclude_categories=()) | st.sampled_from(":#[\n\r\t \x1bvso"))
HOSTILE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def is_quiet(text: str, allowed: str = "") -> bool:
    """Whether a text holds nothing that a terminal or a CI service obeys."""
    lines = text.split("\n") if "\n" in allowed else [text]
    begins = any(line.lstrip().startswith("::") for line in lines)
    letters = all(unicodedata.category(char) not in HOSTILE or char in allowed for char in text)
    return letters and not begins and "##[" not in text and "##vso[" not in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ü, 模型, x\u00a0y", "plain, ü, 模型, x\u00a0y"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x1b]8;;http://x\x07here", r"\x1b]8;;http://x\x07here"),
        ("a\r\nb\tc\x00\x7f\x9b", r"a\r\nb\tc\x00\x7f\x9b"),
        ("\u202eabc\u2066\u200b\u3164\ufeff", r"\u202eabc\u2066\u200b\u3164\ufeff"),
        ("caf\udce9 \U000e0041", r"caf\udce9 \U000e0041"),
        ("::error::x", r"\x3a:error::x"),
        ("a\n ::error::x", r"a\n ::error::x"),
        ("\u3000::set-output name=a::b", "\u3000" + r"\x3a:set-output name=a::b"),
        ("x ##vso[task] ##[group] ##teamcity[", r"x \x23#vso[task] \x23#[group] \x23#teamcity["),
        ("digits::case ## [link]", "digits::case ## [link]"),
    ],
)
def test_what_does_not_show_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_lines_stay_where_they_may() -> None:
    assert printable("a\r\n\tb\n ::error::\rc", lines=True) == "a\n\tb\n \\x3a:error::\\rc"


@given(ANY)
def test_any_text_shows_and_one_that_shows_stays(text: str) -> None:
    for lines, allowed in ((False, ""), (True, "\n\t")):
        shown = printable(text, lines=lines)
        assert is_quiet(shown, allowed)
        assert printable(shown, lines=lines) == shown
        shown.encode("utf-8")


@given(ANY)
def test_json_says_the_same(text: str) -> None:
    document = printable_json(json.dumps([text, {text: 1}], indent=2, ensure_ascii=False))
    assert is_quiet(document, "\n")
    assert json.loads(document) == json.loads(json.dumps([text, {text: 1}]))


def test_a_long_text_is_clipped() -> None:
    assert clipped(ValueError("a \n b\x1b"), 20) == r"a b\x1b"
    assert clipped("x" * 30, 10) == "xxxxxxx..."


@pytest.mark.parametrize(
    ("name", "is_shown"),
    [
        ("résumé 模型", True),
        ("a\nb", False),
        ("a\u00a0b", False),
        ("::error::x", False),
        ("a ##[x", False),
        ("a\u200bb", False),
    ],
)
def test_a_name_shows_as_it_is(name: str, is_shown: bool) -> None:
    assert shows(name) is is_shown
