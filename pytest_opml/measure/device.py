"""Which device the cases run on, of those that the machine has, and what it is."""

from __future__ import annotations

import os
import platform

import psutil

from ..errors import DeviceError
from ..records.device import Device, Gpu
from ..records.hardware_profiles import has_fast_float16
from .cgroup import available_cores
from .nvml import read_gpus, visible
from .processor import cpu_has_float16, cpu_name, read_cpu_clock

_VARIABLE = "CUDA_VISIBLE_DEVICES"
# How the ids of slices of GPUs begin.
_SLICE = "MIG-"


def _choose(wanted: str, gpus: tuple[Gpu, ...]) -> Gpu | None:
    seen = visible(gpus, os.environ.get(_VARIABLE))
    if wanted == "cpu" or (wanted == "auto" and not seen):
        return None
    fitting = [gpu for gpu in seen if wanted in ("auto", "gpu", gpu.profile)]
    if fitting:
        return fitting[0]
    hidden = any(wanted in ("gpu", gpu.profile) for gpu in gpus)
    where = f"hidden by {_VARIABLE} on this machine" if hidden else "not on this machine"
    there = ", ".join(f"{gpu.name} ({gpu.profile}{'' if gpu in seen else ', hidden'})" for gpu in gpus) or "no GPU"
    allowed = dict.fromkeys(("auto", "cpu", *(gpu.profile for gpu in seen)))
    raise DeviceError(f"--opml-gpu={wanted}: {where}, which has {there}; allowed here: {', '.join(allowed)}")


def detect(wanted: str, threads: int | None) -> Device:
    """Describe the machine and settle on the device that runs the cases.

    Args:
        wanted: ``auto`` for the first GPU that ``CUDA_VISIBLE_DEVICES`` leaves, or the CPU where there is none;
            ``cpu``; ``gpu`` for any GPU; or the profile that one of the GPUs must have, whose first is taken.
        threads: that a runtime may use; None for one per available core.

    Raises:
        DeviceError: the machine has no such GPU; the text names what it has.
    """
    # A run on the CPU does not depend on the state of the NVIDIA driver.
    gpus = () if wanted == "cpu" else read_gpus()
    gpu = _choose(wanted, gpus)
    cores = available_cores()
    return Device(
        profile=gpu.profile if gpu else "cpu",
        cpu=cpu_name(),
        cores=cores,
        threads=threads or cores,
        memory_bytes=psutil.virtual_memory().total,
        gpus=gpus,
        gpu=gpu,
        float16_in_hardware=has_fast_float16(gpu.profile, gpu.compute_capability) if gpu else cpu_has_float16(),
        platform=platform.platform(),
        cpu_clock=read_cpu_clock(),
    )


def training_gpus(device: Device) -> tuple[Gpu, ...]:
    """Return the GPUs that one training may have: the chosen one first, then the others of its kind that are visible.

    Of the slices of GPUs (MIG) CUDA shows a process one only.
    """
    chosen = device.gpu
    if chosen is None or chosen.uuid.startswith(_SLICE):
        return (chosen,) if chosen else ()
    seen = visible(device.gpus, os.environ.get(_VARIABLE))
    alike = (gpu for gpu in seen if gpu.profile == chosen.profile and not gpu.uuid.startswith(_SLICE))
    return (chosen, *(gpu for gpu in alike if gpu != chosen))


def check_devices(wanted: int, device: Device) -> None:
    """Check that a training on so many GPUs can be done; where the CPU was chosen, TensorFlow says what it has of it.

    Raises:
        DeviceError: there are fewer; the text says how many.
    """
    there = len(training_gpus(device))
    if device.gpu and wanted > there:
        gpus = f"{there} GPU{'s' if there > 1 else ''} of the kind {device.profile}"
        raise DeviceError(
            f"devices = {wanted}: a training can have {gpus} here; write devices={there}, or have {_VARIABLE} show more"
        )


def without_gpu(device: Device) -> Device:
    """Return the same machine with the cases on its CPU."""
    return device.model_copy(update={"profile": "cpu", "gpu": None, "float16_in_hardware": cpu_has_float16()})
