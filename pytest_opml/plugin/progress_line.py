"""The line of progress behind what pytest is writing, and what the tests took, for the next run's time left."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from contextlib import nullcontext

import pytest

from ..reports.terminal.progress_line import ProgressLine
from ..reports.terminal.time_left import Durations

_CACHED = "opml/durations"  # in pytest's own cache
_MOST_CACHED = 5_000


def make_progress_line(config: pytest.Config, tests: Sequence[str]) -> ProgressLine:
    """Return the line of this run: none where the output is quiet, no terminal, or another process's.

    A log that is no terminal gets a line a minute, unless it is to be quiet. That a run waits for the device is told
    in any case: by a worker of pytest-xdist through its error output.

    Args:
        config: of pytest.
        tests: the ids of those that use our fixtures, in the order in which they run.
    """
    reporter = config.pluginmanager.getplugin("terminalreporter")
    capture = config.pluginmanager.getplugin("capturemanager")
    uncaptured = capture.global_and_fixture_disabled if capture else nullcontext
    if reporter is None or hasattr(config, "workerinput"):
        return ProgressLine(None, lambda: 0, tests, uncaptured, sys.__stderr__)
    writer, earlier = reporter._tw, _cached_durations(config)
    is_quiet, is_terminal = config.get_verbosity() < 0, writer._file.isatty()
    return ProgressLine(
        writer._file if is_terminal and not is_quiet else None,
        lambda: writer.fullwidth - writer.width_of_current_line,
        tests,
        uncaptured,
        writer._file,
        is_logged=not is_terminal and not is_quiet,
        earlier=earlier,
    )


def _cached_durations(config: pytest.Config) -> dict[str, Durations]:
    """Return what tests took in earlier runs; nothing where pytest's cache is off, or holds something else."""
    cache = getattr(config, "cache", None)
    cached = cache.get(_CACHED, {}) if cache else {}
    if not isinstance(cached, dict):
        return {}
    durations = {
        name: Durations(*map(_seconds, pair))
        for name, pair in cached.items()
        if isinstance(pair, list) and len(pair) == len(Durations._fields)
    }
    return {name: one for name, one in durations.items() if one != Durations()}


def _seconds(value: object) -> float | None:
    is_time = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(value) if is_time else None  # type: ignore[arg-type]


def cache_durations(config: pytest.Config, progress_line: ProgressLine) -> None:
    """Store what the tests of a run took in pytest's cache, where it is on; the tests that ran last count."""
    cache = getattr(config, "cache", None)
    durations = progress_line.durations()
    if cache is None or not durations or hasattr(config, "workerinput"):
        return
    earlier = {name: one for name, one in _cached_durations(config).items() if name not in durations}
    latest = list((earlier | durations).items())[-_MOST_CACHED:]
    cache.set(_CACHED, {name: [seconds and round(seconds, 3) for seconds in one] for name, one in latest})
