"""The user's project on a node: its files as one archive, and a copy of them that each process on a node has.

The engine would send it, too, but into one folder for all processes of a machine, which goes with the first node that
is lost, and without what git ignores, as model files often are.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ... import registry
from ...errors import SettingsError, StorageError
from ...storage.work_folder import work_folder

MOST_BYTES = 2**30
_LEFT_OUT_FOLDERS = {".git", ".hg", ".svn", ".opml", "__pycache__", "node_modules"}
# By these files a folder says that it can be made again: an environment, and a cache (https://bford.info/cachedir/).
_MARKS = {"pyvenv.cfg", "CACHEDIR.TAG"}
_LEFT_OUT_FILE = re.compile(r"\.(pyc|(db|sqlite3?)(-wal|-shm|-journal)?)$")


class ProjectArchive(NamedTuple):
    """What a node needs of a project.

    Attributes:
        content: its files, as a tar archive.
        module_paths: folders in which its modules are looked for, relative to the project.
    """

    content: bytes
    module_paths: tuple[str, ...]


def pack_project(root: Path) -> ProjectArchive:
    """Return the files of a project, links followed, but for caches, environments, databases and what git keeps.

    Raises:
        SettingsError: they are too large to be sent.
        StorageError: one cannot be read.
    """
    sizes: Counter[str] = Counter()
    archive, file = io.BytesIO(), root
    try:
        with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
            for file in _files(root):
                name = file.relative_to(root)
                sizes[name.parts[0]] += file.stat().st_size
                if sizes.total() > MOST_BYTES:
                    raise SettingsError(_too_large(root, sizes))
                tar.add(file, str(name), recursive=False)
    except OSError as error:  # of a file that becomes shorter meanwhile it does not say which it is
        where, why = error.filename or file, error.strerror or error
        raise StorageError(f"{where}: cannot be sent to the fleet: {why}") from error
    return ProjectArchive(archive.getvalue(), tuple(_module_paths(root)))


def _too_large(root: Path, sizes: Counter[str]) -> str:
    ((largest, size),) = sizes.most_common(1)
    return (
        f"--opml-fleet: the project {root} has more than {MOST_BYTES / 2**30:g} GB of files, which each node would be "
        f"sent; {largest} has {size / 1e9:.1f} GB of them: move it out of the project, to a path that all nodes have"
    )


def _files(root: Path) -> Iterator[Path]:
    above: dict[str, frozenset[str]] = {}  # the places on the way to a folder: links may lead in a circle
    for parent, folders, files in os.walk(root, followlinks=True, onerror=_refuse):
        place, places = os.path.realpath(parent), above.pop(parent, frozenset())
        if place in places or (parent != str(root) and _MARKS.intersection(files)):
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT_FOLDERS)
        above |= dict.fromkeys((str(Path(parent, name)) for name in folders), places | {place})
        for file in (Path(parent, name) for name in sorted(files)):
            if not _LEFT_OUT_FILE.search(file.name) and file.is_file():
                yield file


def _refuse(error: OSError) -> None:
    raise error


def _module_paths(root: Path) -> Iterator[str]:
    for entry in (Path(os.path.normpath(entry)) for entry in sys.path if entry):
        if entry.is_relative_to(root) and entry.is_dir() and not _is_left_out(entry.relative_to(root)):
            yield str(entry.relative_to(root))


def _is_left_out(path: Path) -> bool:
    return "site-packages" in path.parts or bool(_LEFT_OUT_FOLDERS.intersection(path.parts))


_entered: list[Path] = []


def enter_project(fetch: Callable[[], ProjectArchive]) -> None:
    """Make a copy of a project the working folder of this process, and its modules importable; once in a process.

    Args:
        fetch: returns the project; a process works for one run, and so for one project.

    Raises:
        StorageError: there is no folder for temporary files.
        OSError: the copy cannot be written.
    """
    if any(folder.is_dir() for folder in _entered):
        return
    project, folder = fetch(), Path(tempfile.mkdtemp(prefix="project-", dir=work_folder()))
    try:
        with tarfile.open(fileobj=io.BytesIO(project.content)) as tar:
            tar.extractall(folder, filter="data")
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    os.chdir(folder)
    for path in (".", *project.module_paths):
        registry.make_importable((folder / path).resolve())
    _entered.append(folder)
