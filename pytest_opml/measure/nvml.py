"""The one border to the NVIDIA driver's library: what it tells becomes records, its errors become ``DeviceError``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pynvml

from ..errors import DeviceError, one_line
from ..records.device import Gpu
from ..records.hardware_profiles import profile_of

_NO_GPU = (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
# A slice of a GPU (MIG) answers with an invalid argument what only the whole can be asked, and the whole with "not
# found" for a place that holds no slice.
_NOT_TOLD = (
    pynvml.NVML_ERROR_NOT_SUPPORTED,
    pynvml.NVML_ERROR_NO_PERMISSION,
    pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
    pynvml.NVML_ERROR_INVALID_ARGUMENT,
    pynvml.NVML_ERROR_NOT_FOUND,
    pynvml.NVML_ERROR_NO_DATA,
)
# Only what takes speed away: an idle GPU, clocks that someone has set and GPUs that wait for each other do not count.
_SLOW_DOWN = {
    0x04: "software power cap",
    0x08: "hardware slow-down",
    0x20: "software thermal slow-down",
    0x40: "hardware thermal slow-down",
    0x80: "hardware power brake",
}


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _told(query: str, *arguments: Any) -> Any:
    """The answer to one query; None where the GPU, the driver or its Python module does not have it."""
    function: Callable[..., Any] | None = getattr(pynvml, query, None)
    if function is None:
        return None
    try:
        return function(*arguments)
    except pynvml.NVMLError as error:
        if error.value in _NOT_TOLD:
            return None
        raise


@contextmanager
def _errors_mapped() -> Iterator[None]:
    try:
        yield
    except pynvml.NVMLError as error:
        raise DeviceError(f"the NVIDIA driver answers with an error: {one_line(error)}") from error


def _scaled(value: int | None, factor: float) -> float | None:
    return None if value is None else value * factor


def read_gpus() -> tuple[Gpu, ...]:
    """The NVIDIA GPUs of the machine, a slice in place of a GPU that is cut in slices; none where there is no driver.

    Raises:
        DeviceError: the driver is there and answers with an error.
    """
    with _errors_mapped():
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            if error.value in _NO_GPU:
                return ()
            raise
        try:
            return tuple(gpu for index in range(pynvml.nvmlDeviceGetCount()) for gpu in _describe(index))
        finally:
            pynvml.nvmlShutdown()


def _describe(index: int) -> Iterator[Gpu]:
    whole = pynvml.nvmlDeviceGetHandleByIndex(index)
    version = _told("nvmlSystemGetCudaDriverVersion_v2")
    capability = _told("nvmlDeviceGetCudaComputeCapability", whole)
    capability = "{}.{}".format(*capability) if capability else None
    for handle in _slices(whole) or [whole]:
        name = _text(pynvml.nvmlDeviceGetName(handle))
        memory = _told("nvmlDeviceGetMemoryInfo", handle)
        yield Gpu(
            index=index,
            uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
            name=name,
            profile=profile_of(name, capability),
            memory_bytes=None if memory is None else int(memory.total),
            driver=_text(pynvml.nvmlSystemGetDriverVersion()),
            cuda_driver=None if version is None else f"{version // 1000}.{version % 1000 // 10}",
            compute_capability=capability,
            sm_clock_mhz=_told("nvmlDeviceGetClockInfo", whole, pynvml.NVML_CLOCK_SM),
            max_sm_clock_mhz=_told("nvmlDeviceGetMaxClockInfo", whole, pynvml.NVML_CLOCK_SM),
            memory_clock_mhz=_told("nvmlDeviceGetClockInfo", whole, pynvml.NVML_CLOCK_MEM),
            power_limit_w=_scaled(_told("nvmlDeviceGetEnforcedPowerLimit", whole), 1e-3),
        )


def _slices(whole: Any) -> list[Any]:
    mode = _told("nvmlDeviceGetMigMode", whole)
    if not mode or mode[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
        return []
    places = range(_told("nvmlDeviceGetMaxMigDeviceCount", whole) or 0)
    handles = [_told("nvmlDeviceGetMigDeviceHandleByIndex", whole, place) for place in places]
    return [handle for handle in handles if handle is not None]


def visible(gpus: tuple[Gpu, ...], setting: str | None) -> tuple[Gpu, ...]:
    """The GPUs that ``CUDA_VISIBLE_DEVICES`` leaves, in its order, the way CUDA reads it.

    Args:
        gpus: of the machine.
        setting: the variable's value: numbers as ``nvidia-smi`` counts, or ids and beginnings of them; the first entry
            that is no GPU hides those behind it. None where it is not set, which hides none.
    """
    if setting is None:
        return gpus
    seen: list[Gpu] = []
    for entry in map(str.strip, setting.split(",")):
        named = [gpu for gpu in gpus if entry and gpu.uuid.startswith(entry)]
        if entry.isdigit():
            named = [gpu for gpu in gpus if gpu.index == int(entry)][:1]  # of its slices, CUDA takes the first
        if len(named) != 1 or named[0] in seen:
            break
        seen += named
    return tuple(seen)


class Reading(NamedTuple):
    """What a GPU is doing at one moment; None where its driver does not tell."""

    power_w: float | None
    energy_j: float | None
    temperature_c: int | None
    sm_clock_mhz: int | None
    slow_down: tuple[str, ...] | None
    processes: tuple[int, ...] | None


class OpenGpu:
    """A GPU that can be asked again and again, until it is closed.

    Raises:
        DeviceError: on construction and on every reading, when the driver answers with an error.
    """

    def __init__(self, uuid: str) -> None:
        with _errors_mapped():
            pynvml.nvmlInit()
            try:
                self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
            except pynvml.NVMLError:
                pynvml.nvmlShutdown()
                raise

    def read(self) -> Reading:
        """What the GPU is doing now."""
        handle = self._handle
        with _errors_mapped():
            reasons = _told("nvmlDeviceGetCurrentClocksEventReasons", handle)
            if reasons is None:  # drivers before 535 know it under its old name only
                reasons = _told("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
            running = _told("nvmlDeviceGetComputeRunningProcesses", handle)
            return Reading(
                power_w=_scaled(_told("nvmlDeviceGetPowerUsage", handle), 1e-3),
                energy_j=_scaled(_told("nvmlDeviceGetTotalEnergyConsumption", handle), 1e-3),
                temperature_c=_told("nvmlDeviceGetTemperature", handle, pynvml.NVML_TEMPERATURE_GPU),
                sm_clock_mhz=_told("nvmlDeviceGetClockInfo", handle, pynvml.NVML_CLOCK_SM),
                slow_down=None if reasons is None else tuple(t for bit, t in _SLOW_DOWN.items() if reasons & bit),
                processes=None if running is None else tuple(process.pid for process in running),
            )

    def close(self) -> None:
        """Let go of the driver."""
        with _errors_mapped():
            pynvml.nvmlShutdown()
