"""A page as one HTML file that needs nothing else: no network, no script, no font."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..charts.layout import bar_chart, bubble_chart
from .model import Page

_WIDE, _NARROW = 760.0, 340.0


def html(page: Page) -> str:
    """The page as HTML."""
    environment = Environment(
        loader=PackageLoader("pytest_opml.reports.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"n": "{:.1f}".format, "signed": lambda value: f"{round(value, 3) + 0.0:+.3f}"}
    environment.globals |= {
        "bubble_chart": bubble_chart,
        "bar_chart": bar_chart,
        "widths": {"wide": _WIDE, "narrow": _NARROW},
    }
    return environment.get_template("run.html.jinja").render(page=page)
