from __future__ import annotations

import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.history.memory import MemoryHistory
from pytest_opml.printable import clipped
from pytest_opml.reports.charts.chart import Value
from pytest_opml.reports.page.build import page_of
from pytest_opml.reports.page.histories import case_histories
from pytest_opml.reports.page.html import HtmlReporter, _column
from pytest_opml.reports.page.model import Page
from tests.support.builders import make_case, make_result, make_run
from tests.support.pages import HOSTILE, gate_of, make_eight, make_full_page, make_hostile, make_page


def html(page: Page) -> str:
    return HtmlReporter().render(page)


class Parsed(HTMLParser):
    """The elements of a page in their order, each with its attributes and own text; what is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag != "meta":
            self._open.append(len(self.found) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        assert self.found[self._open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found[self._open[-1]][2].append(data)

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attrs, "".join(text).strip()) for name, attrs, text in self.found if name == tag]

    def texts(self, tag: str) -> list[str]:
        return [text for _, text in self.all(tag)]


@pytest.fixture(scope="module")
def page() -> Parsed:
    return Parsed(html(make_full_page()))


def test_the_templates_are_found_where_the_package_is_installed() -> None:
    folder = files("pytest_opml.reports.page") / "templates"
    assert {each.name for each in folder.iterdir()} == {"run.html.jinja", "run.md.jinja"}


def test_the_sections_come_in_the_order_in_which_they_are_read(page: Parsed) -> None:
    group = "digits/efficientnet_lite0, 599 test examples, time: inference over 10,000 examples"
    assert page.texts("h1") == ["4 of 38 budgets failed"]
    assert page.texts("h2") == [
        *("What did not pass, and what would mend it", group, "Best case", "Budgets", "Against the baseline release"),
        "The run",
    ]
    assert page.texts("caption") == [
        f"Ranking by OpScore: {group}",
        *("Budgets that did not pass", "Budgets that passed", "Against the baseline release"),
    ]
    assert page.texts("summary") == ["How to repeat the cases", "Budgets that passed (26)"]


def test_the_verdict_says_what_failed_what_changed_and_which_case_is_the_best(page: Parsed) -> None:
    lines = page.texts("li")[:3]
    assert lines[0].startswith("Failed: top1/baseline: size_mb 14.2 MB > 5 MB")
    assert lines[1].startswith("7 of 7 cases changed beyond chance against release")
    assert lines[2] == "No case passes all budgets"
    assert "size_mb must shrink by at least 9.2 MB (65 %)." in page.texts("li")


def test_the_head_says_what_a_browser_and_a_reader_need(page: Parsed) -> None:
    assert page.all("html")[0][0]["lang"] == "en"
    metas = {attrs.get("name"): attrs.get("content") for attrs, _ in page.all("meta")}
    assert metas["viewport"] == "width=device-width, initial-scale=1"
    assert page.texts("title")[0] == "4 of 38 budgets failed: run 20260102-030 of 2026-01-02 03:04 UTC"


def test_tables_have_headers_with_a_scope_and_a_box_of_their_own(page: Parsed) -> None:
    assert {attrs["scope"] for attrs, _ in page.all("th")} == {"col", "row"}
    rows = [text for attrs, text in page.all("th") if attrs["scope"] == "row"]
    assert rows[:3] == ["best values", "top10/int8", "top1/int8"]
    boxes = [attrs for attrs, _ in page.all("div") if attrs.get("class") == "scroll"]
    assert len(boxes) == len(page.all("table")) == 4
    assert all(attrs["role"] == "region" and attrs["aria-label"] and attrs["tabindex"] == "0" for attrs in boxes)


def data_of(page: Parsed) -> dict[str, Any]:
    """What the scripts of a page read."""
    found = [text for attrs, text in page.all("script") if attrs.get("type") == "application/json"]
    data: dict[str, Any] = json.loads(found[0])
    return data


def test_each_place_has_an_id_of_its_own_and_each_chart_is_told_in_words(page: Parsed) -> None:
    ids = [attrs["id"] for _, attrs, _ in page.found if "id" in attrs]
    data = data_of(page)
    assert len(ids) == len(set(ids))
    assert {*data["tables"], *data["charts"]} <= set(ids)
    charts = [attrs["id"] for attrs, _ in page.all("div") if attrs.get("class") == "chart"]
    assert charts == list(data["charts"])
    captions = page.texts("figcaption")
    assert [chart["summary"] in caption for chart, caption in zip(data["charts"].values(), captions, strict=True)]


def test_the_data_of_the_scripts_are_those_of_the_page(page: Parsed) -> None:
    data, content = data_of(page), make_full_page()
    ranking, full = data["tables"]["set1-ranking"], content.test_sets[0].full_table
    assert full
    columns = [
        column if isinstance(column, list) else [column["of"][n] for n in column["at"]] for column in ranking["columns"]
    ]
    assert tuple(zip(*columns, strict=True)) == full.rows
    stored = data["charts"]["set1-bubbles"]["datasets"]["cases"]
    names = stored["columns"]["name"]
    numbers = dict(zip(stored["columns"]["case"], names, strict=True))
    by_row = dict(zip(ranking["cases"], columns[full.headers.index("case")], strict=True))
    assert len(names) == 8
    assert all(by_row[number].startswith(name) for number, name in numbers.items())


@given(
    st.lists(
        st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.0, 1.0, 2.5]), st.text(max_size=1))
    )
)
def test_a_column_is_stored_without_loss(values: list[Value]) -> None:
    stored = json.loads(json.dumps(_column(values)))
    read = stored if isinstance(stored, list) else [stored["of"][place] for place in stored["at"]]
    assert [(type(value), value) for value in read] == [(type(value), value) for value in values]


def test_the_file_needs_nothing_from_elsewhere_and_runs_its_own_scripts_alone(page: Parsed) -> None:
    policy = next(attrs["content"] for attrs, _ in page.all("meta") if "http-equiv" in attrs) or ""
    scripts = [text for attrs, text in page.all("script") if "type" not in attrs]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"].count("'sha256-") == len(scripts) == 6
    assert set(rules) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert rules["img-src"] == "data: blob:"
    assert not {name for name, _, _ in page.found} & {"link", "img", "iframe", "object", "embed", "base"}
    assert not [name for _, attrs, _ in page.found for name in attrs if name in ("src", "srcset") or name[:2] == "on"]
    assert not re.search(r"url\(|@import|@font-face", page.texts("style")[0])


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[number : number + 2], 16) / 255 for number in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_from_the_ground(page: Parsed, mode: int) -> None:
    found = re.findall(r':root(?:\[data-theme="dark"\])? \{(.*?)\}', page.texts("style")[0], re.DOTALL)[mode]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", found))
    for ground in ("ground", "panel"):
        for text in ("text", "quiet", "pass", "caution", "fail", "link"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast(colours["text"], colours["chosen"]) >= 4.5


def test_the_best_case_within_the_budgets_stands_out() -> None:
    found = Parsed(html(make_page()))
    assert [attrs.get("class") for attrs, _ in found.all("tr")][1:4] == ["bound", "best", None]
    assert any(text.endswith("Bold: the best within the budgets.") for text in found.texts("p"))


def test_a_long_table_has_its_first_rows_without_scripts_and_all_with_them() -> None:
    results = [
        make_result(case=make_case(f"cluster-{16 + number}"), accuracy=0.5 + number / 1000) for number in range(60)
    ]
    found = Parsed(html(page_of(make_run(results), gate_of({}))))
    assert len(found.all("tr")) == 1 + 25
    assert "and 37 more rows, which need JavaScript" in found.texts("p")
    assert len(data_of(found)["tables"]["set1-ranking"]["cases"]) == 62


def test_a_run_without_results_is_a_page_too() -> None:
    found = Parsed(html(page_of(make_run(), gate_of({}))))
    assert (found.texts("h1"), found.all("table")) == (["Nothing was measured"], [])
    assert data_of(found)["charts"] == {}


def test_a_run_without_budgets_and_baselines_has_no_such_sections() -> None:
    found = Parsed(html(make_page({})))
    assert found.texts("h2")[1:] == ["Best case", "The run"]
    assert found.all("section")[0][0]["class"] == "verdict none"


@pytest.mark.parametrize("text", HOSTILE)
def test_the_structure_is_the_same_whatever_the_record_says(text: str) -> None:
    written, plain = (Parsed(html(page_of(make_hostile(each), gate_of({})))) for each in (text, "plain"))
    shapes = [[(name, sorted(attrs)) for name, attrs, _ in found.found] for found in (written, plain)]
    assert shapes[0] == shapes[1]
    line = clipped(text)
    assert f"error: {line}" in " ".join(written.texts("li"))
    assert any(line in each for each in written.texts("td"))
    assert all((attrs["href"] or "").startswith("#") for attrs, _ in written.all("a"))


def test_what_the_histories_of_a_case_have_in_common_is_stored_once() -> None:
    record = make_eight()
    with MemoryHistory() as history:
        for number in (1, 2):
            earlier = {"run_id": f"earlier-{number}", "started": record.started - timedelta(days=number)}
            history.append(record.model_copy(update=earlier))
        histories = case_histories(history, record)
    text = html(page_of(record, gate_of({}), histories=histories))
    choices = json.loads(Parsed(text).all("script")[0][1])["choices"]["histories"]
    charts = [(choice["keys"], choice["chart"]) for choice in choices["charts"]]

    def column(chart: dict[str, Any], name: str) -> Any:
        return choices["shared"][chart["datasets"]["points"]["columns"][name]["shared"]]

    assert text.count('"earlier-1"') == 1
    assert len({chart["spec"]["shared"] for _, chart in charts}) == len({metric for (_, metric), _ in charts}) == 6
    sizes = {case: column(chart, "value") for (case, metric), chart in charts if metric == "size_mb"}
    assert sizes["top1/int8"] == {"of": [3.98], "at": [0, 0]}
