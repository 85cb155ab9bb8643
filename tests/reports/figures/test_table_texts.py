from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.printable import clipped
from pytest_opml.reports.figures.table_texts import csv_text, latex_text
from pytest_opml.reports.figures.tables import Cell, FigureTable
from tests.support.pages import HOSTILE


def table_of(*cells: Cell) -> FigureTable:
    headers = tuple(f"column {number}" for number in range(len(cells)))
    return FigureTable("ranking", headers, (cells,), headers)


def cells_of(*cells: Cell) -> list[str]:
    (_, row) = csv.reader(io.StringIO(csv_text(table_of(*cells))))
    return row


def test_numbers_stay_numbers_and_are_not_rounded() -> None:
    assert cells_of(-0.1 - 0.2, 5, 1e-9, None) == ["-0.30000000000000004", "5", "1e-09", ""]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\uff1d1"])
def test_a_text_that_a_spreadsheet_would_work_out_begins_with_an_apostrophe(text: str) -> None:
    assert cells_of(text) == [f"'{text}"]


def test_a_formula_behind_a_semicolon_is_none() -> None:
    assert cells_of("a;=1+1") == ["a;'=1+1"]
    assert cells_of("cluster-64,skip=ends") == ["cluster-64,skip=ends"]


@given(st.text(max_size=60))
def test_any_text_comes_back_from_csv_but_for_apostrophes(text: str) -> None:
    shown = clipped(text)
    (cell,) = cells_of(shown) or [""]
    assert cell.replace("'", "") == shown.replace("'", "")
    assert not re.match(r"\s*[=+\-@]", cell)


ESCAPES = {
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "^": r"\^{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "\\": r"\textbackslash{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
}


@pytest.mark.parametrize(("char", "escaped"), ESCAPES.items())
def test_latex_takes_no_character_for_a_command(char: str, escaped: str) -> None:
    assert f" a{escaped}b " in latex_text(table_of(f"a{char}b"))


@pytest.mark.parametrize("text", [*HOSTILE, "\\input{/etc/passwd}", "\\\\ \\write18{x}"])
def test_no_command_but_those_of_the_table_is_left(text: str) -> None:
    commands = re.findall(r"\\([A-Za-z]+)", latex_text(table_of(clipped(text), 1.0)))
    assert set(commands) <= {
        "begin",
        "end",
        "toprule",
        "midrule",
        "bottomrule",
        "textbackslash",
        "textasciitilde",
        "ensuremath",
    }


def test_a_row_that_begins_with_a_bracket_is_no_argument_of_the_row_before() -> None:
    table = FigureTable("slices", ("case",), (("a",), ("[5cm] b",), ("*",)), ("case",))
    text = latex_text(table)
    assert re.search(r"\\\\\n\s*\{\}\[5cm\] b", text)
    assert re.search(r"\\\\\n\s*\{\}\*", text)


def test_a_paper_has_four_digits_to_the_right_and_the_columns_that_fit() -> None:
    wide = FigureTable(
        "ranking", ("case", "id", "score"), (("a", "x", 0.123456), ("b", "y", -12345.6)), ("case", "score")
    )
    lines = latex_text(wide).splitlines()
    assert lines[0] == r"\begin{tabular}{lr}"
    assert [part.strip(" \\") for part in lines[4].split("&")] == ["a", "0.1235"]
    assert [part.strip(" \\") for part in lines[5].split("&")] == ["b", "-12346"]
