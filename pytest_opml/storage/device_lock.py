"""The lock of a device: whoever measures holds it alone, and those who wait get it in the order in which they came.

A run on the same machine would measure itself and its neighbour, whichever users they belong to. The system gives a
lock back when its holder ends, whatever ended it; so each place in the queue is a lock too, and a waiter that was
killed holds nobody up. What a run says of itself beside the lock its own user alone may read.
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
from typing import NamedTuple

from ..addresses import shown_command
from ..errors import DeviceBusy, StorageError
from ..printable import printable
from ..records.device import Device
from .lock_folder import LockFolder, open_lock_folder
from .locks import user_name

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
    name = re.sub(r"[^A-Za-z0-9-]", "_", device.gpu.uuid if device.gpu and device.gpu.uuid else device.profile)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(open_lock_folder())
        try:
            lock = folder.open_lock(f"{name}.lock")
            stack.callback(os.close, lock)
            _acquire(lock, name, folder, _Wait(device.profile, on_wait, longest_s))
        except OSError as error:
            raise StorageError(f"{folder.path}/{name}.lock: cannot be locked: {error.strerror}") from error
        _write_holder(name, folder)
        stack.callback(folder.remove, _holder_file(name))
        yield


class _Wait(NamedTuple):
    """For what, whom it is told, and how long at the most in seconds."""

    device: str
    on_wait: Callable[[str], None]
    longest_s: float


def _acquire(lock: int, name: str, folder: LockFolder, wait: _Wait) -> None:
    """Take a lock in turn."""
    if not _tickets(name, folder) and _try(lock):
        return
    longest = _duration(wait.longest_s)
    began, told = time.monotonic(), False
    with _ticket(name, folder) as ticket:
        while True:
            ahead = [place for place in _tickets(name, folder) if place < ticket]
            if not ahead and _try(lock):
                return
            who = _describe(name, folder, len(ahead))
            if not told:
                wait.on_wait(f"waiting for the device {wait.device}: {who}; at most {longest} (--opml-wait)")
                told = True
            if time.monotonic() - began >= wait.longest_s:
                raise DeviceBusy(f"the device {wait.device} was not free within {longest}: {who}")
            time.sleep(min(_LOOK_S, max(wait.longest_s, 0.01)))


def _try(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _ticket(name: str, folder: LockFolder) -> Iterator[str]:
    """Give a place at the end of the queue: a file that is locked as long as its process waits."""
    ticket = f"{name}.queue-{time.monotonic_ns():020}-{os.getpid()}-{next(_numbers)}"
    descriptor = folder.make(f".{ticket}")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        folder.rename(f".{ticket}", ticket)  # so that nobody sees it before it is locked
        yield ticket
    finally:
        folder.remove(ticket)
        os.close(descriptor)


def _tickets(name: str, folder: LockFolder) -> list[str]:
    """Return the names of the live tickets, the oldest first; those of dead processes are taken away."""
    live = []
    for ticket in folder.names():
        if not ticket.startswith(f"{name}.queue-"):
            continue
        with contextlib.suppress(OSError):  # its process has just got the device, or it is no file
            if _is_locked(ticket, folder):
                live.append(ticket)
            else:
                folder.remove(ticket)
    return live


def _is_locked(ticket: str, folder: LockFolder) -> bool:
    descriptor = folder.open(ticket)
    try:
        return not _try_shared(descriptor)
    finally:
        os.close(descriptor)


def _try_shared(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder_file(name: str, process: int | None = None) -> str:
    return f"{name}.{process or os.getpid()}.json"


def _write_holder(name: str, folder: LockFolder) -> None:
    """Say beside the lock who has it; where that cannot be written, it is only not said."""
    program, *arguments = sys.argv or [""]
    command = shown_command([Path(program).name or "python", *arguments])
    short = command if len(command) <= 60 else f"{command[:59]}…"
    with contextlib.suppress(OSError):
        holder = Holder(os.getpid(), short, str(Path.cwd()), time.time())
        for entry in folder.names():  # of killed processes: none but this one has the device
            if re.fullmatch(rf"{re.escape(name)}\.[0-9]{{1,9}}\.json", entry) and folder.owner(entry) == os.geteuid():
                folder.remove(entry)
        # the folder that somebody works in is nobody else's business
        os.close(folder.make(_holder_file(name), json.dumps(holder), 0o600))


def _describe(name: str, folder: LockFolder, ahead: int) -> str:
    """Say who has the device, as far as that was written, and how many wait before us."""
    text = next(filter(None, (_described(entry, name, folder) for entry in folder.names())), "another process has it")
    return f"{text}, and {ahead} more {'waits' if ahead == 1 else 'wait'} before us" if ahead else text


def _described(entry: str, name: str, folder: LockFolder) -> str:
    """Say what a file tells of a holder; nothing where it is none, or that of a process that is gone."""
    named = re.fullmatch(rf"{re.escape(name)}\.([0-9]{{1,9}})\.json", entry)
    if not named or not _is_alive(int(named[1])):
        return ""
    try:
        if (owner := folder.owner(entry)) != os.geteuid():
            return f"process {named[1]} of {user_name(owner)} has it"
        return printable(str(Holder(*json.loads(folder.read(entry)))))
    except (OSError, ValueError, TypeError):
        return ""


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 and seconds % 60 == 0 else f"{seconds:g} s"
