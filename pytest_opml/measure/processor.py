"""The processor: its name, whether it computes in half precision, and how its clock may run."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import psutil

from ..records.device import CpuClock

_FLOAT16_FLAGS = {"avx512_fp16", "fphp"}


def _described() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return {}
    return dict(re.findall(r"^([\w ]+?)\s*:\s*(.*)$", text, flags=re.MULTILINE))


def cpu_name() -> str:
    """Return the name that the vendor gave it."""
    return _described().get("model name") or platform.processor() or platform.machine()


def cpu_has_float16() -> bool:
    """Say whether the processor has float16 arithmetic."""
    fields = _described()
    return bool(_FLOAT16_FLAGS & set((fields.get("flags") or fields.get("Features") or "").split()))


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None


def _mhz(path: Path) -> float | None:
    text = _read(path)
    return float(text) / 1000 if text and text.isdigit() and int(text) > 0 else None


def read_cpu_clock(system: Path = Path("/sys/devices/system/cpu")) -> CpuClock:
    """Return what the system tells of the processor's clock.

    Args:
        system: the folder that Linux tells it in.
    """
    governors = {_read(path) for path in system.glob("cpu[0-9]*/cpufreq/scaling_governor")} - {None}
    no_turbo, boost = _read(system / "intel_pstate" / "no_turbo"), _read(system / "cpufreq" / "boost")
    current = _mhz(system / "cpu0" / "cpufreq" / "scaling_cur_freq")
    highest = _mhz(system / "cpu0" / "cpufreq" / "cpuinfo_max_freq")
    if current is None or highest is None:
        try:
            told = psutil.cpu_freq()
        except (OSError, NotImplementedError, RuntimeError):
            told = None
        if told:
            current, highest = current or told.current or None, highest or told.max or None
    return CpuClock(
        governor=", ".join(sorted(filter(None, governors))) or None,
        boost=no_turbo == "0" if no_turbo else boost == "1" if boost else None,
        current_mhz=current,
        max_mhz=highest,
    )
