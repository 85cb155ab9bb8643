"""What tests ask of a chart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import vl_convert

from pytest_opml.reports.charts.chart import Chart
from pytest_opml.reports.figures.pictures import fixed_width


def fields_of(spec: Any) -> Iterator[str]:
    """The names of fields that a specification reads."""
    if isinstance(spec, dict):
        if isinstance(spec.get("field"), str):
            yield spec["field"]
        for value in spec.values():
            yield from fields_of(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from fields_of(value)


def expressions_of(spec: Any) -> Iterator[str]:
    """What Vega works out: signals, tests and filters, of a compiled or an uncompiled specification."""
    if isinstance(spec, dict):
        for name, value in spec.items():
            if name in ("signal", "expr", "test", "filter", "update", "init") and isinstance(value, str):
                yield value
            else:
                yield from expressions_of(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from expressions_of(value)


def check_chart(chart: Chart, capfd: Any) -> dict[str, Any]:
    """Check that a chart is plain JSON, reads only fields that its rows have, and compiles without a warning.

    Returns what it compiles to.
    """
    assert chart.title
    assert chart.summary.endswith(".")
    spec = fixed_width(chart)
    assert json.loads(json.dumps(spec, allow_nan=False)) == spec
    columns = {name for rows in chart.datasets.values() for row in rows for name in row}
    assert set(fields_of(chart.spec)) <= columns
    capfd.readouterr()
    compiled: dict[str, Any] = vl_convert.vegalite_to_vega(spec, show_warnings=True)
    assert capfd.readouterr().err == ""
    return compiled
