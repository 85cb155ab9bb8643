from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from pytest_opml.measure import processor
from pytest_opml.records.device import CpuClock


def tell(system: Path, **files: str) -> Path:
    """A folder of the kind that Linux tells it in; ``__`` in a name stands for a folder within."""
    for name, text in files.items():
        path = system / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return system


@pytest.fixture
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "cpu_freq", lambda: None)


def test_the_clock_of_a_server(tmp_path: Path, untold: None) -> None:
    system = tell(
        tmp_path,
        cpu0__cpufreq__scaling_governor="performance",
        cpu1__cpufreq__scaling_governor="performance",
        cpu0__cpufreq__scaling_cur_freq="2900000",
        cpu0__cpufreq__cpuinfo_max_freq="3800000",
        intel_pstate__no_turbo="0",
    )
    assert processor.read_cpu_clock(system) == CpuClock(
        governor="performance", boost=True, current_mhz=2900, max_mhz=3800
    )


def test_cores_under_different_governors_show_both(tmp_path: Path, untold: None) -> None:
    system = tell(tmp_path, cpu0__cpufreq__scaling_governor="powersave", cpu12__cpufreq__scaling_governor="performance")
    assert processor.read_cpu_clock(system).governor == "performance, powersave"


@pytest.mark.parametrize(
    ("file", "text", "boost"),
    [
        ("intel_pstate__no_turbo", "1", False),
        ("cpufreq__boost", "1", True),
        ("cpufreq__boost", "0", False),
    ],
)
def test_both_ways_to_say_boost_are_read(tmp_path: Path, untold: None, file: str, text: str, boost: bool) -> None:
    assert processor.read_cpu_clock(tell(tmp_path, **{file: text})) == CpuClock(boost=boost)


def test_a_machine_that_tells_nothing(tmp_path: Path, untold: None) -> None:
    assert processor.read_cpu_clock(tmp_path) == CpuClock()


def test_psutil_fills_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "cpu_freq", lambda: SimpleNamespace(current=2596.1, min=0.0, max=0.0))
    assert processor.read_cpu_clock(tmp_path) == CpuClock(current_mhz=2596.1)


def test_the_processor_of_this_machine_has_a_name() -> None:
    assert processor.cpu_name()
