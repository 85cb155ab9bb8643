"""The index of a site: what every page loads first, written anew by each build."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from ...history.base import Release
from ...printable import clipped
from .run_document import CODES, metric_rows
from .state import SiteState

NAME = "index"


def order_of(numbers: Sequence[int]) -> list[list[int]]:
    """Return the runs from the oldest to the newest as ranges: the first and the last number of each."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges


def index_document(
    state: SiteState, releases: Sequence[Release], main: int | None, title: str, badges: Sequence[str]
) -> dict[str, Any]:
    """Return the index as plain data.

    Args:
        state: what the site is built from, with all of its runs in order.
        releases: the one that was promoted last first.
        main: number of the main branch; None where there is none.
        title: of the site.
        badges: the name of each series' file.
    """
    document = {
        "title": clipped(title, 200),
        "data": generation_folder(state),
        "main": main,
        "codes": CODES,
        "metrics": metric_rows(),
        "machines": [clipped(machine, 300) for machine in state.machines],
        "branches": [clipped(branch, 200) for branch in state.branches],
        "cases": state.cases,
        "series": [
            [series.case, series.profile, series.segments, badge, *series.entry] if series.entry else None
            for series, badge in zip(state.series, badges, strict=True)
        ],
        "order": order_of([number for number, _ in state.runs.values()]),
        "lists": state.first_runs,
        "releases": [
            [state.runs[release.run_id][0], int(release.promoted.timestamp()), clipped(release.label, 200)]
            for release in releases
            if release.run_id in state.runs
        ],
    }
    return document | {"version": _version_of(document)}


def _version_of(document: dict[str, Any]) -> str:
    """Return what pages add to the addresses of files that change: one in a cache may be older than this index."""
    return blake2b(json.dumps(document).encode(), digest_size=6).hexdigest()


def generation_folder(state: SiteState) -> str:
    """Return the name of the folder with the data of all runs, below ``data/``."""
    return f"g{state.generation}"
