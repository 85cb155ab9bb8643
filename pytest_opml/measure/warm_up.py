"""What every timed section needs: warm code and no garbage collection."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..records.result import WarmUp

_AGREEING = 3  # two rounds may be alike by chance while a third is still slow
_AGREEMENT = 0.10
_MOST_ROUNDS, _MOST_SECONDS = 50, 30.0


@contextmanager
def no_collection() -> Iterator[None]:
    """Without garbage collection inside: it would take its time from whichever call it falls into."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def repeat_until_steady(round_: Callable[[], object]) -> WarmUp:
    """Call something until its last three calls took the same time within 10 %.

    Graphs are optimised, memory is allocated and kernels are chosen in the first calls, and how many that takes differs
    from runtime to runtime. Gives up after 50 calls or 30 seconds, and says so.
    """
    taken: list[float] = []
    started = time.perf_counter()
    while len(taken) < _MOST_ROUNDS and (len(taken) < _AGREEING or time.perf_counter() - started < _MOST_SECONDS):
        began = time.perf_counter()
        round_()
        taken.append(time.perf_counter() - began)
        last = taken[-_AGREEING:]
        if len(last) == _AGREEING and max(last) <= (1 + _AGREEMENT) * min(last):
            return WarmUp(rounds=len(taken), settled=True)
    return WarmUp(rounds=len(taken), settled=False)
