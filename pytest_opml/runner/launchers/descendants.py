"""The processes that a task starts, however they hide: who they are, what memory they hold, and how all of them end.

On Linux, what a process starts stays below the nearest ancestor that has asked for it, even after its own parent has
ended or it has begun a session of its own. On other systems there is only the group of the task.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection, Iterable
from pathlib import Path

import psutil

IS_LINUX = sys.platform == "linux"
_SUBREAPER, _DEATH_SIGNAL = 36, 1
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")
_libc = ctypes.CDLL(None) if IS_LINUX else None


def adopt_orphans() -> None:
    """Become the parent of whatever this process' descendants leave behind."""
    if _libc:
        _libc.prctl(_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent is gone, which it may be already."""
    if _libc:
        _libc.prctl(_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def be_killed_first() -> None:
    """Have the kernel choose this process, and those that it starts, where the machine is out of memory."""
    with contextlib.suppress(OSError):
        (_PROC / "self/oom_score_adj").write_text("1000")


def children(pid: int) -> list[int]:
    """Return the processes that a process is the parent of."""
    started: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - as below
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as stream:  # noqa: PTH123 - asked ten times a second
                started += map(int, stream.read().split())
    except FileNotFoundError:
        if not os.path.exists("/proc/self/task") or not _tells_children():  # noqa: PTH110
            with contextlib.suppress(psutil.Error):
                return [process.pid for process in psutil.Process(pid).children()]
    except OSError:  # it has just ended
        pass
    return started


def _tells_children() -> bool:
    return os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # noqa: PTH110


def descendants(pid: int, spared: Collection[int] = ()) -> list[int]:
    """Return all processes below one, but for some and those below them."""
    below, seen = [pid], []
    while below:
        fresh = [child for child in children(below.pop()) if child not in spared]
        below += fresh
        seen += fresh
    return seen


def held_bytes(pids: Iterable[int], limit: float) -> int:
    """Return the resident bytes of processes.

    Where that is more than the limit, what several of them share is counted once, which takes longer to find out.
    """
    pids = list(pids)
    total = sum(map(_resident, pids))
    return sum(map(_proportional, pids)) if total > limit and len(pids) > 1 else total


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as stream:  # noqa: PTH123 - asked ten times a second
            return int(stream.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        if IS_LINUX:
            return 0  # it has just ended
        with contextlib.suppress(psutil.Error):
            return int(psutil.Process(pid).memory_info().rss)
        return 0


def _proportional(pid: int) -> int:
    try:
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return _resident(pid)


def end_all(pid: int, spared: Collection[int] = (), *, seconds: float = 5.0) -> None:
    """End every process below one: stopped first, so that none starts another while it is looked for, then killed.

    Args:
        pid: whose descendants end; the children of this process are waited for, too.
        spared: not these, and none below them.
        seconds: to wait for them at the most: the kernel may have one in hand.
    """
    deadline = time.monotonic() + seconds
    while True:
        stopped: set[int] = set()
        while fresh := set(descendants(pid, spared)) - stopped:
            _send(fresh, signal.SIGSTOP)
            stopped |= fresh
        _send(stopped, signal.SIGKILL)
        if pid == os.getpid():
            _reap()
        if not descendants(pid, spared) or time.monotonic() > deadline:
            return
        time.sleep(0.002)


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
