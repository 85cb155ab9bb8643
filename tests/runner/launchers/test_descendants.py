from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pytest_opml.runner.launchers.descendants import IS_LINUX, children, descendants, end_all, held_bytes
from tests.support.waiting import wait_for

pytestmark = pytest.mark.skipif(not IS_LINUX, reason="other systems have the group of the task alone")
# Ends at once what it starts twice over, and leaves the last of it to whoever has asked for orphans.
PROGRAM = """
import os, sys, time
from pytest_opml.runner.launchers.descendants import adopt_orphans, descendants, end_all
adopt_orphans()
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
while len(descendants(os.getpid())) != 5:
    os.waitpid(-1, os.WNOHANG)
end_all(os.getpid())
print(descendants(os.getpid()))
"""


def test_what_has_lost_its_parent_and_its_session_ends_too() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=30)
    assert (run.stdout, run.returncode) == ("[]\n", 0)


def test_what_is_spared_goes_on() -> None:
    sleepers = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]
    try:
        below = set(descendants(os.getpid()))
        assert {sleeper.pid for sleeper in sleepers} <= below
        assert sleepers[0].pid in children(os.getpid())
        shell = subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60"])
        wait_for(lambda: len(children(shell.pid)) == 2)
        end_all(shell.pid)
        assert sleepers[0].poll() is None
    finally:
        for process in (*sleepers, shell):
            process.kill()
            process.wait()


def test_memory_of_several_is_counted_once_where_they_share_it() -> None:
    size = held_bytes([os.getpid()], 0)
    assert size > 10e6
    assert held_bytes([os.getpid()] * 2, 1e15) == pytest.approx(2 * size, rel=0.1)
    assert held_bytes([os.getpid()] * 2, size) <= 2.2 * size
    assert held_bytes([2**22 - 1], 0) == 0
