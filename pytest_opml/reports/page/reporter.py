"""The formats that a page is written in, and the file that it is written to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, get_args

from ...storage.whole_files import written_whole
from .model import Page

Format = Literal["markdown", "html", "json"]

FORMATS: tuple[Format, ...] = get_args(Format)
_ENDINGS: dict[str, Format] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".json": "json",
}


class Reporter(Protocol):
    """Writes pages in one format."""

    def render(self, page: Page) -> str:
        """Return the page as the text of a file."""


def format_of(path: Path | None) -> Format:
    """Return the format that the ending of a file stands for; Markdown where it stands for none."""
    return _ENDINGS.get(path.suffix.lower(), "markdown") if path else "markdown"


def make_reporter(name: Format) -> Reporter:
    """Return the reporter of a format."""
    if name == "html":
        from .html import HtmlReporter

        return HtmlReporter()
    if name == "json":
        from .json import JsonReporter

        return JsonReporter()
    from .markdown import MarkdownReporter

    return MarkdownReporter()


def write_page(page: Page, reporter: Reporter, path: Path | None, show: Callable[[str], None]) -> None:
    """Write a page to a file, whole or not at all, or show it.

    Args:
        page: to write.
        reporter: of the format.
        path: of the file, which is replaced where it exists; None for none.
        show: is called with the text where there is no file.

    Raises:
        StorageError: the file cannot be written.
    """
    text = reporter.render(page)
    if path is None:
        show(text)
        return
    with written_whole(path) as file:
        file.write(text.encode())
