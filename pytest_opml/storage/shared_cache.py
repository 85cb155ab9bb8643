"""A cache that several users or jobs share: each entry is signed, and copied before it is believed.

It is a folder, or an object store that fsspec can reach. Whoever can write there can put anything there, also while
somebody reads it. So an entry is copied into the user's own cache; its content list must carry a signature
(HMAC-SHA256) by a key that is outside of the store, and the copy must be what the list says.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from ..addresses import read_address
from ..errors import SettingsError, StorageError
from ..progress import report_note
from .cache_entries import MANIFEST, read_bounded
from .entry_store import EntryStore, StoreUnavailable
from .folder_store import FolderStore
from .object_store import ObjectStore

KEY = "OPML_CACHE_KEY"
_LEAST_KEY = 16

_Deed = Literal["fetch", "publish"]
# What this process asks no object store for again: each time it would wait for the answer that does not come.
_given_up: set[tuple[str, _Deed]] = set()


@dataclass(frozen=True, repr=False)
class SharedCache:
    """A place with entries that were signed. Nothing is open in it, so that it can be handed to another process.

    Attributes:
        root: a folder, or the URL of an object store.
        key: of the signatures; whoever has it is believed.
    """

    root: Path | str
    key: bytes

    def __repr__(self) -> str:
        return f"SharedCache({self.shown})"

    @property
    def shown(self) -> str:
        """Where it is, without a password."""
        return read_address(self.root).shown if isinstance(self.root, str) else str(self.root)

    def check(self) -> None:
        """Check that an object store answers; a folder is made when it is first written to.

        Raises:
            StorageError: it does not within seconds, or refuses to be read.
            MissingDependencyError: the package that reaches such a store is not installed.
        """
        try:
            self._store().check()
        except StoreUnavailable as error:
            raise StorageError(
                f"shared cache {self.shown}: {error}; correct --opml-cache-shared or the credentials, or leave it out"
            ) from None

    def fetch(self, name: str, folder: Path) -> bool:
        """Copy the files of an entry, and tell whether they are there and as they were signed.

        Args:
            name: of the entry.
            folder: that they are copied into; made here. It holds rubbish where the answer is no.

        Raises:
            MissingDependencyError: the package that reaches such a store is not installed.
        """
        if (self.root, "fetch") in _given_up:
            return False
        try:
            return self._fetched(self._store(), name, folder)
        except StoreUnavailable as error:
            self._give_up(error, "fetch")
            return False
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return False

    def _fetched(self, store: EntryStore, name: str, folder: Path) -> bool:
        manifest, signed = store.signed(name)
        sizes = signed["bytes"]
        if not hmac.compare_digest(signed["hmac"], self._signature(name, manifest, sizes)):
            return False
        folder.mkdir()
        contents = json.loads(manifest)
        if not all(map(_stays_inside, contents)):
            return False
        for file, digest in contents.items():
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            hashed = hashlib.sha256()
            with target.open("wb") as copy:
                for piece in store.read(name, file, digest, sizes[file]):
                    hashed.update(piece)
                    copy.write(piece)
            if hashed.hexdigest() != digest:
                return False
        return True

    def publish(self, name: str, entry: Path) -> bool:
        """Copy an entry of the user's own cache to the place, signed; tell whether that could be.

        What has its place is replaced: the caller has not found it good.

        Raises:
            MissingDependencyError: the package that reaches such a store is not installed.
        """
        if (self.root, "publish") in _given_up:
            return False
        try:
            manifest = read_bounded(entry / MANIFEST)
            sizes = {file: (entry / file).stat().st_size for file in json.loads(manifest)}
            signed = {"bytes": sizes, "hmac": self._signature(name, manifest, sizes)}
            self._store().publish(name, entry, signed)
        except StoreUnavailable as error:
            self._give_up(error, "publish")
            return False
        except OSError:
            return False
        return True

    def _store(self) -> EntryStore:
        return ObjectStore(self.root) if isinstance(self.root, str) else FolderStore(self.root)

    def _give_up(self, error: StoreUnavailable, deed: _Deed) -> None:
        """Tell why a store is left alone; an object store that failed is not asked again by this process."""
        loss = "what it holds may be built again" if deed == "fetch" else "what is built here is not added to it"
        report_note(f"shared cache {self.shown}: {error}; {loss}")
        if isinstance(self.root, str):
            _given_up.update({(self.root, deed), (self.root, "publish")})

    def _signature(self, name: str, manifest: bytes, sizes: object) -> str:
        message = json.dumps(["pytest-opml cache entry", name, manifest.decode(), sizes], sort_keys=True)
        return hmac.new(self.key, message.encode(), hashlib.sha256).hexdigest()


def _stays_inside(name: str) -> bool:
    """Tell whether the name of a file is one below the folder that it is copied into."""
    parts = PurePosixPath(name).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts


def open_shared(root: Path | str | None) -> SharedCache | None:
    """Return the cache that is shared, where the settings name one.

    Args:
        root: a folder, or the URL of an object store; None for no shared cache.

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
