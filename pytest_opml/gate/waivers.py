"""Waivers: a known failure passes until its day, and is shown each time.

They are written as ``[[tool.opml.gate.waiver]]`` with ``match``, ``metric``, ``until`` and ``reason``, all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from ..errors import SettingsError
from ..metrics import Metric
from ..records.case_ids import matches
from ..records.run import Check
from .slices import split_option

_KEYS = ("match", "metric", "until", "reason")


class Waiver(NamedTuple):
    """What lets the failures of some cases on one metric pass for a while.

    Attributes:
        pattern: of case ids, as ``case_ids.matches`` takes it.
        metric: its name, with the slice where it is of one.
        until: the last day on which it holds, by the clock of the machine.
        reason: of the user's own.
        source: where it was written.
    """

    pattern: str
    metric: str
    until: date
    reason: str
    source: str

    def is_for(self, check: Check) -> bool:
        """Return whether the check is one that it is about, whatever its verdict and the day."""
        return check.figure_name == self.metric and matches(check.case_id, self.pattern)


def parse_waivers(tables: Any, where: str, find: Callable[[str, str], Metric]) -> tuple[Waiver, ...]:
    """Parse an array of waivers, as TOML gives it.

    Args:
        tables: the array.
        where: its name, for messages.
        find: gives the metric of a name, and refuses one that is not known.

    Raises:
        SettingsError: a key is missing, unknown or of the wrong type; the text names it.
    """
    if not isinstance(tables, list):
        raise SettingsError(f"{where}: must be an array of tables ([[{where}]])")
    return tuple(_waiver(table, f"{where}[{number}]", find) for number, table in enumerate(tables, start=1))


def _waiver(table: Any, where: str, find: Callable[[str, str], Metric]) -> Waiver:
    if not isinstance(table, Mapping):
        raise SettingsError(f"{where}: must be a table, not {table!r}")
    for key in table:
        if key not in _KEYS:
            raise SettingsError(f"{where}: unknown key {key!r}; known: {', '.join(_KEYS)}")
    for key in ("match", "metric", "reason"):
        if not isinstance(table.get(key), str) or not table[key].strip():
            raise SettingsError(f"{where}.{key}: must be a text that is not empty, not {table.get(key)!r}")
    until = table.get("until")
    if not isinstance(until, date) or isinstance(until, datetime):
        raise SettingsError(f"{where}.until: must be a day such as 2026-12-31, without quotes, not {until!r}")
    name, part = split_option(table["metric"].strip(), f"{where}.metric")
    metric = find(name, f"{where}.metric").name + (f"[{part}]" if part else "")
    return Waiver(table["match"], metric, until, " ".join(table["reason"].split()), where)


def waive(checks: Sequence[Check], waivers: Sequence[Waiver], today: date | None = None) -> tuple[Check, ...]:
    """Return the checks, of which those that failed and that a waiver is for keep no run from passing.

    Args:
        checks: with their verdicts.
        waivers: of the gate; the first that is for a check counts.
        today: None for what the clock of the machine says.
    """
    day = today or date.today()

    def waived(check: Check) -> Check:
        waiver = next((one for one in waivers if one.is_for(check) and day <= one.until), None)
        if check.waived and waiver is None:  # a stored check, whose waiver is gone
            return check.model_copy(update={"blocking": True, "waived": ""})
        if check.verdict != "fail" or waiver is None:
            return check
        return check.model_copy(update={"blocking": False, "waived": f"until {waiver.until}: {waiver.reason}"})

    return tuple(map(waived, checks))


def idle_waivers(checks: Sequence[Check], waivers: Sequence[Waiver], today: date) -> Iterator[str]:
    """Yield a sentence for each waiver that does nothing: its day is over, or nothing of it fails.

    Args:
        checks: all of a run.
        waivers: of the gate.
        today: by the clock of the machine.
    """
    for waiver in waivers:
        about = f"the waiver {waiver.source} ({waiver.metric} of {waiver.pattern})"
        of_it = [check for check in checks if waiver.is_for(check)]
        if today > waiver.until:
            yield f"{about} ended on {waiver.until}: {waiver.reason}"
        elif not any(check.verdict == "fail" for check in of_it):
            yield f"{about} does nothing: {'no check of it fails' if of_it else 'this run has no such check'}"
