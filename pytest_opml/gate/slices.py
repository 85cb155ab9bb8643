"""Budgets on slices: on some of the test examples, those of a class or with a value in a column of the data.

They are written as ``[[tool.opml.gate.slice]]`` with ``by``, ``value`` (``*`` for each, the default) and the budgets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..analysis.examples import BY_CLASS, SliceName
from ..analysis.slices import slices_by
from ..errors import SettingsError
from ..metrics import Metric
from ..records.result import Result

EVERY = "*"
_FIGURES = ("accuracy", "quality")
_OF_COLUMNS = ("recall", "precision", "f1")


def parse_slice(entry: dict[str, Any], where: str) -> SliceName:
    """Take the name of a slice out of a table of budgets.

    Args:
        entry: as TOML gives it; ``by`` and ``value`` are taken out.
        where: the table's own name, for messages.

    Raises:
        SettingsError: there is no ``by``, or one of the two cannot be a name.
    """
    by, value = entry.pop("by", None), entry.pop("value", EVERY)
    if not isinstance(by, str) or not by.strip() or set(by) & set("[]="):
        raise SettingsError(f"{where}.by: must be class or the name of a column of the data, not {by!r}")
    if isinstance(value, float):
        value = f"{value:g}"
    if not isinstance(value, (str, int)) or not str(value).strip():
        raise SettingsError(f"{where}.value: must be a value of {by}, or * for each, not {value!r}")
    return SliceName(by, " ".join(str(value).split()))


def require_figure(metric: Metric, name: SliceName, where: str) -> None:
    """Refuse a budget on what is no figure of a slice.

    Raises:
        SettingsError: it is none; names the figures that are.
    """
    allowed = _FIGURES if name.by == BY_CLASS else (*_FIGURES, *_OF_COLUMNS)
    if metric.name not in allowed:
        raise SettingsError(f"{where}: {metric.name} is no figure of a slice; choose among {', '.join(allowed)}")


def slice_names(name: SliceName, result: Result, named: Sequence[SliceName]) -> Iterator[SliceName]:
    """Yield the slices of a result that a budget is on.

    Args:
        name: of the budget's slice; its value may stand for each.
        result: of the case.
        named: those that a budget of the same kind names by their value, which counts for them instead.
    """
    every = slices_by(result, name.by) if name.value == EVERY else ()
    yield from (one for one in every if one not in named) if every else (name,)


def split_option(text: str, where: str) -> tuple[str, SliceName | None]:
    """Split ``accuracy[class=cat]`` into the metric and the slice; None where it names none.

    Args:
        text: as it was written.
        where: its place, for messages.

    Raises:
        SettingsError: it has a bracket, and no slice in brackets.
    """
    metric, bracket, rest = text.partition("[")
    by, equals, value = rest.removesuffix("]").partition("=")
    if not bracket and "]" not in text:
        return text, None
    if not rest.endswith("]") or not equals:
        raise SettingsError(f"{where}: a slice is written [by=value], such as accuracy[class=cat], not in {text!r}")
    return metric, parse_slice({"by": by, "value": value}, where)


def as_written(table: Mapping[str, Any], where: str) -> list[Any]:
    """Return the array of tables under ``slice``.

    Raises:
        SettingsError: it is no array of tables.
    """
    entries = table.get("slice", [])
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise SettingsError(f"{where}.slice: must be an array of tables ([[{where}.slice]])")
    return entries
