"""What a shared cache asks of the place that its entries lie in; it believes nothing of what it is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol


class StoreUnavailable(Exception):  # noqa: N818 - it names the state of the store
    """A store does not answer, or refuses; its text says why, without a password."""


class EntryStore(Protocol):
    """Entries by their names, each of which is there with its signature or not at all."""

    def check(self) -> None:
        """Check that it answers.

        Raises:
            StoreUnavailable: it does not, or refuses to be read.
            MissingDependencyError: the package that reaches it is not installed.
        """

    def signed(self, name: str) -> tuple[bytes, Any]:
        """Return the content list of an entry, and what was signed beside it; no more of either than is reasonable.

        Raises:
            FileNotFoundError: there is no such entry.
            ValueError: it is no entry.
            KeyError: likewise.
            TypeError: likewise.
            StoreUnavailable: as ``check``.
        """

    def read(self, name: str, file: str, digest: str, size: int) -> Iterator[bytes]:
        """Yield the content of a file in pieces, and no more than so many bytes of it.

        Args:
            name: of the entry.
            file: its name in the content list.
            digest: its digest there.
            size: the bytes that were signed.

        Raises:
            FileNotFoundError: it is not there.
            ValueError: it is no file.
            StoreUnavailable: as ``check``.
        """

    def publish(self, name: str, entry: Path, signed: Mapping[str, Any]) -> None:
        """Copy an entry to its place, in which nobody sees it before it is whole; what is there is replaced.

        Args:
            name: of the entry.
            entry: its folder, with a content list.
            signed: what is stored beside the content list.

        Raises:
            OSError: the entry cannot be read.
            StoreUnavailable: the store does not answer, refuses, or is full.
        """
