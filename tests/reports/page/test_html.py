from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from pytest_opml.printable import clipped
from pytest_opml.reports.page.build import page_of
from pytest_opml.reports.page.html import HtmlReporter
from pytest_opml.reports.page.model import Page
from tests.support.builders import make_run
from tests.support.pages import HOSTILE, gate_of, make_full_page, make_hostile, make_page


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
    assert {each.name for each in folder.iterdir()} == {
        *("run.html.jinja", "run.md.jinja", "charts.html.jinja", "style.css"),
    }
    assert "prefers-color-scheme: dark" in (folder / "style.css").read_text("utf-8")


def test_the_sections_come_in_the_order_in_which_they_are_read(page: Parsed) -> None:
    assert page.texts("h1") == ["4 of 38 budgets failed"]
    assert page.texts("h2") == [
        "digits/efficientnet_lite0, 599 test examples, time: inference over 10,000 examples",
        "Best case",
        "Budgets",
        "Against the baseline release",
    ]
    assert page.texts("caption") == [
        *("Ranking by OpScore", "Budgets that did not pass", "Budgets that passed", "Against the baseline release"),
    ]
    assert page.texts("summary") == ["Which axis paid, and how to repeat the cases", "Budgets that passed (26)"]


def test_the_head_says_what_a_browser_and_a_reader_need(page: Parsed) -> None:
    assert page.all("html")[0][0]["lang"] == "en"
    metas = {attrs.get("name"): attrs.get("content") for attrs, _ in page.all("meta")}
    assert metas["viewport"] == "width=device-width, initial-scale=1"
    assert page.texts("title")[0] == "4 of 38 budgets failed: run 20260102-030 of 2026-01-02 03:04 UTC"


def test_tables_have_headers_with_a_scope_and_a_box_of_their_own(page: Parsed) -> None:
    assert {attrs["scope"] for attrs, _ in page.all("th")} == {"col", "row"}
    rows = [text for attrs, text in page.all("th") if attrs["scope"] == "row"]
    assert rows[:3] == ["MIN", "top10/int8", "top1/int8"]
    boxes = [attrs for attrs, _ in page.all("div") if attrs.get("class") == "scroll"]
    assert len(boxes) == len(page.all("table")) == 4
    assert all(attrs["role"] == "region" and attrs["aria-label"] and attrs["tabindex"] == "0" for attrs in boxes)


def test_each_picture_is_told_in_words(page: Parsed) -> None:
    ids = [attrs["id"] for _, attrs, _ in page.found if "id" in attrs]
    assert len(ids) == len(set(ids)) == 8
    pictures = [attrs for attrs, _ in page.all("svg")]
    assert [attrs["class"] for attrs in pictures] == ["wide", "narrow"] * 2
    for attrs in pictures:
        assert attrs["role"] == "img"
        assert set((attrs["aria-labelledby"] or "").split()) <= set(ids)
    words = page.texts("desc")
    assert "top10/int8: accuracy 0.9533, 0.914 s, 3.98 MB, on the Pareto front." in words[0]
    assert "top10/int8: -1.033, error +0.085, time -0.565, size -0.552." in words[2]


def test_the_pictures_have_a_circle_for_each_case_and_a_bar_for_each_axis(page: Parsed) -> None:
    dots = [attrs["class"] for attrs, _ in page.all("circle")]
    assert [dots.count(kind) for kind in ("dot front", "dot", "total")] == [2 * 5, 2 * 3, 2 * 6]
    parts = [attrs["class"] for attrs, _ in page.all("rect")]
    assert [parts.count(f"part {axis}") for axis in ("error", "time", "size")] == [12, 12, 12]


def test_the_file_needs_nothing_from_elsewhere_and_runs_nothing(page: Parsed) -> None:
    policy = next(attrs["content"] for attrs, _ in page.all("meta") if "http-equiv" in attrs)
    assert (policy or "").startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert not {name for name, _, _ in page.found} & {"script", "link", "img", "iframe", "object", "embed", "base"}
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
    found = re.findall(r":root \{(.*?)\}", page.texts("style")[0], re.DOTALL)[mode]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", found))
    for ground in ("ground", "panel"):
        for text in ("text", "quiet", "pass", "caution", "fail", "link"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for part in ("error", "time", "size", "dot"):
        assert contrast(colours[part], colours["ground"]) >= 3, part


def test_the_best_case_within_the_budgets_stands_out() -> None:
    found = Parsed(html(make_page()))
    assert [attrs.get("class") for attrs, _ in found.all("tr")][1:4] == ["bound", "best", None]
    assert found.texts("caption")[0] == "Ranking by OpScore; bold: the best within the budgets"


def test_a_run_without_results_is_a_page_too() -> None:
    found = Parsed(html(page_of(make_run(), gate_of({}))))
    assert (found.texts("h1"), found.all("svg"), found.all("table")) == (["Nothing was measured"], [], [])


def test_a_run_without_budgets_and_baselines_has_no_such_sections() -> None:
    found = Parsed(html(make_page({})))
    assert found.texts("h2")[1:] == ["Best case"]
    assert found.all("header")[0][0]["class"] == "verdict none"


@pytest.mark.parametrize("text", HOSTILE)
def test_the_structure_is_the_same_whatever_the_record_says(text: str) -> None:
    written, plain = (Parsed(html(page_of(make_hostile(each), gate_of({})))) for each in (text, "plain"))
    shapes = [
        [(name, sorted(attrs)) for name, attrs, _ in found.found if name not in ("line", "text")]
        for found in (written, plain)
    ]
    assert shapes[0] == shapes[1]
    line = clipped(text)
    assert f"error: {line}" in " ".join(written.texts("li"))
    assert any(line in each for each in written.texts("td"))
    assert not written.all("a")
