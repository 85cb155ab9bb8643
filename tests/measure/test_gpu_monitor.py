from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pynvml
import pytest

from pytest_opml.measure.gpu_monitor import GpuMonitor
from pytest_opml.records.device import GpuUse
from tests.support.fake_nvml import FakeGpu, FakeNvml, p100, v100

GONE = 2**22 + 5  # beyond the largest id that Linux gives


def watched(patch: pytest.MonkeyPatch, gpu: FakeGpu, *times: float) -> GpuUse:
    """The result of sampling at these times, the first and the last by entering and leaving."""
    fake = FakeNvml(gpu).install(patch)
    clock = iter(times)
    with GpuMonitor(gpu.uuid, lambda: next(clock)) as monitor:
        for _ in times[2:]:
            monitor.sample()
    assert fake.opened == 0
    return monitor.result()


@pytest.fixture
def stranger() -> Iterator[int]:
    """A process that is no child of this one."""
    program = "from subprocess import *; print(Popen(['sleep', '60'], stdout=DEVNULL, stderr=DEVNULL).pid)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    pid = int(done.stdout)
    yield pid
    os.kill(pid, 9)


def test_energy_is_the_difference_of_the_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = v100(energy_mj=[1_000_000, 1_150_000, 1_400_000], power_mw=[50_000, 300_000, 90_000])
    use = watched(monkeypatch, gpu, 10.0, 11.0, 12.0)
    assert (use.energy_j, use.energy_source, use.mean_power_w) == (400.0, "counter", 200.0)
    assert (use.seconds, use.samples, use.problem) == (2.0, 3, None)


def test_without_a_counter_it_is_the_integral_of_the_power(monkeypatch: pytest.MonkeyPatch) -> None:
    use = watched(monkeypatch, p100(power_mw=[100_000, 200_000, 100_000]), 0.0, 1.0, 4.0)
    assert use.energy_j == pytest.approx(150 * 1 + 150 * 3)
    assert use.energy_source == "power samples"
    assert use.mean_power_w == pytest.approx(150)


def test_a_counter_that_started_anew_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    use = watched(monkeypatch, v100(energy_mj=[900_000, 10], power_mw=[80_000]), 0.0, 2.0)
    assert (use.energy_j, use.energy_source) == (160.0, "power samples")


def test_temperature_and_clocks_are_the_extremes(monkeypatch: pytest.MonkeyPatch) -> None:
    use = watched(monkeypatch, v100(temperature_c=[41, 83, 77], sm_clock_mhz=[1530, 1110, 1290]), 0, 1, 2)
    assert (use.max_temperature_c, use.min_sm_clock_mhz, use.max_sm_clock_mhz) == (83, 1110, 1530)


def test_every_slow_down_seen_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    use = watched(monkeypatch, v100(throttle_bits=[0x1, 0x24, 0x4, 0x2]), 0, 1, 2, 3)
    assert use.throttle_reasons == ("software power cap", "software thermal slow-down")


def test_no_slow_down_is_not_the_same_as_none_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(monkeypatch, v100(throttle_bits=[0x1]), 0, 1).throttle_reasons == ()
    assert watched(monkeypatch, v100(throttle_bits=None), 0, 1).throttle_reasons is None


def test_what_a_gpu_does_not_support_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = dict.fromkeys(
        ("power_mw", "energy_mj", "temperature_c", "sm_clock_mhz", "throttle_bits", "processes"), None
    )
    assert watched(monkeypatch, v100(**nothing), 0.0, 3.0) == GpuUse(seconds=3.0, samples=2)


def test_processes_of_others_are_told_from_our_own(monkeypatch: pytest.MonkeyPatch, stranger: int) -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        gpu = v100(processes=[[os.getpid(), child.pid], [os.getppid(), stranger], []])
        assert watched(monkeypatch, gpu, 0, 1, 2).other_processes == (stranger,)
        child.kill()


@pytest.mark.parametrize(
    ("running", "others"),
    [
        ([GONE], ()),  # in a container: most likely this process, by the host's number
        ([GONE, GONE + 1], (GONE, GONE + 1)),
        ([os.getpid(), GONE], (GONE,)),
        ([], ()),
    ],
)
def test_numbers_of_the_host_are_not_taken_for_others_lightly(
    monkeypatch: pytest.MonkeyPatch, running: list[int], others: tuple[int, ...]
) -> None:
    assert watched(monkeypatch, v100(processes=[running]), 0, 1).other_processes == others


def test_an_error_in_the_middle_leaves_nothing_but_the_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = v100(energy_mj=[0, 5000])
    fake = FakeNvml(gpu).install(monkeypatch)
    with GpuMonitor(gpu.uuid) as monitor:
        monitor.sample()
        gpu.errors["nvmlDeviceGetTemperature"] = pynvml.NVML_ERROR_GPU_IS_LOST
        monitor.sample()
        monitor.sample()
    use = monitor.result()
    assert use == GpuUse(seconds=use.seconds, samples=2, problem="the NVIDIA driver answers with an error: GPU is lost")
    assert fake.opened == 0


@pytest.mark.parametrize("error", [None, pynvml.NVML_ERROR_LIBRARY_NOT_FOUND])
def test_a_gpu_that_cannot_be_opened_is_a_problem_and_no_exception(
    monkeypatch: pytest.MonkeyPatch, error: int | None
) -> None:
    FakeNvml(v100(), init_error=error).install(monkeypatch)
    with GpuMonitor("GPU-none") as monitor:
        monitor.sample()
    use = monitor.result()
    assert (use.energy_j, use.samples) == (None, 0)
    assert "Not Found" in (use.problem or "")


def test_an_exception_of_what_is_measured_passes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = v100()
    fake = FakeNvml(gpu).install(monkeypatch)
    with pytest.raises(KeyError), GpuMonitor(gpu.uuid):
        raise KeyError
    assert fake.opened == 0


def test_unused_it_says_so() -> None:
    assert GpuMonitor("GPU-0").result().problem == "the GPU was not watched"
