"""The driver's library with GPUs that this machine does not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest


@dataclass
class FakeGpu:
    """What one GPU answers; of a sequence each query takes the next, and stays at the last. None is not supported."""

    name: str
    uuid: str
    capability: tuple[int, int] | None = None
    memory_bytes: int | None = 16 * 2**30
    sm_clock_mhz: Sequence[int] | None = (1000,)
    max_sm_clock_mhz: int | None = 1500
    memory_clock_mhz: int | None = 900
    power_limit_mw: int | None = 250_000
    power_mw: Sequence[int] | None = (50_000,)
    energy_mj: Sequence[int] | None = (0,)
    temperature_c: Sequence[int] | None = (40,)
    throttle_bits: Sequence[int] | None = (0,)
    processes: Sequence[Sequence[int]] | None = ((),)
    slices: tuple[FakeGpu | None, ...] = ()
    errors: dict[str, int] = field(default_factory=dict)  # by the name of the query
    asked: dict[str, int] = field(default_factory=dict)


def p100(**changes: Any) -> FakeGpu:
    """Pascal: no energy counter and no slices."""
    given = {"capability": (6, 0), "energy_mj": None, "max_sm_clock_mhz": 1328, "memory_clock_mhz": 715}
    return FakeGpu("Tesla P100-PCIE-16GB", "GPU-1a000000-0000-0000-0000-000000000100", **given | changes)


def v100(**changes: Any) -> FakeGpu:
    given = {"capability": (7, 0), "power_limit_mw": 300_000, "max_sm_clock_mhz": 1530, "memory_clock_mhz": 877}
    return FakeGpu("Tesla V100-SXM2-16GB", "GPU-2b000000-0000-0000-0000-000000000100", **given | changes)


def h100(**changes: Any) -> FakeGpu:
    given = {"capability": (9, 0), "memory_bytes": 80 * 2**30, "power_limit_mw": 700_000, "max_sm_clock_mhz": 1980}
    return FakeGpu("NVIDIA H100 80GB HBM3", "GPU-2c000000-0000-0000-0000-000000000100", **given | changes)


class FakeNvml:
    """Stands in for the functions of ``pynvml`` that are used; refuses queries outside init and shutdown."""

    def __init__(
        self,
        *gpus: FakeGpu,
        driver: str = "550.54.15",
        cuda: int = 12040,
        init_error: int | None = None,
        missing: tuple[str, ...] = (),
    ) -> None:
        self.gpus, self.driver, self.cuda, self.init_error, self.missing = gpus, driver, cuda, init_error, missing
        self.opened = 0

    def install(self, patch: pytest.MonkeyPatch) -> FakeNvml:
        for name in dir(self):
            if name.startswith("nvml"):
                patch.setattr(pynvml, name, getattr(self, name))
        for name in self.missing:
            patch.delattr(pynvml, name)
        return self

    # --- the library

    def nvmlInit(self) -> None:  # noqa: N802 - the names are NVML's
        if self.init_error is not None:
            raise pynvml.NVMLError(self.init_error)
        self.opened += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self._ready()
        self.opened -= 1

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        self._ready()
        return self.driver

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:  # noqa: N802
        self._ready()
        return self.cuda

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        self._ready()
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeGpu:  # noqa: N802
        self._ask(self.gpus[index], "nvmlDeviceGetHandleByIndex")
        return self.gpus[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> FakeGpu:  # noqa: N802
        self._ready()
        every = [device for gpu in self.gpus for device in (gpu, *gpu.slices) if device]
        named = next((gpu for gpu in every if gpu.uuid == uuid), None)
        if named is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return named

    # --- a GPU

    def nvmlDeviceGetName(self, gpu: FakeGpu) -> bytes:  # noqa: N802 - older versions of the module answer in bytes
        return self._told(gpu, "nvmlDeviceGetName", gpu.name).encode()

    def nvmlDeviceGetUUID(self, gpu: FakeGpu) -> str:  # noqa: N802
        return self._told(gpu, "nvmlDeviceGetUUID", gpu.uuid)

    def nvmlDeviceGetCudaComputeCapability(self, gpu: FakeGpu) -> tuple[int, int]:  # noqa: N802
        return self._told(gpu, "nvmlDeviceGetCudaComputeCapability", gpu.capability)

    def nvmlDeviceGetMemoryInfo(self, gpu: FakeGpu) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(total=self._told(gpu, "nvmlDeviceGetMemoryInfo", gpu.memory_bytes))

    def nvmlDeviceGetClockInfo(self, gpu: FakeGpu, kind: int) -> int:  # noqa: N802
        if kind == pynvml.NVML_CLOCK_MEM:
            return self._told(gpu, "nvmlDeviceGetClockInfo", gpu.memory_clock_mhz)
        return self._next(gpu, "nvmlDeviceGetClockInfo", gpu.sm_clock_mhz)

    def nvmlDeviceGetMaxClockInfo(self, gpu: FakeGpu, kind: int) -> int:  # noqa: N802
        assert kind == pynvml.NVML_CLOCK_SM
        return self._told(gpu, "nvmlDeviceGetMaxClockInfo", gpu.max_sm_clock_mhz)

    def nvmlDeviceGetEnforcedPowerLimit(self, gpu: FakeGpu) -> int:  # noqa: N802
        return self._told(gpu, "nvmlDeviceGetEnforcedPowerLimit", gpu.power_limit_mw)

    def nvmlDeviceGetPowerUsage(self, gpu: FakeGpu) -> int:  # noqa: N802
        return self._next(gpu, "nvmlDeviceGetPowerUsage", gpu.power_mw)

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu: FakeGpu) -> int:  # noqa: N802
        return self._next(gpu, "nvmlDeviceGetTotalEnergyConsumption", gpu.energy_mj)

    def nvmlDeviceGetTemperature(self, gpu: FakeGpu, sensor: int) -> int:  # noqa: N802
        assert sensor == pynvml.NVML_TEMPERATURE_GPU
        return self._next(gpu, "nvmlDeviceGetTemperature", gpu.temperature_c)

    def nvmlDeviceGetCurrentClocksEventReasons(self, gpu: FakeGpu) -> int:  # noqa: N802
        return self._next(gpu, "nvmlDeviceGetCurrentClocksEventReasons", gpu.throttle_bits)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, gpu: FakeGpu) -> int:  # noqa: N802
        return self._next(gpu, "nvmlDeviceGetCurrentClocksThrottleReasons", gpu.throttle_bits)

    def nvmlDeviceGetComputeRunningProcesses(self, gpu: FakeGpu) -> list[SimpleNamespace]:  # noqa: N802
        pids = self._next(gpu, "nvmlDeviceGetComputeRunningProcesses", gpu.processes)
        return [SimpleNamespace(pid=pid, usedGpuMemory=2**20) for pid in pids]

    def nvmlDeviceGetMigMode(self, gpu: FakeGpu) -> list[int]:  # noqa: N802
        return self._told(gpu, "nvmlDeviceGetMigMode", [1, 1] if gpu.slices else None)

    def nvmlDeviceGetMaxMigDeviceCount(self, gpu: FakeGpu) -> int:  # noqa: N802
        return self._told(gpu, "nvmlDeviceGetMaxMigDeviceCount", len(gpu.slices))

    def nvmlDeviceGetMigDeviceHandleByIndex(self, gpu: FakeGpu, index: int) -> FakeGpu:  # noqa: N802
        self._ask(gpu, "nvmlDeviceGetMigDeviceHandleByIndex")
        slice_ = gpu.slices[index]
        if slice_ is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return slice_

    # --- how it answers

    def _ready(self) -> None:
        if not self.opened:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)

    def _ask(self, gpu: FakeGpu, query: str) -> None:
        self._ready()
        if query in gpu.errors:
            raise pynvml.NVMLError(gpu.errors[query])

    def _told(self, gpu: FakeGpu, query: str, value: Any) -> Any:
        self._ask(gpu, query)
        if value is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return value

    def _next(self, gpu: FakeGpu, query: str, values: Sequence[Any] | None) -> Any:
        told = self._told(gpu, query, values)
        turn = gpu.asked.get(query, 0)
        gpu.asked[query] = turn + 1
        return told[min(turn, len(told) - 1)]
