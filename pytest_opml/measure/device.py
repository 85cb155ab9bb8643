"""What hardware there is, and which kind the user asked for."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import psutil

from ..domain.records import Device, Gpu
from ..errors import DeviceError

# Longest names first where one contains another: "L4" is in "L40", "A10" in "A100".
_PATTERNS = {
    "h200": r"\bH200\b",
    "h100": r"\bH100\b",
    "a100": r"\bA100\b",
    "v100": r"\bV100\b",
    "p100": r"\bP100\b",
    "a10": r"\bA10G?\b",
    "l4": r"\bL4\b",
    "t4": r"\bT4\b",
}
_FLOAT16_SLOW = {"p100", "cpu"}


def gpu_profile(name: str) -> str:
    """The profile of a GPU by the name its driver gives; ``gpu`` for one that is not known."""
    return next((profile for profile, pattern in _PATTERNS.items() if re.search(pattern, name)), "gpu")


def read_gpus() -> tuple[Gpu, ...]:
    """The NVIDIA GPUs as NVML tells; none where there is no driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return tuple(
            Gpu(
                name=_text(pynvml.nvmlDeviceGetName(handle)),
                memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
                driver=driver,
            )
            for handle in handles
        )
    except pynvml.NVMLError as error:
        raise DeviceError(f"the NVIDIA driver answers with an error: {error}") from error
    finally:
        pynvml.nvmlShutdown()


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _cpu_name_and_flags() -> tuple[str, set[str]]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine(), set()
    fields = dict(re.findall(r"^([\w ]+?)\s*:\s*(.*)$", text, flags=re.MULTILINE))
    name = fields.get("model name") or platform.processor() or platform.machine()
    return name, set((fields.get("flags") or fields.get("Features") or "").split())


def detect(wanted: str, threads: int | None) -> Device:
    """Describe the machine and settle on a profile.

    Args:
        wanted: ``auto``, ``cpu`` or a profile that one of the GPUs must have.
        threads: that a runtime may use; None for one per available core.

    Raises:
        DeviceError: the machine has no such GPU; the text names what it has.
    """
    gpus = () if wanted == "cpu" else read_gpus()
    found = [gpu_profile(gpu.name) for gpu in gpus]
    if wanted == "auto":
        profile = found[0] if found else "cpu"
    elif wanted in ("cpu", *found):
        profile = wanted
    else:
        there = ", ".join(f"{gpu.name} ({kind})" for gpu, kind in zip(gpus, found, strict=True)) or "no GPU"
        raise DeviceError(f"--opml-gpu={wanted}: not on this machine, which has {there}; allowed here: auto, cpu")
    name, flags = _cpu_name_and_flags()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    on_cpu = bool(flags & {"avx512_fp16", "fphp"})
    return Device(
        profile=profile,
        cpu=name,
        cores=cores,
        threads=threads or cores,
        memory_bytes=psutil.virtual_memory().total,
        gpus=gpus,
        float16_in_hardware=on_cpu if profile == "cpu" else profile not in _FLOAT16_SLOW,
        platform=platform.platform(),
    )
