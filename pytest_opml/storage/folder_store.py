"""Entries of a shared cache in a folder, such as one on a disk that several machines have."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import one_line
from .cache_entries import BUILDING, ENTRIES, MANIFEST, SIGNATURE, read_bounded
from .entry_store import StoreUnavailable
from .held_folders import HeldFolder, abandoned, remove

_PIECE_BYTES = 1 << 20


class FolderStore(NamedTuple):
    """Entries below a folder, each of which is a folder itself.

    Attributes:
        root: the folder; made where it is missing when an entry is published.
    """

    root: Path

    def check(self) -> None:
        """Do nothing: a folder that is not there yet is made when it is first written to."""

    def signed(self, name: str) -> tuple[bytes, Any]:
        """Return the content list of an entry, and what was signed beside it: see ``EntryStore``."""
        source = self.root / ENTRIES / name
        with _available("read"):
            return read_bounded(source / MANIFEST), json.loads(read_bounded(source / SIGNATURE))

    def read(self, name: str, file: str, digest: str, size: int) -> Iterator[bytes]:  # noqa: ARG002 - by its name here
        """Yield the content of a file in pieces: see ``EntryStore``."""
        source = self.root / ENTRIES / name / file
        with _available("read"):
            descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as stream:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise ValueError(f"{source}: is no file")
                while size and (piece := stream.read(min(size, _PIECE_BYTES))):
                    size -= len(piece)
                    yield piece

    def publish(self, name: str, entry: Path, signed: Mapping[str, Any]) -> None:
        """Copy an entry into the folder, and move it to its place: see ``EntryStore``."""
        with _available("written"):
            for folder in (self.root / BUILDING, self.root / ENTRIES):
                folder.mkdir(parents=True, exist_ok=True)
            for folder in abandoned(self.root / BUILDING):
                remove(folder)
            building = HeldFolder(Path(tempfile.mkdtemp(dir=self.root / BUILDING)))
            try:
                copy, target = building.path / name, self.root / ENTRIES / name
                shutil.copytree(entry, copy)
                (copy / SIGNATURE).write_text(json.dumps(signed), "utf-8")
                with contextlib.suppress(FileNotFoundError):
                    target.rename(building.path / "replaced")
                copy.rename(target)
            finally:
                building.remove()


@contextlib.contextmanager
def _available(deed: str) -> Iterator[None]:
    """Around what reads or writes the folder: what is not there is nothing to tell of.

    Raises:
        StoreUnavailable: the folder cannot be read or written.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except shutil.Error as error:  # of several files, of which the first says it
        raise StoreUnavailable(f"cannot be {deed}: {one_line(error.args[0][0][-1])}") from error
    except OSError as error:
        raise StoreUnavailable(f"cannot be {deed}: {error.strerror or one_line(error)}") from error
