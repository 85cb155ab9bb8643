"""The checks of the devices that cases could run on, and of what TensorFlow sees of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import DeviceError, OpmlError
from .finding import Finding

if TYPE_CHECKING:
    from ..records.device import Device, Gpu, TensorFlowBuild
    from ..settings import Settings

_TOPIC = "devices"
_VARIABLE = "CUDA_VISIBLE_DEVICES"
_SEE_DRIVER = "see what nvidia-smi says; a driver that was updated needs a restart"


def devices(settings: Settings, *, quick: bool) -> Iterator[Finding]:
    """Look at the processor, the GPUs, the device that ``[tool.opml]`` asks for, and TensorFlow on it.

    Args:
        settings: of the project.
        quick: whether to leave TensorFlow out.
    """
    from ..measure.device import detect, without_gpu

    if not quick:
        from ..runner.launchers.process import start_server

        start_server()  # its imports take seconds, and the rest of this can go on beside them
    processor = detect("cpu", settings.threads)
    yield _cpu(processor)
    yield _memory(settings)
    yield from _gpus()
    try:
        device = detect("auto" if settings.fleet else settings.gpu, settings.threads)
    except DeviceError as error:
        if settings.gpu != "auto" and not settings.fleet:
            yield Finding(_TOPIC, "chosen", "problem", str(error), "write another gpu in [tool.opml], or gpu = 'auto'")
        device = without_gpu(processor)
    if quick:
        yield Finding(_TOPIC, "TensorFlow", "note", "not asked what it sees", "leave --quick away to ask it")
        return
    yield from _tensorflow(device)


def _cpu(device: Device) -> Finding:
    half = "has" if device.float16_in_hardware else "no"
    text = (
        f"{device.cpu}, {device.cores} cores, {device.threads} threads per case, "
        f"{device.memory_bytes / 1e9:.1f} GB of memory, {half} half-precision arithmetic"
    )
    return Finding(_TOPIC, "CPU", "ok", text)


def _memory(settings: Settings) -> Finding:
    from ..measure.memory import default_limit

    limit, source = default_limit()
    if settings.memory_mb:
        limit, source = settings.memory_mb * 1e6, "memory_mb"
    return Finding(_TOPIC, "memory", "ok", f"a case may take {limit / 1e6:.0f} MB ({source})")


def _gpus() -> Iterator[Finding]:
    from ..measure.nvml import read_gpus, visible

    try:
        gpus = read_gpus()
    except DeviceError as error:
        yield Finding(_TOPIC, "GPU", "problem", str(error), _SEE_DRIVER)
        return
    if not gpus:
        yield Finding(_TOPIC, "GPU", "ok", "no NVIDIA driver here; cases run on the CPU")
    seen = visible(gpus, os.environ.get(_VARIABLE))
    for gpu in gpus:
        if gpu in seen:
            yield Finding(_TOPIC, f"GPU {gpu.index}", "ok", _gpu_text(gpu))
        else:
            text = f"{_gpu_text(gpu)}; hidden by {_VARIABLE}"
            yield Finding(_TOPIC, f"GPU {gpu.index}", "note", text, f"unset {_VARIABLE} to use it")


def _gpu_text(gpu: Gpu) -> str:
    memory = "" if gpu.memory_bytes is None else f", {gpu.memory_bytes / 1e9:.1f} GB"
    cuda = f", for CUDA up to {gpu.cuda_driver}" if gpu.cuda_driver else ""
    return f"{gpu.name} (profile {gpu.profile}{memory}), driver {gpu.driver}{cuda}"


def _tensorflow(device: Device) -> Iterator[Finding]:
    from ..measure.tensorflow_info import confirm
    from ..runner.launchers.process import probe

    try:
        build = probe(device)
    except OpmlError as error:
        yield Finding(_TOPIC, "TensorFlow", "problem", str(error), "pip install --force-reinstall tensorflow")
        return
    yield Finding(_TOPIC, "TensorFlow", "ok", _build_text(build, device))
    if device.gpu is None:
        return
    try:
        # Asked for by name, a GPU that TensorFlow does not see is refused and not replaced by the CPU.
        confirm(device.gpu.profile, device, build)
    except DeviceError as error:
        text = str(error).partition(": ")[2]
        cuda = "pip install 'tensorflow[and-cuda]', or write gpu = 'cpu' in [tool.opml] to do without the GPU"
        yield Finding(_TOPIC, "TensorFlow's GPU", "problem", text, cuda)


def _build_text(build: TensorFlowBuild, device: Device) -> str:
    built = f"built for CUDA {build.cuda_version}" if build.cuda_version else "built without CUDA"
    if device.gpu is None:
        return f"{build.version}, {built}; runs on the CPU"
    seen = ", ".join(gpu.name for gpu in build.gpus)
    return f"{build.version}, {built}; sees {seen or 'no GPU'}"
