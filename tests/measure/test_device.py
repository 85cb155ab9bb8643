from __future__ import annotations

from types import SimpleNamespace

import pynvml
import pytest

from pytest_opml.errors import DeviceError
from pytest_opml.measure import device


class FakeNvml:
    """The part of NVML that is used, with the GPUs of a machine that this one is not."""

    def __init__(self, *names: str, broken: bool = False) -> None:
        self.names, self.broken = names, broken

    def install(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(pynvml, "nvmlInit", lambda: None)
        patch.setattr(pynvml, "nvmlShutdown", lambda: None)
        patch.setattr(pynvml, "nvmlSystemGetDriverVersion", lambda: "535.104")
        patch.setattr(pynvml, "nvmlDeviceGetCount", lambda: len(self.names))
        patch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
        patch.setattr(pynvml, "nvmlDeviceGetName", lambda handle: self.names[handle].encode())
        patch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", self._memory)

    def _memory(self, _handle: int) -> SimpleNamespace:
        if self.broken:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return SimpleNamespace(total=16 * 2**30)


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("Tesla P100-PCIE-16GB", "p100"),
        ("Tesla V100-SXM2-16GB", "v100"),
        ("Tesla T4", "t4"),
        ("NVIDIA A10", "a10"),
        ("NVIDIA A10G", "a10"),
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA L4", "l4"),
        ("NVIDIA L40S", "gpu"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H200", "h200"),
        ("NVIDIA GeForce RTX 4090", "gpu"),
    ],
)
def test_a_gpu_is_known_by_its_drivers_name(name: str, profile: str) -> None:
    assert device.gpu_profile(name) == profile


def test_auto_takes_the_first_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml("Tesla V100-SXM2-16GB", "Tesla T4").install(monkeypatch)
    found = device.detect("auto", None)
    assert (found.profile, found.float16_in_hardware, len(found.gpus)) == ("v100", True, 2)
    assert found.gpus[0].driver == "535.104"


def test_a_gpu_can_be_asked_for_by_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml("Tesla V100-SXM2-16GB", "Tesla P100-PCIE-16GB").install(monkeypatch)
    found = device.detect("p100", None)
    assert (found.profile, found.float16_in_hardware) == ("p100", False)


def test_a_gpu_that_is_not_there_is_refused_with_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml("Tesla T4").install(monkeypatch)
    with pytest.raises(DeviceError, match=r"--opml-gpu=v100: not on this machine, which has Tesla T4 \(t4\)"):
        device.detect("v100", None)


def test_without_a_gpu_asking_for_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "read_gpus", lambda: ())
    with pytest.raises(DeviceError, match="which has no GPU"):
        device.detect("h100", None)
    assert device.detect("auto", None).profile == "cpu"


def test_a_driver_that_answers_with_errors_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml("Tesla T4", broken=True).install(monkeypatch)
    with pytest.raises(DeviceError, match="the NVIDIA driver answers with an error"):
        device.detect("auto", None)


def test_no_driver_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    assert device.read_gpus() == ()


def test_the_cpu_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml("Tesla T4").install(monkeypatch)
    found = device.detect("cpu", 3)
    assert (found.profile, found.gpus, found.threads) == ("cpu", (), 3)
    assert found.cpu
    assert found.cores >= 1
    assert found.memory_bytes > 2**30
