"""A cache that several users or jobs share: each entry is signed, and copied before it is believed.

Whoever can write to the folder can put anything there, also while somebody reads it. So an entry is copied into the
user's own cache; its content list must carry a signature (HMAC-SHA256) by a key that is outside of the folder, and the
copy must be what the list says.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import SettingsError
from .cache_entries import BUILDING, ENTRIES, MANIFEST, SIGNATURE, read_bounded
from .held_folders import HeldFolder, abandoned, remove

KEY = "OPML_CACHE_KEY"
_LEAST_KEY = 16
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class SharedCache:
    """A folder with entries that were signed.

    Attributes:
        root: the folder.
        key: of the signatures; whoever has it is believed.
    """

    root: Path
    key: bytes = field(repr=False)

    def fetch(self, name: str, folder: Path) -> bool:
        """Copy the files of an entry, and tell whether they are there and as they were signed.

        Args:
            name: of the entry.
            folder: that they are copied into; made here. It holds rubbish where the answer is no.
        """
        source = self.root / ENTRIES / name
        try:
            manifest = read_bounded(source / MANIFEST)
            signed = json.loads(read_bounded(source / SIGNATURE))
            sizes = signed["bytes"]
            if not hmac.compare_digest(signed["hmac"], self._signature(name, manifest, sizes)):
                return False
            folder.mkdir()
            contents = json.loads(manifest)
            return all(
                _copied(source / file, folder / file, sizes[file]) == digest for file, digest in contents.items()
            )
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return False

    def publish(self, name: str, entry: Path) -> bool:
        """Copy an entry of the user's own cache into the folder, signed; tell whether that could be.

        What has its place is replaced: the caller has not found it good.
        """
        try:
            for folder in (self.root / BUILDING, self.root / ENTRIES):
                folder.mkdir(parents=True, exist_ok=True)
            for folder in abandoned(self.root / BUILDING):
                remove(folder)
            building = HeldFolder(Path(tempfile.mkdtemp(dir=self.root / BUILDING)))
        except OSError:
            return False
        try:
            self._place(name, entry, building.path)
        except OSError:
            return False
        finally:
            building.remove()
        return True

    def _place(self, name: str, entry: Path, building: Path) -> None:
        manifest = read_bounded(entry / MANIFEST)
        sizes = {file: (entry / file).stat().st_size for file in json.loads(manifest)}
        copy, target = building / name, self.root / ENTRIES / name
        shutil.copytree(entry, copy)
        signed = {"bytes": sizes, "hmac": self._signature(name, manifest, sizes)}
        (copy / SIGNATURE).write_text(json.dumps(signed), "utf-8")
        with contextlib.suppress(FileNotFoundError):
            target.rename(building / "replaced")
        copy.rename(target)

    def _signature(self, name: str, manifest: bytes, sizes: object) -> str:
        message = json.dumps(["pytest-opml cache entry", name, manifest.decode(), sizes], sort_keys=True)
        return hmac.new(self.key, message.encode(), hashlib.sha256).hexdigest()


def _copied(source: Path, target: Path, size: int) -> str:
    """Copy a file of so many bytes, and return the digest of the copy.

    Raises:
        OSError: it cannot be copied.
        ValueError: it is no file, or has another size.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    digest, left = hashlib.sha256(), size
    with os.fdopen(descriptor, "rb") as stream, target.open("wb") as copy:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{source}: is no file")
        while left and (chunk := stream.read(min(left, _CHUNK_BYTES))):
            digest.update(chunk)
            copy.write(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def open_shared(root: Path | None) -> SharedCache | None:
    """Return the cache that is shared, where the settings name one.

    Raises:
        SettingsError: the key is missing, or short enough to be guessed.
    """
    if root is None:
        return None
    key = os.environ.get(KEY, "")
    if len(key) < _LEAST_KEY:
        what = "is too short" if key else "is not set"
        raise SettingsError(
            f"--opml-cache-shared: the environment variable {KEY} {what}: entries are signed by it, so it must be a "
            f"secret of at least {_LEAST_KEY} characters that whoever shares them has"
        )
    return SharedCache(root, key.encode("utf-8", "surrogateescape"))
