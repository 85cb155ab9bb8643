"""What must hold of the intervals of any evidence."""

from __future__ import annotations

import itertools

from pytest_opml.stats.evidence import Evidence

ERRORS = (0.5, 0.1, 0.05, 1e-3, 1e-6, 1e-9)


def widens(figure: Evidence, least: float, most: float) -> None:
    intervals = [figure.interval(error) for error in ERRORS]
    for narrow, wide in itertools.pairwise(intervals):
        assert least <= wide.low <= narrow.low + 1e-9
        assert narrow.low - 1e-9 <= figure.value <= narrow.high + 1e-9
        assert narrow.high - 1e-9 <= wide.high <= most
