"""The TensorFlow of the workers: what it was built for and told, and whether it sees the GPU that was chosen."""

from __future__ import annotations

import os
import re
from typing import Any

from ..errors import DeviceError
from ..records.device import Device, Gpu, SeenGpu, TensorFlowBuild
from ..records.hardware_profiles import profile_of
from .device import without_gpu

_TELLING = re.compile(r"(TF|XLA|OMP)_.+|CUDA_VISIBLE_DEVICES")


def _tensorflow() -> Any:
    import tensorflow as tf

    return tf


def let_gpu_memory_grow() -> None:
    """Make TensorFlow take memory of a GPU as it needs it, not all of it; before it runs anything there."""
    tf = _tensorflow()
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def describe_tensorflow(gpu: Gpu | None) -> TensorFlowBuild:
    """What this process' TensorFlow is; runs in a worker, since it starts the driver.

    Args:
        gpu: that the worker may use; without one, none is looked for.
    """
    tf = _tensorflow()
    built = tf.sysconfig.get_build_info()
    return TensorFlowBuild(
        version=tf.__version__,
        cuda_build=bool(tf.test.is_built_with_cuda()),
        cuda_version=built.get("cuda_version") or None,
        cudnn_version=built.get("cudnn_version") or None,
        gpus=tuple(_seen(tf, gpu_device) for gpu_device in tf.config.list_physical_devices("GPU")) if gpu else (),
        xla=_xla(tf.config.optimizer.get_jit(), os.environ.get("TF_XLA_FLAGS", "")),
        onednn=_onednn(os.environ.get("TF_ENABLE_ONEDNN_OPTS"), built),
        environment={name: value for name, value in sorted(os.environ.items()) if _TELLING.fullmatch(name)},
    )


def _seen(tf: Any, gpu: Any) -> SeenGpu:
    details = tf.config.experimental.get_device_details(gpu)
    capability = details.get("compute_capability")
    return SeenGpu(
        name=details.get("device_name") or gpu.name,
        compute_capability=".".join(map(str, capability)) if capability else None,
    )


def _xla(jit: str | bool, flags: str) -> str:
    level = re.search(r"--tf_xla_auto_jit=(\S+)", flags)
    if level and level[1] not in ("0", "-1"):
        return f"autoclustering ({level[0]})"
    return "on" if jit is True else jit or "off"


def _onednn(setting: str | None, built: dict[str, Any]) -> bool | None:
    # Builds for Intel's processors say so themselves; of others, only the variable is known to count.
    if setting is not None and setting.strip().lower() in ("0", "false"):
        return False
    if setting is not None and setting.strip().lower() in ("1", "true"):
        return True
    return True if built.get("is_mkl_build") else None


def confirm(wanted: str, device: Device, build: TensorFlowBuild) -> Device:
    """The device with what its workers' TensorFlow said; the CPU where none was asked for by name and none is seen.

    Args:
        wanted: what the user asked for.
        device: as it was detected.
        build: from a worker that may use the device's GPU.

    Raises:
        DeviceError: TensorFlow does not see the chosen GPU, or sees one of another kind.
    """
    gpu = device.gpu
    if gpu is None:
        return device.model_copy(update={"tensorflow": build})
    has = f"--opml-gpu={wanted}: the driver has {gpu.name} ({gpu.profile}), but TensorFlow {build.version}"
    if not build.gpus and wanted == "auto":
        hidden = build.model_copy(update={"environment": build.environment | {"CUDA_VISIBLE_DEVICES": "-1"}})
        return without_gpu(device).model_copy(update={"tensorflow": hidden})
    if not build.gpus:
        reason = "sees no GPU" if build.cuda_build else "was built without CUDA"
        raise DeviceError(f"{has} {reason}; install tensorflow[and-cuda] with a CUDA that driver {gpu.driver} serves")
    seen = build.gpus[0]
    profile = profile_of(seen.name, seen.compute_capability)
    if profile != gpu.profile:
        raise DeviceError(f"{has} sees {seen.name} ({profile}); set CUDA_VISIBLE_DEVICES to one GPU's id")
    return device.model_copy(update={"tensorflow": build})
