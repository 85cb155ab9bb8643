"""What the GPU did while something was measured on it: power, heat, slow-downs, and who else was there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import chain, pairwise
from types import TracebackType
from typing import Literal, NamedTuple, TypeVar

import psutil

from ..errors import DeviceError
from ..records.device import GpuUse
from .nvml import OpenGpu, Reading

_T = TypeVar("_T")


class _Sample(NamedTuple):
    at: float
    reading: Reading


class GpuMonitor:
    """Watches one GPU from its ``with`` to the end of it.

    A sample asks the driver, so it belongs between timed sections and never into one; right after one rather than
    before it, since power and clocks fall back once the GPU has nothing to do.

    A driver that answers with an error ends the watching and nothing else; the result then says so.

    Args:
        uuid: of the GPU.
        clock: seconds.
    """

    def __init__(self, uuid: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._uuid, self._clock = uuid, clock
        self._gpu: OpenGpu | None = None
        self._samples: list[_Sample] = []
        self._problem: str | None = None

    def __enter__(self) -> GpuMonitor:
        try:
            self._gpu = OpenGpu(self._uuid)
        except DeviceError as error:
            self._problem = str(error)
        self.sample()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sample()
        if self._gpu:
            try:
                self._gpu.close()
            except DeviceError as failed:
                self._problem = self._problem or str(failed)
            self._gpu = None

    def sample(self) -> None:
        """Ask the GPU once."""
        if not self._gpu or self._problem:
            return
        try:
            reading = self._gpu.read()
        except DeviceError as error:
            self._problem = str(error)
        else:
            self._samples.append(_Sample(self._clock(), reading))

    def result(self) -> GpuUse:
        """Return what was seen so far, or what kept it from being seen; figures of a part only would mislead."""
        samples = self._samples
        seconds = samples[-1].at - samples[0].at if samples else 0.0
        if self._problem or not samples:
            problem = self._problem or "the GPU was not watched"
            return GpuUse(seconds=seconds, samples=len(samples), problem=problem)
        readings = [sample.reading for sample in samples]
        energy, source = _energy(samples)
        powers = _told(reading.power_w for reading in readings)
        temperatures = _told(reading.temperature_c for reading in readings)
        clocks = _told(reading.sm_clock_mhz for reading in readings)
        slow_downs = _told(reading.slow_down for reading in readings)
        processes = _told(reading.processes for reading in readings)
        mean = energy / seconds if energy is not None and seconds > 0 else powers[-1] if powers else None
        return GpuUse(
            seconds=seconds,
            samples=len(samples),
            mean_power_w=mean,
            energy_j=energy,
            energy_source=source,
            max_temperature_c=max(temperatures, default=None),
            throttle_reasons=tuple(dict.fromkeys(chain.from_iterable(slow_downs))) if slow_downs else None,
            other_processes=_others(set(chain.from_iterable(processes))) if processes else None,
            min_sm_clock_mhz=min(clocks, default=None),
            max_sm_clock_mhz=max(clocks, default=None),
        )


def _told(values: Iterable[_T | None]) -> list[_T]:
    return [value for value in values if value is not None]


def _energy(samples: list[_Sample]) -> tuple[float | None, Literal["counter", "power samples"] | None]:
    first, last = samples[0].reading.energy_j, samples[-1].reading.energy_j
    if first is not None and last is not None and last >= first:  # it starts anew when the driver does
        return last - first, "counter"
    powers = [(sample.at, sample.reading.power_w) for sample in samples if sample.reading.power_w is not None]
    if len(powers) < 2:
        return None, None
    joules = sum((end - start) * (before + after) / 2 for (start, before), (end, after) in pairwise(powers))
    return joules, "power samples"


def _others(running: set[int]) -> tuple[int, ...]:
    """Those that are neither this process nor one above or below it."""
    own = psutil.Process()
    family = {own.pid, *(process.pid for process in own.parents())}
    family |= {process.pid for process in own.children(recursive=True)}
    others = sorted(running - family)
    # To a container the driver may tell the numbers of the host, so a single number that no process here has may well
    # be this process itself.
    nowhere = [pid for pid in others if not psutil.pid_exists(pid)]
    if len(nowhere) == 1 and not running & family:
        others.remove(nowhere[0])
    return tuple(others)
