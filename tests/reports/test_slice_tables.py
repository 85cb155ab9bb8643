from __future__ import annotations

import numpy as np

from pytest_opml.gate.budgets import Gate
from pytest_opml.measure.quality import assess
from pytest_opml.records.result import Result
from pytest_opml.reports.page.build import page_of
from pytest_opml.reports.page.html import HtmlReporter
from pytest_opml.reports.page.markdown import MarkdownReporter
from pytest_opml.reports.slice_tables import confusion_rows, lowest_slices, matrix_rows, slice_rows
from pytest_opml.reports.terminal.ranking import ranking_lines
from tests.support.builders import make_assessed, make_result, make_run

LABELS = np.arange(300) % 3
CLASSES = ("cat", "dog", "cow")


def answered(wrong: int, technique: str, quality: str | None = None) -> Result:
    rows = np.eye(3, dtype=np.float32)[np.where(np.arange(300) < wrong, (LABELS + 1) % 3, LABELS)]
    columns = {"camera": np.where(np.arange(300) < 200, "old", "new")}
    assessed = assess(rows, LABELS, "classification", CLASSES, quality=quality, columns=columns)
    return make_assessed(assessed, 300, technique)


RESULTS = [answered(0, "baseline"), answered(60, "int8")]
NAMES = {result.case.id: result.case.technique for result in RESULTS}


def test_a_row_for_each_slice_has_the_figure_of_each_case() -> None:
    rows = slice_rows(RESULTS, NAMES)
    assert [row["slice"] for row in rows] == ["class=cat", "class=dog", "class=cow", "camera=new", "camera=old"]
    assert rows[-1]["examples"] == "200"
    assert rows[-1]["int8"].startswith("0.7000 ±.06")


def test_where_the_quality_means_nothing_the_accuracy_stands_and_says_so() -> None:
    result = answered(60, "int8", "f1")
    rows = slice_rows([result], NAMES)
    assert [row["slice"] for row in rows][2:4] == ["class=cow (accuracy)", "camera=new"]


def test_the_lowest_value_of_a_column_is_named() -> None:
    (_, text) = lowest_slices(RESULTS, NAMES)
    assert text.startswith("lowest accuracy of int8: camera=old 0.7000 ±.06")
    assert text.endswith("of 200 examples")
    assert lowest_slices([make_result()], {make_result().case.id: "baseline"}) == []


def test_confusions_are_told_by_how_frequent_they_are() -> None:
    assert confusion_rows(RESULTS, NAMES) == [
        {"case": "int8", "most often taken": "cat as dog: 20; dog as cow: 20; cow as cat: 20"}
    ]
    assert matrix_rows(RESULTS[1].confusion)[0] == {"class": "cat", "as cat": "80", "as dog": "20", "as cow": "0"}
    assert matrix_rows(None) == []


def test_they_stand_on_the_page_and_in_the_terminal() -> None:
    record = make_run(RESULTS)
    page = page_of(record, Gate())
    assert [table.title for table in page.test_sets[0].details] == [
        "Slices",
        "Confusions",
        "Answers of baseline by class",
    ]
    for text in (MarkdownReporter().render(page), HtmlReporter().render(page)):
        assert "cat as dog: 20; dog as cow: 20" in text
        assert "Answers of baseline by class (3)" in text
    lines = " ".join(ranking_lines(record, 100))
    assert "lowest accuracy of int8: camera=old 0.7000" in lines


def test_qualities_that_differ_stand_in_tables_of_their_own() -> None:
    record = make_run([RESULTS[0], answered(60, "int8", "f1")])
    page = page_of(record, Gate())
    assert [test_set.table.headers[2] for test_set in page.test_sets if test_set.table] == ["accuracy", "f1"]
    assert "quality: f1" in page.test_sets[1].title
    assert [test_set.charts[0].title.split(",")[0] for test_set in page.test_sets] == ["Accuracy", "F1"]
