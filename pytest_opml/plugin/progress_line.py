"""The line of progress behind what pytest is writing."""

from __future__ import annotations

import sys
from contextlib import nullcontext

import pytest

from ..reports.terminal.progress_line import ProgressLine


def make_progress_line(config: pytest.Config, tests: int) -> ProgressLine:
    """The line of this run: none where the output is quiet, no terminal, or another process's.

    That a run waits for the device is told in any case: by a worker of pytest-xdist through its error output.
    """
    reporter = config.pluginmanager.getplugin("terminalreporter")
    capture = config.pluginmanager.getplugin("capturemanager")
    uncaptured = capture.global_and_fixture_disabled if capture else nullcontext
    if reporter is None or hasattr(config, "workerinput"):
        return ProgressLine(None, lambda: 0, tests, uncaptured, sys.__stderr__)
    writer = reporter._tw
    if config.get_verbosity() < 0 or not writer._file.isatty():
        return ProgressLine(None, lambda: 0, tests, uncaptured, writer._file)
    return ProgressLine(
        writer._file, lambda: writer.fullwidth - writer.width_of_current_line, tests, uncaptured, writer._file
    )
