"""Builds a site, or brings one up to date: what is new in the history is added, and what is gone is taken out."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ...errors import SettingsError, StorageError
from ...history.base import History, Query
from ...printable import printable
from ...storage.locks import try_exclusive
from .data import DataFiles
from .files import DamagedSite, mapped_errors
from .index import generation_folder
from .pages import write_pages
from .state import SiteState, claim, moved_runs, read_state, write_state

_LOCK, _DATA = ".lock", "data"
_SHOWN_EVERY = 500  # runs
# The first that the history has is the main branch where none is named.
MAIN_BRANCHES = ("main", "master", "trunk")


class Built(NamedTuple):
    """What a build did.

    Attributes:
        runs: of the site, now.
        added, removed: runs that it lacked, or had too many; one that changed its place is both.
        cases: of the site, now.
        seconds: that it took.
        is_new: whether all was built, not only what is new.
    """

    runs: int
    added: int
    removed: int
    cases: int
    seconds: float
    is_new: bool


class SiteOptions(NamedTuple):
    """What a user says of a site.

    Attributes:
        title: over its pages.
        branch: the main one, by which steps are found and badges are made; None: the first of ``MAIN_BRANCHES``.
        rebuild: build all of it.
        base_url: where it will be published, for the lines that embed badges; empty: where it is read.
    """

    title: str = "OpML results"
    branch: str | None = None
    rebuild: bool = False
    base_url: str = ""


DEFAULTS = SiteOptions()


def build_site(
    folder: Path,
    history: History,
    options: SiteOptions = DEFAULTS,
    on_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Built:
    """Bring a site up to date with a history, or make one.

    What is there stays whole until its successor is: a build that is killed leaves the site as it was, and the next one
    does what it left.

    Args:
        folder: of the site; a new one, an empty one, or one that this made.
        history: open; nothing is written to it.
        options: of the site.
        on_progress: told how many of the new runs are done.

    Raises:
        StorageError: the folder holds something else, another build is at work in it, or a file cannot be written; or
            the history cannot be read.
        SettingsError: the history has no run of the branch.
    """
    started = time.perf_counter()
    check_folder(folder)
    if options.branch is not None and not history.summaries(Query(branch=options.branch), 1):
        raise SettingsError(f"--branch: the history has no run of the branch {options.branch!r}")
    with mapped_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            try:
                state = None if options.rebuild else read_state(folder)
                built = _bring_up_to_date(folder, history, options, state, on_progress)
            except DamagedSite:
                built = _bring_up_to_date(folder, history, options, None, on_progress)
    return built._replace(seconds=time.perf_counter() - started)


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds something else than a site; nothing is written.

    Raises:
        StorageError: so it is.
    """
    if folder.is_symlink() and not folder.exists():
        raise StorageError(f"{folder}: is a link to nothing; give a new folder, or one that `opml site` made")
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"{folder}: is no folder; give a new folder, or one that `opml site` made")
    if folder.is_dir():
        with mapped_errors(folder), suppress(DamagedSite):
            read_state(folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    claim(folder)
    with try_exclusive(folder / _LOCK) as is_alone:
        if not is_alone:
            raise StorageError(f"{folder}: another `opml site` is building it; wait until it is done")
        yield


def _bring_up_to_date(
    folder: Path,
    history: History,
    options: SiteOptions,
    state: SiteState | None,
    on_progress: Callable[[int, int], None],
) -> Built:
    run_ids = history.run_ids()
    replaced = len(state.runs) if state and run_ids and state.runs.keys().isdisjoint(run_ids) else 0
    is_new = state is None or replaced > 0
    if state is None or replaced:  # of another history nothing may stay, its names neither
        state = SiteState(_next_generation(folder / _DATA))
    moved = moved_runs(state.runs, run_ids)
    present = set(run_ids)
    gone = [run_id for run_id in state.runs if run_id not in present or run_id in moved]
    new = [run_id for run_id in run_ids if run_id not in state.runs or run_id in moved]
    data = DataFiles(folder / _DATA, state)
    if not is_new and (gone or new):
        # A number that a killed build gave to a run is given to no other: its rows would be taken for that one's.
        reserved, state.next_run = state.next_run, state.next_run + len(new)
        write_state(folder, state)
        state.next_run = reserved
    data.remove(gone)
    data.place(run_ids)
    for done, outline in enumerate(history.outlines(new), 1):
        data.add(outline)
        if done % _SHOWN_EVERY == 0:
            on_progress(done, len(new))
    main = _main_branch(state, options.branch)
    data.finish(history, main)
    data.write_index(folder, history.releases(), main, options.title)
    write_pages(folder, state, options.base_url)
    write_state(folder, state)
    data.clean()
    _remove_others(folder / _DATA, generation_folder(state))
    return Built(
        len(state.runs), len(new), len(gone) + replaced, sum(bool(one.entry) for one in state.series), 0.0, is_new
    )


def _main_branch(state: SiteState, wanted: str | None) -> int | None:
    """Return the number of the main branch; None where the history has none."""
    numbers = {branch: number for number, branch in enumerate(state.branches)}
    names = MAIN_BRANCHES if wanted is None else (printable(wanted),)
    return next((numbers[name] for name in names if name in numbers), None)


def _next_generation(data: Path) -> int:
    """Return the number of a folder that is not there."""
    taken = [int(path.name[1:]) for path in data.glob("g*") if path.name[1:].isdecimal()]
    return max(taken, default=0) + 1


def size_of(folder: Path) -> int:
    """Return the bytes of all files of a site; one that another build removes meanwhile does not count."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def check_url(text: str) -> str:
    """Return the address that a site is published under, with a slash at its end; empty for none.

    Raises:
        SettingsError: it is no address of the web, or has more than a path.
    """
    if text and not re.fullmatch(r"https?://[A-Za-z0-9.:-]+(/[A-Za-z0-9._~%/+-]*)?", text):
        raise SettingsError(f"--base-url: {text!r} is no address such as https://team.example/opml/")
    return f"{text.rstrip('/')}/" if text else ""


def _remove_others(data: Path, name: str) -> None:
    """Remove the data of earlier builds of the whole site; what cannot be removed is for the next build."""
    for path in data.glob("g*"):
        if path.name != name and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
