from __future__ import annotations

import pytest

from pytest_opml.doctor.finding import Finding
from pytest_opml.doctor.text import finding_lines, finding_table

FINDINGS = [
    Finding("devices", "CPU", "ok", "a processor, 2 cores"),
    Finding("devices", "GPU", "problem", "the driver answers with an error: Unknown Error", "see what nvidia-smi says"),
    Finding(
        "project", "a longer name", "note", "nothing is written", "write something, in two or in three words or so"
    ),
]


def test_states_names_and_texts_stand_below_each_other() -> None:
    assert finding_lines(FINDINGS, 80) == [
        "devices",
        "  ok       CPU            a processor, 2 cores",
        "  problem  GPU            the driver answers with an error: Unknown Error",
        "                          -> see what nvidia-smi says",
        "",
        "project",
        "  note     a longer name  nothing is written",
        "                          -> write something, in two or in three words or so",
        "",
        "1 problem, 1 note, 1 ok",
    ]


def test_texts_are_wrapped_where_they_begin() -> None:
    lines = finding_lines(FINDINGS, 60)
    assert lines[2:5] == [
        "  problem  GPU            the driver answers with an error:",
        "                          Unknown Error",
        "                          -> see what nvidia-smi says",
    ]
    assert lines[-4:-2] == [
        "                          -> write something, in two or in",
        "                             three words or so",
    ]


@pytest.mark.parametrize("width", [24, 40, 55, 80, 160])
def test_no_line_exceeds_the_width_and_no_word_is_lost(width: int) -> None:
    lines = finding_lines(FINDINGS, width)
    assert max(map(len, lines)) <= max(width, 26)
    text = " ".join(" ".join(lines).split())
    for finding in FINDINGS:
        assert finding.text in text
        assert finding.remedy in text


def test_the_same_as_plain_data() -> None:
    table = finding_table(FINDINGS)
    assert table["problems"] == 1
    assert table["findings"][0] == {
        "topic": "devices",
        "name": "CPU",
        "state": "ok",
        "text": "a processor, 2 cores",
        "remedy": "",
    }


def test_nothing_found_is_said() -> None:
    assert finding_lines([], 80) == ["0 problems, 0 notes, 0 ok"]
