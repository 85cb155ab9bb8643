"""What a machine does for number formats, measured once for it and kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..measure.arithmetic import NumberFormat, relative_time
from ..progress import report_progress
from ..records.device import Device
from ..runtimes.threads import limit_process
from ..storage.cache import Cache
from .cache_keys import key_of, versions_of_makers

_FILE = "arithmetic.json"
_KIND = "arithmetic"


def speed_of(form: NumberFormat, cache: Cache, device: Device) -> float | None:
    """Return the time of a small network in a format, as a share of that in float32; see ``relative_time``.

    Args:
        form: the format.
        cache: that keeps what was measured.
        device: that this process runs on, with the threads that it may use.
    """
    key = key_of(
        {
            "format": form.text,
            "device": [device.profile, device.cpu, device.threads, device.gpu and device.gpu.name],
            "versions": versions_of_makers(),
        }
    )

    def fill(folder: Path) -> None:
        report_progress(f"measuring what {form.text} is here")
        (folder / _FILE).write_text(json.dumps(relative_time(form)), "utf-8")

    share: float | None = json.loads((cache.entry(_KIND, key, fill) / _FILE).read_text("utf-8"))
    return share


def speeds_of(forms: Sequence[NumberFormat], cache_dir: Path, device: Device) -> list[float | None]:
    """Return what ``speed_of`` gives for several formats; for a process of its own, which is held to the threads."""
    limit_process(device.threads)
    cache = Cache(cache_dir)
    return [speed_of(form, cache, device) for form in forms]
