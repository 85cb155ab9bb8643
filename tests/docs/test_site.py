"""The documentation as a site: it is built without a warning, is read from the disk, and fetches nothing."""

from __future__ import annotations

import logging
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT = Path(__file__).parents[2]
# Attributes by which a page fetches something; a link that is only followed when it is clicked is none of these.
_FETCHES = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}


class _Page(HTMLParser):
    """What a page fetches, and the texts of its paragraphs."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.paragraphs: list[str] = []
        self._inside: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if (name := _FETCHES.get(tag)) and values.get("rel") != "canonical":
            self.fetched.append(values.get(name) or "")
        self._inside.append(tag)
        if tag == "p":
            self.paragraphs.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "p" in self._inside and "code" not in self._inside:
            self.paragraphs[-1] += data


class Built(NamedTuple):
    """The site, and what MkDocs warned of."""

    folder: Path
    warnings: list[str]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("site")
    lines: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("mkdocs").addHandler(handler)
    try:
        config: Any = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder))
        build(config)
    finally:
        logging.getLogger("mkdocs").removeHandler(handler)
    return Built(folder, lines)


@pytest.fixture(scope="module")
def site(built: Built) -> Path:
    return built.folder


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


@pytest.mark.docs
def test_it_is_built_without_a_warning(built: Built) -> None:
    assert built.warnings == []


@pytest.mark.docs
def test_every_page_is_there(site: Path) -> None:
    written = {path.relative_to(site).with_suffix("").as_posix() for path in pages(site)}
    asked = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert asked <= written
    assert {"project/contributing", "project/benchmarks", "project/changelog"} <= written
    assert not list(site.rglob("*.py"))


@pytest.mark.docs
def test_no_page_fetches_anything_from_another_host(site: Path) -> None:
    fetched = {target for page in pages(site) for target in _Page(page).fetched}
    assert fetched
    assert [target for target in fetched if re.match(r"(https?:)?//", target)] == []


@pytest.mark.docs
def test_lists_and_tables_are_read_as_such(site: Path) -> None:
    """A code host and the site read Markdown in two ways: a list behind a line of text is none here."""
    torn = re.compile(r"^([-*] |\d+\. |\|)", re.MULTILINE)
    found = [
        f"{page.relative_to(site)}: {text[:80]}"
        for page in pages(site)
        for text in _Page(page).paragraphs
        if torn.search(text.partition("\n")[2])
    ]
    assert found == []
