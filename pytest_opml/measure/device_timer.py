"""A timer for hand-written benchmarks that knows that a GPU works on after a call has returned."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any, NamedTuple


class Lap(NamedTuple):
    """Seconds of one timed block.

    Attributes:
        host_s: until the block's code was through, when a GPU may still be at work.
        device_s: until the device had finished; on a CPU the same.
    """

    host_s: float
    device_s: float


class DeviceTimer(ContextDecorator):
    """Times a block, or each call of a function that it decorates.

    On a GPU it waits for the work that is under way before it starts and for its own before it stops. It waits through
    the frameworks that are imported (TensorFlow, PyTorch, JAX); on a CPU it reads the monotonic clock and nothing else.

    Args:
        on_gpu: whether there is a device to wait for.
        synchronise: waits for the device; by default through the imported frameworks.

    Attributes:
        laps: all that was timed, in order.
    """

    def __init__(self, *, on_gpu: bool, synchronise: Callable[[], None] | None = None) -> None:
        self._synchronise = (synchronise or _synchronise) if on_gpu else _nothing
        self.laps: list[Lap] = []
        self._started: list[float] = []  # one for each block around the present one

    def __enter__(self) -> DeviceTimer:
        self._synchronise()
        self._started.append(time.perf_counter())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        host = time.perf_counter()
        self._synchronise()
        device = time.perf_counter()
        started = self._started.pop()
        if kind is None:
            self.laps.append(Lap(host - started, device - started))

    def _last(self) -> Lap:
        if not self.laps:
            raise RuntimeError("nothing was timed yet: use `with gpu_timer:` or `@gpu_timer` first")
        return self.laps[-1]

    @property
    def host_s(self) -> float:
        """Seconds until the last block's code was through."""
        return self._last().host_s

    @property
    def device_s(self) -> float:
        """Seconds until the device had finished the last block."""
        return self._last().device_s


def _nothing() -> None:
    """A CPU has finished when the call returns."""


@functools.cache
def _jax_marker() -> Any:
    import jax

    return jax.jit(lambda x: x + 1), jax.device_put(0)


def _synchronise() -> None:
    """Wait until the GPU has done all that the imported frameworks gave it."""
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].test.experimental.sync_devices()
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_available():
        sys.modules["torch"].cuda.synchronize()
    if "jax" in sys.modules:
        # JAX runs what it is given in order and has no way to wait for everything: this waits for something after it.
        follow, value = _jax_marker()
        follow(value).block_until_ready()
