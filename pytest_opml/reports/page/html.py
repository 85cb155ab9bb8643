"""A page as one HTML file that needs nothing else: no network, no script, no font."""

from __future__ import annotations

from ..charts.bubbles import bubble_chart
from ..charts.score_axes import score_axes_chart
from ..formatting import signed
from .environment import make_environment
from .model import Page

_WIDTHS = {"wide": 760.0, "narrow": 340.0}  # of the pictures, on wide and on narrow screens


class HtmlReporter:
    """Writes a page as HTML."""

    def render(self, page: Page) -> str:
        """Return the page as HTML, with its style and its pictures in it."""
        environment = make_environment()
        environment.filters |= {"n": "{:.1f}".format, "signed": lambda value: signed(value, 3)}
        environment.globals |= {
            "bubble_chart": bubble_chart,
            "score_axes_chart": score_axes_chart,
            "widths": _WIDTHS,
        }
        return environment.get_template("run.html.jinja").render(page=page)
