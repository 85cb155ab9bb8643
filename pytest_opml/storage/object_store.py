"""Entries of a shared cache in an object store that fsspec can reach, such as S3.

An object store replaces one object at once, and no more than one. So the signature and the content list of an entry are
one object, which is written last, and each file is an object by the digest of its content: whoever reads while another
one writes has the files of the one list or of the other. What a replaced entry had besides stays until somebody removes
what lies below its name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from ..addresses import environment_secrets, read_address, without_secrets
from ..errors import MissingDependencyError, one_line
from .cache_entries import ENTRIES, MANIFEST, MOST_BYTES, SIGNATURE, read_bounded
from .entry_store import StoreUnavailable

_T = TypeVar("_T")
_PIECE_BYTES = 32 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NO_ENTRY = "nothing-has-this-name"
_OBJECT = re.compile(rf"/{ENTRIES}/[\w./-]*")
_LATE = "no answer in time"

# Seconds for an answer, and bytes a second that are the least: a client by itself may try for minutes.
_ANSWER_S, _LEAST_SPEED = 20.0, 250_000
_CONNECT_S, _READ_S, _ATTEMPTS = 5, 15, 2
_S3 = ("s3", "s3a")
_OF_S3 = {"connect_timeout": _CONNECT_S, "read_timeout": _READ_S, "retries": {"total_max_attempts": _ATTEMPTS}}


class ObjectStore(NamedTuple):
    """Entries below a URL. The connection is opened where it is used, once in a process.

    Attributes:
        url: as fsspec takes it, such as ``s3://bucket/prefix``.
    """

    url: str

    def check(self) -> None:
        """Check that the store answers, by asking for an entry that is not there: see ``EntryStore``."""
        try:
            self._ask("cat_file", self._path(_NO_ENTRY, SIGNATURE), start=0, end=1)
        except FileNotFoundError:
            return

    def signed(self, name: str) -> tuple[bytes, Any]:
        """Return the content list of an entry, and what was signed beside it: see ``EntryStore``."""
        content = self._ask("cat_file", self._path(name, SIGNATURE), start=0, end=MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"{name}: its signature is too large")
        signed = json.loads(content)
        return signed["manifest"].encode(), signed

    def read(self, name: str, file: str, digest: str, size: int) -> Iterator[bytes]:  # noqa: ARG002 - by its digest here
        """Yield the content of a file in pieces: see ``EntryStore``."""
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{name}: {digest!r} is no digest")
        for start in range(0, size, _PIECE_BYTES):
            end = min(start + _PIECE_BYTES, size)
            yield self._ask("cat_file", self._path(name, digest), size=end - start, start=start, end=end)[: end - start]

    def publish(self, name: str, entry: Path, signed: Mapping[str, Any]) -> None:
        """Upload the files of an entry, and its signature last: see ``EntryStore``."""
        manifest = read_bounded(entry / MANIFEST)
        for file, digest in json.loads(manifest).items():
            size = (entry / file).stat().st_size
            self._ask("put_file", str(entry / file), self._path(name, digest), size=size)
        content = json.dumps({**signed, "manifest": manifest.decode()}).encode()
        self._ask("pipe_file", self._path(name, SIGNATURE), content, size=len(content))

    def _path(self, name: str, part: str) -> str:
        return f"{self.url.rstrip('/')}/{ENTRIES}/{name}/{part}"

    def _ask(self, method: str, *arguments: Any, size: int = 0, **options: Any) -> Any:
        """Call a method of fsspec's file system.

        Raises:
            FileNotFoundError: there is no such object.
            ValueError: the object ends before what is asked for.
            StoreUnavailable: there is no answer in time, or another one.
            MissingDependencyError: the package that reaches such a store is not installed.
        """

        def call() -> Any:
            scheme, host = urlsplit(self.url)[:2]
            return getattr(_opened(scheme, host, os.getpid()), method)(*arguments, **options)

        try:
            return _within(_ANSWER_S + size / _LEAST_SPEED, call)
        except (FileNotFoundError, MissingDependencyError, StoreUnavailable) as error:
            if _code(error) == "NoSuchBucket":
                raise StoreUnavailable("there is no such bucket") from None
            raise
        except Exception as error:  # noqa: BLE001 - each client has errors of its own, and the run goes on without it
            if _code(error) == "InvalidRange":
                raise ValueError("the object is shorter than it was signed") from None
            raise StoreUnavailable(self._reason(error)) from None

    def _reason(self, error: Exception) -> str:
        """What a client says, in one line that repeats no secret; of which object does not matter, it is the store."""
        text = _OBJECT.sub("", one_line(_LATE if isinstance(error, TimeoutError) else error))
        return without_secrets(text, (*read_address(self.url).secrets, *environment_secrets()))


def _within(seconds: float, call: Callable[[], _T]) -> _T:
    """Return what a call returns, or raise what it raises; it is left alone where it takes longer.

    Raises:
        StoreUnavailable: it has taken longer.
    """
    answers: SimpleQueue[Callable[[], _T]] = SimpleQueue()

    def work() -> None:
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - it is raised again in the thread that waits
            raised = error

            def fail() -> _T:
                raise raised

            answers.put(fail)
        else:
            answers.put(lambda: result)

    Thread(target=work, name="opml-store", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise StoreUnavailable(_LATE) from None
    return answer()


@lru_cache(maxsize=8)
def _opened(scheme: str, host: str, process: int) -> Any:  # noqa: ARG001 - one that was forked needs its own
    """Return fsspec's file system for the URLs of a host, which for most schemes is a bucket.

    Raises:
        MissingDependencyError: fsspec, or its package for such a URL, is not installed.
    """
    feature = f"a shared cache at {scheme}://"
    try:
        import fsspec
    except ImportError as error:
        raise MissingDependencyError(feature, "fsspec", extra="fleet") from error
    options = {"config_kwargs": _OF_S3} if scheme in _S3 else {}
    try:
        # one of our own, so that the user's keep their settings
        system, _ = fsspec.core.url_to_fs(
            f"{scheme}://{host}", skip_instance_cache=True, use_listings_cache=False, **options
        )
    except ImportError as error:
        if scheme in _S3:
            raise MissingDependencyError(feature, "s3fs", extra="fleet") from error
        raise MissingDependencyError(feature, _package(scheme)) from error
    if scheme in _S3:
        system.retries = _ATTEMPTS  # s3fs tries five times what botocore has tried
    return system


def _package(scheme: str) -> str:
    """The package by which fsspec reaches a kind of store."""
    from fsspec.registry import known_implementations

    return str(known_implementations[scheme]["class"]).partition(".")[0]


def _code(error: BaseException) -> str:
    """What S3 calls an error; nothing for those of other stores."""
    response = getattr(error.__cause__, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
