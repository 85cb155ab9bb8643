"""The themes of the charts: fonts, sizes, grid and colours, for a light page, a dark page and a print.

Colours alone never carry a meaning: a shape, a dash, a place or a text says the same, and the colours that stand for
axes or for parts of a training differ in their lightness too. The colours of techniques are those that P. Tol and
M. Okabe and K. Ito chose for eyes that see few colours; each has a contrast of 3 to 1 with its background.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

ThemeName = Literal["light", "dark", "print"]

# vl-convert brings it along, so that a picture has the same letters on every machine.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")


class Palette(NamedTuple):
    """The colours of a theme.

    Attributes:
        background: of the picture; None lets the page shine through.
        ink: of texts and of rules that matter.
        faint: of the grid.
        soft: of lines that only help.
        categories: of techniques, cases or machines.
        axes: of the error, the time and the size, from dark to light or the other way round.
        edge: around the bars of the axes.
        ramp: of a heat map, from nothing to all.
    """

    background: str | None
    ink: str
    faint: str
    soft: str
    categories: tuple[str, ...]
    axes: tuple[str, str, str]
    edge: str
    ramp: tuple[str, ...]


_ON_WHITE = (
    *("#332288", "#D55E00", "#0072B2", "#7A7A1F", "#882255", "#008F68"),
    *("#C2569A", "#4D4D4D", "#661100", "#4F86C6", "#A6761D", "#CC3355"),
)
_ON_BLACK = (
    *("#88CCEE", "#E69F00", "#44BB99", "#EE8866", "#DDCC77", "#CC99BB"),
    *("#E56BB0", "#DDDDDD", "#C49A6C", "#6FA8FF", "#B5D66B", "#B28DFF"),
)
_DARK_FIRST = ("#332288", "#44AA99", "#F0DE8C")

PALETTES: dict[ThemeName, Palette] = {
    "light": Palette(
        background=None,
        ink="#1f2328",
        faint="#e3e6ea",
        soft="#6e7781",
        categories=_ON_WHITE,
        axes=_DARK_FIRST,
        edge="#1f2328",
        ramp=("#ffffff", "#08306b"),
    ),
    "dark": Palette(
        background=None,
        ink="#e6edf3",
        faint="#30363d",
        soft="#9198a1",
        categories=_ON_BLACK,
        axes=("#F0DE8C", "#44AA99", "#4B3FA8"),
        edge="#e6edf3",
        ramp=("#161b22", "#9ecbff"),
    ),
    "print": Palette(
        background="#ffffff",
        ink="#000000",
        faint="#dddddd",
        soft="#555555",
        categories=_ON_WHITE,
        axes=_DARK_FIRST,
        edge="#000000",
        ramp=("#ffffff", "#08306b"),
    ),
}


def theme(name: ThemeName) -> dict[str, Any]:
    """Return the configuration of Vega-Lite for a theme, which ``Chart.whole`` takes.

    Args:
        name: ``light`` and ``dark`` for pages, which show their own background; ``print`` for pictures, on white.
    """
    palette = PALETTES[name]
    return {
        "background": palette.background,
        "font": FONT,
        "padding": 6,
        "view": {"stroke": palette.faint},
        # The summary and the tables say it in words. A description of each mark would be an expression with the titles
        # of the axes in it, which may have the name of a user's own quality.
        "mark": {"aria": False},
        "axis": _axis(palette),
        "legend": {
            "labelColor": palette.ink,
            "titleColor": palette.ink,
            "labelFontSize": 11,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "labelLimit": 220,
            "titleLimit": 300,
            "symbolFillColor": palette.soft,
            "symbolStrokeColor": palette.soft,
        },
        "title": {
            "anchor": "start",
            "color": palette.ink,
            "subtitleColor": palette.ink,
            "fontSize": 13,
            "fontWeight": "normal",
            "limit": 600,
        },
        "header": {"labelColor": palette.ink, "titleColor": palette.ink, "labelFontSize": 11, "titleFontSize": 12},
        "range": {
            "category": list(palette.categories),
            "ordinal": list(palette.axes),
            "heatmap": list(palette.ramp),
            "ramp": list(palette.ramp),
            "symbol": list(SHAPES),
        },
        "style": _styles(palette),
    }


def _axis(palette: Palette) -> dict[str, Any]:
    return {
        "domainColor": palette.soft,
        "tickColor": palette.soft,
        "gridColor": palette.faint,
        "labelColor": palette.ink,
        "titleColor": palette.ink,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 260,
        "titleLimit": 600,
    }


def _styles(palette: Palette) -> dict[str, Any]:
    """Return what marks of a name have in common: a chart says the name, a theme what it is drawn like."""
    return {
        "text": {"color": palette.ink, "font": FONT},
        "note": {"color": palette.soft, "font": FONT, "fontSize": 10},
        "label": {"color": palette.ink, "font": FONT, "fontSize": 11},
        "on-strong": {"color": palette.ramp[0], "font": FONT, "fontSize": 11},
        "equal-score": {"color": palette.soft, "strokeWidth": 1, "strokeDash": [2, 3]},
        "front": {"color": palette.ink, "strokeWidth": 1.2},
        "interval": {"color": palette.ink, "strokeWidth": 1.5},
        "zero": {"color": palette.ink, "strokeWidth": 1.2},
        "axis-bar": {"stroke": palette.edge, "strokeWidth": 0.8},
        "total": {"color": palette.ink, "stroke": palette.background or palette.faint, "strokeWidth": 0.5},
        "step": {"color": palette.ink, "strokeWidth": 1, "strokeDash": [1, 3]},
        "level": {"color": palette.ink, "strokeWidth": 2},
        "limit": {"color": palette.categories[1], "strokeWidth": 1.5, "strokeDash": [8, 4]},
    }
