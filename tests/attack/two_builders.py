"""Two sessions that need one model at once, of which the first may be killed at any moment.

One of them builds it; the other waits for it and says so, and builds the model itself where that one is killed.
Afterwards nothing is half-built in the cache, and every entry is whole.
"""

from __future__ import annotations

import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pytest_opml.storage.cache import Cache
from pytest_opml.storage.cache_entries import is_whole
from tests.attack.tally import WRONG, Outcome, Tally
from tests.support.small_project import Places, write_project

TRIES, SAMPLE = 10, 0
TENSORFLOW = True
SECONDS = 240.0
_WAITS = "waiting for another run, which builds the same"


def attack(tries: int, seed: int) -> list[Tally]:
    """Start two sessions of one project; kill the first of every second pair."""
    chances = random.Random(seed)
    outcomes = [_pair(number, chances.random()) for number in range(tries)]
    return [Tally.of("two_builders", "two sessions that need one model at once", outcomes)]


def _pair(number: int, chance: float) -> Outcome:
    is_killed = number % 2 == 1
    name = f"pair {number}, the first {f'is killed at {chance:.3f}' if is_killed else 'goes on'}"
    with tempfile.TemporaryDirectory(prefix="a", ignore_cleanup_errors=True) as folder:
        places = Places.below(Path(folder).resolve())
        write_project(places.project, 0, ["baseline"])
        first = _started(places, "first")
        time.sleep(0.2)
        second = _started(places, "second")
        if is_killed:
            while not list((places.cache / "building").glob("*")) and first.poll() is None:
                time.sleep(0.02)
            time.sleep(chance * 2)
            first.send_signal(signal.SIGKILL)
        texts = [_output(first), _output(second)]
        wrong = list(_faults(places, first, second, is_killed))
        has_waited = any(_WAITS in text for text in texts)
        if wrong:
            return Outcome(name, WRONG, "; ".join([*wrong, *texts])[-4000:])
        return Outcome(name, "one waited and said so" if has_waited else "neither had to wait")


def _started(places: Places, name: str) -> subprocess.Popen[str]:
    store = places.project / f"{name}.db"
    return subprocess.Popen(
        places.command(f"--opml-store=sqlite:///{store}", "-k", "trained"),
        cwd=places.project,
        env=places.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _output(process: subprocess.Popen[str]) -> str:
    """Wait for a session, which is killed where it runs on, and return what it printed."""
    try:
        return process.communicate(timeout=SECONDS)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def _faults(
    places: Places, first: subprocess.Popen[str], second: subprocess.Popen[str], is_killed: bool
) -> Iterator[str]:
    if second.returncode:
        yield f"the second session ended with {second.returncode}"
    if first.returncode and not is_killed:
        yield f"the first session ended with {first.returncode}"
    Cache(places.cache)  # as the next session
    if building := list((places.cache / "building").iterdir()):
        yield f"half-built: {building}"
    entries = list((places.cache / "entries").iterdir())
    if not entries or not all(map(is_whole, entries)):
        yield f"not whole: {[entry.name for entry in entries if not is_whole(entry)]} of {len(entries)}"
