from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import cache

import pytest

from pytest_opml.records.result import ConfusionMatrix, Result
from pytest_opml.records.run import RunRecord
from pytest_opml.reports.cases import groups_of
from pytest_opml.reports.charts.all_charts import charts_of, run_charts
from pytest_opml.reports.charts.chart import Chart
from pytest_opml.reports.figures.pictures import drawn
from tests.support.builders import make_case, make_failure, make_result, make_run
from tests.support.charted_runs import make_charted
from tests.support.charts import check_chart, expressions_of
from tests.support.pages import HOSTILE, make_hostile

ALL = [
    "bubbles",
    "score-axes",
    "accuracy-by-technique",
    "accuracy-by-unfrozen-layers",
    "clusters",
    "accuracy-by-epoch",
    "confusion",
    "slices",
]
LONG = "x" * 10_000
TAGS = {"svg", "g", "rect", "path", "text", "line", "defs", "clipPath", "linearGradient", "stop"}
FIELD = "a.b[0]['c']\"d\\e\n{f}"
TEXTS = (*HOSTILE, LONG, FIELD, "=cmd|' /C calc'!A0", "\\input{/etc/passwd}")


@cache
def charted() -> RunRecord:
    return make_charted(splits=("own", "50-50"))


def all_charts(record: RunRecord) -> list[Chart]:
    charts = [chart for group in groups_of(record) for chart in charts_of(group)]
    return [*charts, *run_charts(record)]


def hostile_charts(*texts: str) -> list[Chart]:
    """All charts of a run with one of these texts, or all of them, wherever a user's text may stand."""
    record = make_charted(("v100", "p100"))
    results = record.results[:40] + record.results[-40:]
    models = sorted({result.case.model for result in results})
    return all_charts(
        make_run(
            [
                _with_texts(result, texts, number, models.index(result.case.model))
                for number, result in enumerate(results)
            ]
        )
    )


def _with_texts(result: Result, texts: tuple[str, ...], number: int, model: int) -> Result:
    """A result whose texts are these: one of them in names of which it has one, all of them where it has many."""
    lines = [
        "".join(char for char in text if char.isprintable() and char not in "{},/").strip() or "x" for text in texts
    ]
    line, technique = lines[number % len(lines)], result.case.technique
    assert result.confusion
    names = (*texts, *result.confusion.labels[1:])
    counts = tuple(tuple(90 if row == column else 1 for column in range(len(names))) for row in range(len(names)))
    slices = [
        result.slices[place % len(result.slices)].model_copy(update={"value": f"{place}{texts[place % len(texts)]}"})
        for place in range(max(len(texts), len(result.slices)))
    ]
    return result.model_copy(
        update={
            "case": result.case.model_copy(
                update={
                    "model": f"{result.case.model}{lines[model % len(lines)]}",
                    "technique": technique if technique == "baseline" else f"{technique}+{line}",
                }
            ),
            "confusion": ConfusionMatrix(labels=names, answers=names, counts=counts),
            "slices": tuple(slices),
            "quality": result.quality.model_copy(update={"name": f"package.module:{texts[model % len(texts)]}"}),
        }
    )


def test_a_full_run_has_every_chart_in_their_order() -> None:
    record = charted()
    for group in groups_of(record):
        assert [chart.name for chart in charts_of(group)] == ALL
    assert [chart.name for chart in run_charts(record)] == ["devices", "splits"]


@pytest.mark.parametrize("name", [*ALL, "devices", "splits"])
def test_a_chart_compiles_without_a_warning(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    record = charted()
    charts = [*charts_of(groups_of(record)[0]), *run_charts(record)]
    check_chart(next(chart for chart in charts if chart.name == name), capfd)


def test_without_data_there_is_no_chart() -> None:
    assert all_charts(make_run()) == []
    assert all_charts(make_run(failures=[make_failure()])) == []


def test_one_case_has_no_chart_that_compares() -> None:
    assert [chart.name for chart in all_charts(make_run([make_result()]))] == ["bubbles"]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:20]))
def test_any_name_is_a_text_in_every_chart(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It is no name of a field, and stands in no expression."""
    charts = hostile_charts(text)
    assert {chart.name for chart in charts} >= {*ALL, "devices"}
    probe = re.sub(r"\s+", " ", text)[:12]
    for chart in {chart.name: chart for chart in charts}.values():
        compiled = check_chart(chart, capfd)
        scripts = list(expressions_of([value for name, value in compiled.items() if name != "data"]))
        assert not [script for script in scripts if probe in script and len(probe) > 6]


def test_every_name_is_escaped_and_cut_in_a_picture() -> None:
    written: list[str] = []
    for chart in {chart.name: chart for chart in hostile_charts(*TEXTS)}.values():
        picture = drawn(chart, "svg").decode()
        elements = list(ET.fromstring(picture).iter())
        assert {element.tag.rpartition("}")[2] for element in elements} <= TAGS
        assert not set("\x1b\u202e\x00") & set(picture)
        written += [element.text or "" for element in elements]
    assert max(map(len, written)) < 200
    missing = [text for text in TEXTS if not any(_beginning(text) in line for line in written)]
    assert missing == []


def _beginning(text: str) -> str:
    """The first signs in a row that a picture shows as they are."""
    return "".join(filter(str.isprintable, text)).split()[0][:4]


def test_the_hostile_run_of_the_pages_is_drawn() -> None:
    for text in HOSTILE:
        (bubbles, *_) = all_charts(make_hostile(text))
        assert b"<script" not in drawn(bubbles, "svg")


def test_five_thousand_results_are_drawn_once_each() -> None:
    """Every row of a chart is of one result, and the charts that name cases show the best alone."""
    draw = [(0.5 + 0.4 * (n % 97) / 97, 1 + n % 89, 1 + n % 83) for n in range(5_000)]
    template = make_result()
    results = [
        template.model_copy(
            update={
                "case": make_case(f"cluster-{n + 2}"),
                "quality": template.quality.model_copy(update={"value": quality}),
                "op_score": template.op_score.model_copy(update={"value": quality * seconds * size}),
            }
        )
        for n, (quality, seconds, size) in enumerate(draw)
    ]
    (group,) = groups_of(make_run([*results, make_result()]))
    rows = {chart.name: sum(map(len, chart.datasets.values())) for chart in charts_of(group)}
    assert 5_001 < rows["bubbles"] < 11_000
    assert rows["score-axes"] == 160
    assert rows["accuracy-by-technique"] == 40
