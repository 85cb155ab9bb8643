"""The lock of a device: whoever measures holds it alone, and those who wait get it in the order in which they came.

A run on the same machine would measure itself and its neighbour. The system gives a lock back when its holder ends,
whatever ended it; so each place in the queue is a lock too, and a waiter that was killed holds nobody up.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import DeviceBusy, StorageError
from ..printable import printable
from ..records.device import Device
from .locks import runtime_folder

if TYPE_CHECKING:
    from filelock import BaseFileLock

_LOOK_S = 0.1
_numbers = itertools.count()


class Holder(NamedTuple):
    """Who has a device.

    Attributes:
        pid: of the process.
        command: that it was started by, in short.
        folder: that it works in.
        since: when it took the device, in seconds of the epoch.
    """

    pid: int
    command: str
    folder: str
    since: float

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since).astimezone()
        return f"process {self.pid} ({self.command}, in {self.folder}) has it since {since:%Y-%m-%d %H:%M:%S}"


@contextmanager
def exclusive_device(device: Device, on_wait: Callable[[str], None], longest_s: float) -> Iterator[None]:
    """Hold a device alone while the block runs: two measurements at a time would measure each other.

    Args:
        device: a GPU has a lock of its own; whatever runs on the CPU shares one.
        on_wait: called once when another process has the device, with a line that says which, and since when.
        longest_s: seconds to wait at the most.

    Raises:
        DeviceBusy: nobody gave it back in time.
        StorageError: the lock's file cannot be made.
    """
    from filelock import FileLock

    name = device.gpu.uuid if device.gpu and device.gpu.uuid else device.profile
    path = runtime_folder() / f"{re.sub(r'[^A-Za-z0-9-]', '_', name)}.lock"
    lock = FileLock(path)
    try:
        _acquire(lock, path, device, on_wait, longest_s)
        _write_holder(path)
    except OSError as error:
        lock.release()
        raise StorageError(f"{path}: cannot be locked: {error.strerror}") from error
    try:
        yield
    finally:
        path.with_suffix(".json").unlink(missing_ok=True)
        lock.release()


def _acquire(lock: BaseFileLock, path: Path, device: Device, on_wait: Callable[[str], None], longest_s: float) -> None:
    """Take a lock in turn.

    Args:
        lock: that is to be taken.
        path: of its file.
        device: that it is of.
        on_wait: as ``exclusive_device`` has it.
        longest_s: likewise.
    """
    queue = path.with_suffix(".queue")
    if not _tickets(queue) and _try(lock):
        return
    began, told = time.monotonic(), False
    with _ticket(queue) as ticket:
        while True:
            ahead = [name for name in _tickets(queue) if name < ticket.name]
            if not ahead and _try(lock):
                return
            who = _describe(path, len(ahead))
            if not told:
                on_wait(f"waiting for the device {device.profile}: {who}; at most {_duration(longest_s)} (--opml-wait)")
                told = True
            if time.monotonic() - began >= longest_s:
                raise DeviceBusy(f"the device {device.profile} was not free within {_duration(longest_s)}: {who}")
            time.sleep(min(_LOOK_S, max(longest_s, 0.01)))


def _try(lock: BaseFileLock) -> bool:
    from filelock import Timeout

    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


@contextmanager
def _ticket(queue: Path) -> Iterator[Path]:
    """Give a place at the end of the queue: a file that is locked as long as its process waits."""
    queue.mkdir(exist_ok=True)
    name = f"{time.monotonic_ns():020}-{os.getpid()}-{next(_numbers)}"
    hidden, ticket = queue / f".{name}", queue / name
    descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        hidden.rename(ticket)  # so that nobody sees it before it is locked
        yield ticket
    finally:
        ticket.unlink(missing_ok=True)
        os.close(descriptor)


def _tickets(queue: Path) -> list[str]:
    """Return the names of the live tickets, the oldest first; those of dead processes are taken away."""
    live = []
    names = sorted(path.name for path in queue.iterdir()) if queue.is_dir() else []
    for name in names:
        if name.startswith("."):
            continue
        with contextlib.suppress(FileNotFoundError):  # its process has just got the device
            if _is_locked(queue / name):
                live.append(name)
            else:
                (queue / name).unlink()
    return live


def _is_locked(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _write_holder(path: Path) -> None:
    """Say beside the lock who has it; where that cannot be written, it is only not said."""
    program, *arguments = sys.argv or [""]
    command = " ".join([Path(program).name or "python", *arguments])
    holder = Holder(os.getpid(), command if len(command) <= 60 else f"{command[:59]}…", str(Path.cwd()), time.time())
    written = path.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        written.write_text(json.dumps(holder), "utf-8")
        written.replace(path.with_suffix(".json"))


def _describe(path: Path, ahead: int) -> str:
    """Say who has the device, as far as that was written, and how many wait before us."""
    text = "another process has it"
    with contextlib.suppress(OSError, ValueError, TypeError):
        holder = Holder(*json.loads(path.with_suffix(".json").read_text("utf-8")))
        os.kill(holder.pid, 0)  # what a killed one left says nothing of who has the device now
        text = printable(str(holder))
    return f"{text}, and {ahead} more {'waits' if ahead == 1 else 'wait'} before us" if ahead else text


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 and seconds % 60 == 0 else f"{seconds:g} s"
