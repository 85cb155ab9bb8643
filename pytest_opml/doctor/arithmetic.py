"""The check of what this machine does for number formats, measured once for it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from ..errors import DeviceError, OpmlError, one_line
from .finding import Finding

if TYPE_CHECKING:
    from ..settings import Settings

_TOPIC = "number formats"
_MOST_SECONDS = 300


def arithmetic(settings: Settings) -> Iterator[Finding]:
    """Say what each number format costs here, as a share of the time of a small network in float32."""
    from ..measure.arithmetic import formats
    from ..measure.device import detect, without_gpu
    from ..runner.arithmetic import speeds_of
    from ..runner.launchers.base import ProcessLimits, WorkerFailed
    from ..runner.launchers.process import ProcessLauncher

    try:
        device = detect(settings.gpu, settings.threads)
    except DeviceError:  # which the check of the devices tells of
        device = without_gpu(detect("cpu", settings.threads))
    forms = formats()
    try:
        limits = ProcessLimits(_MOST_SECONDS, None)
        speeds = ProcessLauncher(device.gpu).run(speeds_of, (forms, settings.cache_dir, device), limits)
    except (WorkerFailed, OpmlError) as error:
        yield Finding(_TOPIC, "measured", "note", f"could not be measured: {one_line(error)}")
        return
    for runtime, of_runtime in groupby(zip(forms, speeds, strict=True), key=lambda pair: pair[0].runtime):
        texts = {form.name: "not here" if share is None else f"{share:.2f}" for form, share in of_runtime}
        shares = ", ".join(f"{name} {text}" for name, text in texts.items())
        yield Finding(_TOPIC, runtime, "ok", f"time, float32 being 1: {shares}")
