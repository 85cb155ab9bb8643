"""The folder for the temporary files of this process and of its workers.

It is made when it is first asked for, and removed when the process ends; where the process is killed, the next one
removes it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from multiprocessing import process, util
from pathlib import Path

from ..errors import StorageError, one_line
from .held_folders import HeldFolder, abandoned, remove
from .locks import runtime_folder

# A socket's path has 108 bytes with the one that ends it; multiprocessing adds the name of a listener.
_LONGEST = 107 - len("/listener-12345678") - 4
# Where the folder of the sockets is, if they need one of their own.
SOCKETS = "sockets"

_WORK = "work"

_folders: dict[tuple[int, Path], Path] = {}


def work_folder() -> Path:
    """Return the folder; those of processes that are dead are removed first.

    Raises:
        StorageError: it cannot be made.
    """
    top = runtime_folder() / _WORK
    key = (os.getpid(), top)
    if key not in _folders or not _folders[key].is_dir():  # who clears the temporary folder may have taken it away
        try:
            _folders[key] = _make(top)
        except OSError as error:
            raise StorageError(f"{top}: cannot be written: {error.strerror}; set TMPDIR to another folder") from error
    return _folders[key]


def shared_folder(run_id: str) -> Path:
    """Return where the processes of one run may share what they have; it is removed when none of them holds it.

    Raises:
        StorageError: the folder that it lies in cannot be made.
    """
    return runtime_folder() / _WORK / run_id


def _make(top: Path) -> Path:
    for folder in abandoned(top):
        _remove(folder)
    top.mkdir(mode=0o700, exist_ok=True)
    held = HeldFolder(Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=top)))
    # After all that multiprocessing ends itself, of which some has its sockets here; and not in a process forked since.
    util.Finalize(None, _give_back, args=(held,), exitpriority=-200)
    return held.path


def _give_back(held: HeldFolder) -> None:
    _remove_sockets(held.path)
    held.remove()


def _remove(folder: Path) -> None:
    _remove_sockets(folder)
    remove(folder)


def _remove_sockets(folder: Path) -> None:
    link = folder / SOCKETS
    if link.is_symlink():
        target = link.readlink()
        if target.name.startswith("opml-") and target.parent == Path("/tmp"):  # noqa: S108 - see place_sockets
            shutil.rmtree(target, ignore_errors=True)


def place_sockets() -> None:
    """Have multiprocessing make its sockets in the folder, unless it has a place for them already.

    Where the folder's path is too long for one, they are in a folder of the system's, which the folder has a link to.

    Raises:
        StorageError: neither can be made.
    """
    config = process.current_process()._config  # type: ignore[attr-defined]  # nothing public names the place
    if config.get("tempdir") and Path(config["tempdir"]).is_dir():
        return
    folder = work_folder()
    if len(os.fsencode(folder)) > _LONGEST:
        try:
            short = Path(tempfile.mkdtemp(prefix="opml-", dir="/tmp"))
            (folder / SOCKETS).symlink_to(short)
        except OSError as error:
            raise StorageError(f"no folder for sockets: {one_line(error)}; set TMPDIR to a shorter one") from error
        folder = short
    config["tempdir"] = str(folder)


def use_for_temporary_files(folder: Path) -> None:
    """Have this process, and those that it starts, make temporary files in a folder."""
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
