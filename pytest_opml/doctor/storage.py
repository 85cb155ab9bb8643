"""The checks of the places that a run writes to."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import MissingDependencyError, StorageError
from ..reports.formatting import amount
from .finding import Finding

_TOPIC = "storage"
# A trained model and its artifacts are tens to hundreds of megabytes each.
_LEAST_FREE_BYTES = 1e9


def cache(root: Path) -> Iterator[Finding]:
    """Look whether the cache can be written, what is in it, and how much room its disk has."""
    from ..storage.cache_cleanup import inspect_cache, nearest_folder

    contents = inspect_cache(root)
    content = f"{amount(len(contents.entries), 'entry', 'entries')}, {contents.size_bytes / 1e6:,.1f} MB"
    text = f"{root}: {content}" if root.is_dir() else f"{root}: is made when it is first used"
    try:
        with tempfile.TemporaryFile(dir=nearest_folder(root.absolute())):
            pass
    except OSError as error:
        text = f"{text}; cannot be written: {error.strerror}"
        yield Finding(_TOPIC, "cache", "problem", text, "set --opml-cache-dir, or cache_dir in [tool.opml]")
    else:
        yield _owned(root, text)
    free = f"{contents.free_bytes / 1e6:,.0f} MB on the cache's disk"
    if contents.free_bytes < _LEAST_FREE_BYTES:
        yield Finding(_TOPIC, "free space", "problem", free, "make room, for example by `opml cache prune`")
    else:
        yield Finding(_TOPIC, "free space", "ok", free)
    yield _temporary()


def shared_cache(root: Path | str | None) -> Iterator[Finding]:
    """Look whether a shared cache can be used, where the settings name one.

    Raises:
        SettingsError: there is no key for it.
        StorageError: the object store does not answer.
        MissingDependencyError: the package that reaches it is not installed.
    """
    from ..storage.shared_cache import open_shared

    cache = open_shared(root)
    if cache is None:
        return
    cache.check()
    is_awaited = isinstance(root, Path) and not root.is_dir()
    text = f"{cache.shown}: is made when it is first used" if is_awaited else cache.shown
    yield Finding(_TOPIC, "shared cache", "ok", text)


def _owned(root: Path, text: str) -> Finding:
    """Look whose a cache is that can be written."""
    from ..storage.cache import foreign_owner

    if owner := foreign_owner(root):
        text = f"{text}; belongs to {owner}: what others have written is not believed"
        remedy = "make it yours (chown -R), set --opml-cache-dir, or share it by --opml-cache-shared"
        return Finding(_TOPIC, "cache", "problem", text, remedy)
    return Finding(_TOPIC, "cache", "ok", text)


def _temporary() -> Finding:
    """Look for the folder of what lives no longer than a run."""
    try:
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(_TOPIC, "temporary files", "problem", f"no folder: {error.strerror}", "set TMPDIR to one")
    return Finding(_TOPIC, "temporary files", "ok", f"{folder}: {free / 1e6:,.0f} MB free")


def history(url: str | None) -> Iterator[Finding]:
    """Look whether the history opens, and how many runs are in it."""
    if url is None:
        yield Finding(_TOPIC, "history", "note", "none is kept: no budget can look back", "set store in [tool.opml]")
        return
    from ..history.engine import file_of

    path = file_of(url)
    if path is not None and not path.exists():
        yield Finding(_TOPIC, "history", "ok", f"{path}: is made when it is first used")
        return
    try:
        count = _count_runs(url)
    except (StorageError, MissingDependencyError) as error:
        remedy = "set --opml-store or store in [tool.opml] to another one, or to none"
        yield Finding(_TOPIC, "history", "problem", str(error), remedy)
    else:
        yield Finding(_TOPIC, "history", "ok", f"{path or 'a database'}: {amount(count, 'run')}")


def _count_runs(url: str) -> int:
    from ..history.store import open_store

    with open_store(url, create=False) as store:
        return store.count()
