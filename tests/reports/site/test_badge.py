from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.reports.site.badge import _COLOURS, _NEUTRAL, badge_name, badge_of, badge_svg, write_badges
from pytest_opml.reports.site.run_document import CODES, FAIL, INCONCLUSIVE, NO_BUDGET, NO_RESULT, PASS
from pytest_opml.reports.site.state import Series, SiteState
from tests.support.pages import HOSTILE


@pytest.mark.parametrize(
    ("value", "unit", "verdict", "text"),
    [
        (1.2345, "", PASS, "1.23 pass"),
        (-0.5, "", FAIL, "-0.50 fail"),
        (0.1, "", INCONCLUSIVE, "0.10 inconclusive"),
        (None, "", NO_RESULT, "no result"),
        (1.0, "", NO_BUDGET, "1.00"),
        (0.01234, "s", NO_BUDGET, "0.0123 s"),
        (None, "", NO_BUDGET, "no budget"),
    ],
)
def test_a_badge_has_the_score_and_the_verdict(value: float | None, unit: str, verdict: int, text: str) -> None:
    assert badge_of(value, unit, verdict).text == text


def test_pass_and_fail_differ_in_word_and_colour() -> None:
    assert badge_of(1.0, "", PASS).colour != badge_of(1.0, "", FAIL).colour


@pytest.mark.parametrize("colour", sorted({*_COLOURS.values(), _NEUTRAL, "#333333"}))
def test_white_text_can_be_read_on_each_colour(colour: str) -> None:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    assert 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) >= 4.5


@pytest.mark.parametrize("text", HOSTILE[:11])
def test_a_badge_is_a_picture_whatever_the_case_is_called(text: str) -> None:
    picture = ET.fromstring(badge_svg(badge_of(1.0, "", PASS), text))
    assert picture.attrib["aria-label"] == " ".join(f"{text}: 1.00 pass".split("\n")) or "\n" in text
    assert {element.tag.rpartition("}")[2] for element in picture.iter()} == {
        "svg",
        "title",
        "clipPath",
        "rect",
        "g",
        "text",
    }


@given(st.text(), st.text())
def test_the_name_of_a_badge_is_plain_and_its_own(case: str, profile: str) -> None:
    name = badge_name(case, profile)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,75}\.svg", name) or re.fullmatch(
        r"_[A-Za-z0-9._-]{0,75}\.svg", name
    )
    assert name == badge_name(case, profile)
    assert badge_name(f"{case}x", profile) != name


def test_the_name_says_which_case_it_is_of() -> None:
    assert badge_name("digits/lite0/top1/int8", "cpu").startswith("digits-lite0-top1-int8-cpu-")


def test_the_codes_have_a_word_each() -> None:
    assert len(CODES) == len(set(CODES)) == 7


def test_badges_are_of_the_main_branch_and_written_where_they_changed(tmp_path: Path) -> None:
    entry = [[5, 0, FAIL, 2.0, 0.9, 1.0, 1.0], None, [], 0, [[1, [4, 0, PASS, 1.0, 0.9, 1.0, 1.0], None, [], 0]], None]
    state = SiteState(
        1, branches=["x", "main"], cases=["a", "b"], series=[Series(0, "cpu", entry=entry), Series(1, "cpu")]
    )
    (tmp_path / "badges").mkdir()
    (tmp_path / "badges/gone.svg").write_text("")
    names = write_badges(tmp_path, state, 1)
    assert [path.name for path in (tmp_path / "badges").iterdir()] == [names[0]]
    path = tmp_path / "badges" / names[0]
    assert "a on cpu: 1.00 pass" in path.read_text()
    stamp = path.stat().st_mtime_ns
    write_badges(tmp_path, state, 1)
    assert path.stat().st_mtime_ns == stamp
    write_badges(tmp_path, state, None)
    assert "a on cpu: 2.00 fail" in path.read_text()
    path.write_text(path.read_text().replace("2.00 fail", "1.00 pass"))  # as a killed build may have left it
    write_badges(tmp_path, state, None)
    assert "a on cpu: 2.00 fail" in path.read_text()
