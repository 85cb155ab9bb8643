"""The files of a site that are the same for every history: its pages, their style and their scripts."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timezone
from hashlib import blake2b
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...analysis.trend import Point
from ...history.base import CALL_S
from ...metrics import METRICS, Metric
from ..charts.theme import theme
from ..charts.trend import trend_chart
from ..web.assets import SCRIPTS, STYLE, as_script_data, read_asset, vega_runtime
from .files import write_file
from .run_document import SITE_METRICS
from .state import SiteState

_FOLDER, _VEGA, _TRENDS, _SITE, _OWN_STYLE = "assets", "vega.js", "trends.js", "site.js", "site.css"
# By the file of the page, its name in the bar and its script.
_PAGES = {
    "index.html": ("Cases", "index.js"),
    "devices.html": ("Devices", "devices.js"),
    "compare.html": ("Compare", "compare.js"),
    "case.html": ("", "case.js"),
    "run.html": ("", "run.js"),
}
_WITH_CHARTS = "case.html"
# A page that was opened as a file is of no origin: only the scheme can allow what lies beside it. Nothing else may be
# loaded, and no text becomes code.
_POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'self' file: 'unsafe-inline'; "
    "img-src 'self' file: data: blob:; base-uri 'none'; form-action 'none'"
)


def page_files(base_url: str = "") -> dict[str, str]:
    """Return the text of each file, by its path in the site.

    Args:
        base_url: where the site will be, for the line that embeds a badge; empty: where it is read.
    """
    texts = {name: _shell(name, title, script, base_url) for name, (title, script) in _PAGES.items()}
    scripts = [*(script for _, script in _PAGES.values()), _SITE, _OWN_STYLE]
    texts |= {f"{_FOLDER}/{name}": read_asset(name) for name in (STYLE, *SCRIPTS)}
    texts |= {f"{_FOLDER}/{name}": files(__package__).joinpath("assets", name).read_text("utf-8") for name in scripts}
    texts[f"{_FOLDER}/{_VEGA}"] = vega_runtime()
    texts[f"{_FOLDER}/{_TRENDS}"] = f'"use strict";\nvar opmlTrends = {as_script_data(_trends())};\n'
    texts[".nojekyll"] = ""
    return texts


def write_pages(folder: Path, state: SiteState, base_url: str = "") -> None:
    """Write the files that differ from those of the last build, and note which they are.

    Args:
        folder: of the site.
        state: of the site, which is brought up to date.
        base_url: as ``page_files`` takes it.
    """
    texts = page_files(base_url)
    digest = blake2b(repr(sorted(texts.items())).encode("utf-8"), digest_size=16).hexdigest()
    if digest != state.pages or not all((folder / name).is_file() for name in texts):
        for name, text in texts.items():
            write_file(folder / name, text)
        state.pages = digest


def _shell(name: str, title: str, script: str, base_url: str) -> str:
    own = [_VEGA, _TRENDS] if name == _WITH_CHARTS else []
    scripts = [*own, *SCRIPTS, _SITE, script]
    links = "".join(
        f'<a href="{page}"{" aria-current=page" if page == name else ""}>{text}</a>\n'
        for page, (text, _) in _PAGES.items()
        if text
    )
    tags = "".join(f'<script src="{_FOLDER}/{one}"></script>\n' for one in scripts)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="opml-base-url" content="{escape(base_url)}">
<title>{title or "OpML results"}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{_FOLDER}/{STYLE}">
<link rel="stylesheet" href="{_FOLDER}/{_OWN_STYLE}">
{tags}</head>
<body>
<header class="bar">
<a class="skip" href="#content" data-skip>Skip to the content</a>
<nav aria-label="Pages of the site">
<a class="home" href="index.html" id="site-title">OpML results</a>
{links}</nav>
<div id="theme-place"></div>
</header>
<main id="content" tabindex="-1" aria-busy="true">
<noscript><p>This page needs JavaScript. It fetches nothing from anywhere.</p></noscript>
<div id="filled"><p class="quiet">Loading the data of the site.</p></div>
</main>
</body>
</html>
"""


def _trends() -> dict[str, Any]:
    """Return the chart of each metric without its rows, over time and over the numbers of runs, and the themes."""
    call = Metric(CALL_S, lambda _: None, "s", machine_dependent=True)
    specs = {
        name: {
            "time": _trend_spec(METRICS.get(name, call), is_in_time=True),
            "number": _trend_spec(METRICS.get(name, call), is_in_time=False),
        }
        for name in SITE_METRICS
    }
    return {"specs": specs, "themes": {name: theme(name) for name in ("light", "dark")}}


def _trend_spec(metric: Metric, *, is_in_time: bool) -> dict[str, Any]:
    days = (1, 2) if is_in_time else (2, 1)
    points = [
        Point(str(day), datetime(2026, 1, day, tzinfo=timezone.utc), None, None, f"machine {day}", 1.0) for day in days
    ]
    chart = trend_chart("", metric, points)
    assert chart is not None
    spec = deepcopy(dict(chart.spec))
    # A release is marked as a step is, in the colour of a limit.
    marked = [deepcopy(layer) for layer in spec["layer"] if layer["data"]["name"] == "steps"]
    for layer in marked:
        layer["data"] = {"name": "releases"}
        if layer["mark"]["type"] == "rule":
            layer["mark"]["style"] = "limit"
    spec["layer"] += marked
    return spec
