"""A page as one HTML file that needs nothing else: its style, its scripts and all that they show are in it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ..charts.chart import Chart, Rows, Value
from ..charts.theme import theme
from ..web.assets import SCRIPTS, STYLE, as_script_data, read_asset, vega_runtime
from .environment import make_environment
from .model import CaseHistory, Page, Table, TestSet

_REPORT_SCRIPT = "report.js"
# What a table has without scripts, as in the preview of a CI service; the scripts show all of it.
_ROWS_WITHOUT_SCRIPTS = 25
_OPEN_REMEDIES, _MOST_REMEDIES = 5, 100
_REPEATS = 2  # a text that comes so often on average is stored once


class HtmlReporter:
    """Writes a page as HTML."""

    def render(self, page: Page) -> str:
        """Return the page as HTML, with its style, its scripts and its data in it."""
        content = _Content(page)
        environment = make_environment()
        environment.globals |= {
            "most": _ROWS_WITHOUT_SCRIPTS,
            "open_remedies": _OPEN_REMEDIES,
            "most_remedies": _MOST_REMEDIES,
        }
        scripts = [vega_runtime(), *map(read_asset, SCRIPTS), read_asset(_REPORT_SCRIPT)]
        return environment.get_template("run.html.jinja").render(
            page=page,
            style=Markup(read_asset(STYLE)),  # noqa: S704 - it is ours
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - they are ours and vl-convert's
            data=Markup(as_script_data(content.data())),  # noqa: S704 - nothing in it ends the element
            policy=_policy(scripts),
        )


def _policy(scripts: Sequence[str]) -> str:
    """Return what the page may do: run these scripts and no others, and fetch nothing."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )


class _Content:
    """The tables and charts of a page, with the id of the place of each, in the order of the page."""

    def __init__(self, page: Page) -> None:
        self.tables: dict[str, dict[str, Any]] = {}
        self.charts: dict[str, dict[str, Any]] = {}
        self.choices: dict[str, dict[str, Any]] = {}
        for number, test_set in enumerate(page.test_sets, 1):
            self._add_test_set(test_set, number)
        for name, table in _tables_of(page):
            self.tables[name] = _stored(table)
        for chart in page.charts:
            self.charts[f"run-{chart.name}"] = _drawn(chart)
        if page.histories:
            self.choices["histories"] = _choices(page.histories)

    def _add_test_set(self, test_set: TestSet, number: int) -> None:
        table = test_set.full_table
        # a number for each case is shorter than its id, and the same in the table and the charts
        numbers = {case: row for row, case in enumerate(table.cases)} if table else {}
        if table:
            self.tables[f"set{number}-ranking"] = {**_stored(table, numbers), "set": number}
        for place, details in enumerate(test_set.details, 1):
            self.tables[f"set{number}-details{place}"] = _stored(details)
        for chart in test_set.charts:
            self.charts[f"set{number}-{chart.name}"] = {**_drawn(chart, numbers), "set": number}

    def data(self) -> dict[str, Any]:
        """Return what the scripts read."""
        return {
            "tables": self.tables,
            "charts": self.charts,
            "choices": self.choices,
            "themes": {name: theme(name) for name in ("light", "dark")},
        }


def _tables_of(page: Page) -> Iterator[tuple[str, Table]]:
    """Yield the tables of a page that belong to no test set, with the id of the place of each."""
    tables = {
        "not-passed": page.not_passed,
        "passed": page.passed,
        "baseline": page.baseline and page.baseline.table,
        "disturbances": page.disturbances,
    }
    for name, table in tables.items():
        if table:
            yield name, table


def _stored(table: Table, numbers: Mapping[str, int] | None = None) -> dict[str, Any]:
    stored = {
        "title": table.title,
        "headers": table.headers,
        "kinds": table.kinds,
        "columns": [_column([row[number] for row in table.rows]) for number in range(len(table.headers))],
        "marks": _column(table.marks),
        "set": None,
    }
    return stored if numbers is None else {**stored, "cases": [numbers[case] for case in table.cases]}


def _choices(histories: Sequence[CaseHistory]) -> dict[str, Any]:
    """Return the charts to choose from; what several have in common, as the runs of a case, is stored once."""
    shared: dict[str, int] = {}

    def place_of(value: Any) -> dict[str, int]:
        return {"shared": shared.setdefault(as_script_data(value), len(shared))}

    charts = []
    for history in histories:
        chart = _drawn(history.chart)
        # the summary is the description, and all else is that of the metric
        chart["spec"] = place_of({name: part for name, part in chart["spec"].items() if name != "description"})
        for rows in chart["datasets"].values():
            rows["columns"] = {field: place_of(column) for field, column in rows["columns"].items()}
        charts.append({"keys": [history.case, history.metric], "chart": chart})
    return {"labels": ["Case", "Metric"], "charts": charts, "shared": [json.loads(text) for text in shared]}


def _column(values: Sequence[Value]) -> Any:
    """Return a column as values, or, where they repeat, as the place of each in a list of the different ones."""
    # 1 is no True and no 1.0 here, as they are in a dict
    places = {key: place for place, key in enumerate(dict.fromkeys((type(value), value) for value in values))}
    if len(places) * _REPEATS > len(values):
        return list(values)
    return {"of": [value for _, value in places], "at": [places[type(value), value] for value in values]}


def _drawn(chart: Chart, numbers: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Return a chart as the scripts draw it; of the cases their numbers."""
    return {
        "name": chart.name,
        "title": chart.title,
        "summary": chart.summary,
        "spec": chart.spec,
        "datasets": {name: _by_column(rows, numbers or {}) for name, rows in chart.datasets.items()},
        "set": None,
    }


def _by_column(rows: Rows, numbers: Mapping[str, int]) -> dict[str, Any]:
    """Return rows without the names of their fields in each; a field that a row lacks is null."""
    fields = dict.fromkeys(field for row in rows for field in row)
    columns = {field: _column([_shortened(row.get(field)) for row in rows]) for field in fields}
    if numbers and "case" in columns:
        columns["case"] = [numbers.get(str(row.get("case")), row.get("case")) for row in rows]
    return {"rows": len(rows), "columns": columns}


def _shortened(value: Value) -> Value:
    """Return a number to seven digits, which no eye tells from all."""
    return float(f"{value:.7g}") if isinstance(value, float) else value
