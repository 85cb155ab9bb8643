from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_opml.errors import StorageError
from pytest_opml.reports.page.model import Page
from pytest_opml.reports.page.reporter import FORMATS, format_of, make_reporter, write_page
from tests.support.pages import make_page


class Failing:
    """A reporter that fails."""

    def render(self, page: Page) -> str:
        raise ValueError(page.title)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.md", "markdown"), ("a.HTM", "html"), ("a.html", "html"), ("a.json", "json"), ("a.txt", "markdown")],
)
def test_the_ending_of_a_file_says_its_format(name: str, expected: str) -> None:
    assert format_of(Path(name)) == expected
    assert format_of(None) == "markdown"


def test_each_format_has_a_reporter() -> None:
    starts = {name: make_reporter(name).render(make_page())[:3] for name in FORMATS}
    assert starts == {"markdown": "## ", "html": "<!D", "json": "{\n "}


def test_a_page_is_shown_or_written(tmp_path: Path) -> None:
    texts: list[str] = []
    page, reporter = make_page(), make_reporter("json")
    write_page(page, reporter, None, texts.append)
    write_page(page, reporter, tmp_path / "page.json", texts.append)
    (text,) = texts
    assert (tmp_path / "page.json").read_text("utf-8") == text
    assert json.loads(text)["headline"] == page.headline


def test_a_page_that_cannot_be_rendered_or_written_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(ValueError, match="run "):
        write_page(make_page(), Failing(), path, print)
    with pytest.raises(StorageError, match="is a folder"):
        write_page(make_page(), make_reporter("html"), tmp_path, print)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]
