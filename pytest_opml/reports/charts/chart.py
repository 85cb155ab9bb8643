"""A chart: a Vega-Lite specification and the rows that it draws, whatever shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Value = str | int | float | bool | None
Rows = Sequence[Mapping[str, Value]]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What a page draws in the reader's browser, and a picture without one.

    Attributes:
        name: of its file and of its place in a page: ``bubbles``.
        title: a few words.
        summary: what it shows, in a sentence or two, for who cannot see it.
        spec: of Vega-Lite; it names its data (``{"data": {"name": "cases"}}``) and holds neither rows nor a theme.
        datasets: the rows by the name of the data. A row of a case has its id as ``case``.
    """

    name: str
    title: str
    summary: str
    spec: Mapping[str, Any]
    datasets: Mapping[str, Rows]

    def whole(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the specification with its rows and a theme, which needs nothing else to be drawn."""
        return {"$schema": SCHEMA, **self.spec, "datasets": dict(self.datasets), "config": dict(config)}
