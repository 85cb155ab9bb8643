"""What a site was built from: its runs, cases and names by their numbers, as ``state.json`` holds it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ...errors import StorageError
from .files import DamagedSite, write_file

# Of the data files: a site of another one is built anew.
FORMAT = 2
FILE, PROGRAM = "state.json", "pytest-opml"
# A folder with these alone is as good as empty: a checkout, and what a build leaves that is killed as it begins.
_NOT_COUNTED = {".git", f".{FILE}.tmp"}


@dataclass
class Series:
    """The results of one case on one kind of hardware.

    Attributes:
        case: number of the case.
        profile: the kind of hardware.
        segments: in how many files its rows are.
        in_order: whether its rows were added from the oldest run to the newest.
        budgets_run: number of the run that its budgets are of; None where no run has any.
        entry: what the index says of it; empty where it has no row any more.
    """

    case: int
    profile: str
    segments: int = 0
    in_order: bool = True
    budgets_run: int | None = None
    entry: list[Any] = field(default_factory=list)


@dataclass
class SiteState:
    """What a site was built from.

    Attributes:
        generation: number of the folder with the data; a site that is built anew gets the next one.
        next_run: the number that the next run gets; none is given twice.
        runs: by id, the number of the run and that of its branch; from the oldest to the newest.
        run_segments: in how many files the list of runs is.
        first_runs: the first run of each of these files.
        branches, machines, cases: names by their numbers.
        main: number of the main branch, which steps and badges are of; None where there was none.
        pages: digest of the files that are the same for every history.
    """

    generation: int
    next_run: int = 0
    runs: dict[str, list[int]] = field(default_factory=dict)
    run_segments: int = 0
    first_runs: list[int] = field(default_factory=list)
    branches: list[str] = field(default_factory=list)
    machines: list[str] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    main: int | None = None
    pages: str = ""


class Numbers:
    """Gives names their numbers: the one that they have, or the next.

    Args:
        names: by their numbers; new ones are added to it.
    """

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._numbers = {name: number for number, name in enumerate(names)}

    def of(self, name: str) -> int:
        """Return the number of a name."""
        if name not in self._numbers:
            self._numbers[name] = len(self._names)
            self._names.append(name)
        return self._numbers[name]


def read_state(folder: Path) -> SiteState | None:
    """Return what a site was built from; None where it is of another format, or was never built to its end.

    Raises:
        StorageError: the folder is not empty and holds no site.
        DamagedSite: ``state.json`` is not what was written.
    """
    path = folder / FILE
    if not path.exists():
        if any(entry.name not in _NOT_COUNTED for entry in folder.iterdir()):
            raise StorageError(
                f"{folder}: is not empty and holds no site of opml; give a new folder, or one that `opml site` made"
            )
        return None
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(f"{path}: is not what opml writes: remove the folder, or give a new one") from error
    if not isinstance(document, dict) or document.get("program") != PROGRAM:
        raise StorageError(f"{path}: is of another program; give a new folder, or one that `opml site` made")
    if document.get("format") != FORMAT or "state" not in document:
        return None
    content = document["state"]
    if document.get("digest") != _digest_of(content):
        raise DamagedSite(FILE)
    try:
        return SiteState(**content | {"series": [Series(**series) for series in content["series"]]})
    except (TypeError, KeyError) as error:
        raise DamagedSite(FILE) from error


def claim(folder: Path) -> None:
    """Mark a folder as one that holds a site, before anything else is written there."""
    if not (folder / FILE).exists():
        write_file(folder / FILE, json.dumps({"program": PROGRAM, "format": FORMAT}) + "\n")


def write_state(folder: Path, state: SiteState) -> None:
    """Write what a site was built from; with that the build is done."""
    # asdict of dataclasses copies each of a million numbers
    content = vars(state) | {"series": [vars(series) for series in state.series]}
    document = {"program": PROGRAM, "format": FORMAT, "digest": _digest_of(content), "state": content}
    write_file(folder / FILE, json.dumps(document, separators=(",", ":")) + "\n")


def _digest_of(content: object) -> str:
    return blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()


def moved_runs(before: Iterable[str], after: Sequence[str]) -> set[str]:
    """Return the runs that have another place among the others than before: the fewest that explain it.

    Args:
        before: ids of runs in their order.
        after: likewise; only what is in both counts.
    """
    from bisect import bisect_left

    places = {run_id: place for place, run_id in enumerate(before)}
    common = [run_id for run_id in after if run_id in places]
    # The longest rising row of places stays; patience sorting finds it.
    ends: list[int] = []
    lengths = []
    for run_id in common:
        length = bisect_left(ends, places[run_id])
        ends[length : length + 1] = [places[run_id]]
        lengths.append(length)
    moved, wanted, above = set[str](), len(ends) - 1, len(places)
    for run_id, length in zip(reversed(common), reversed(lengths), strict=True):
        if length == wanted and places[run_id] < above:
            wanted, above = wanted - 1, places[run_id]
        else:
            moved.add(run_id)
    return moved
