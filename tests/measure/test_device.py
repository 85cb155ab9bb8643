from __future__ import annotations

from dataclasses import replace

import pynvml
import pytest

from pytest_opml.errors import DeviceError
from pytest_opml.measure import device
from pytest_opml.measure.device import check_devices, detect, training_gpus, without_gpu
from pytest_opml.records.device import CpuClock, Device
from tests.support.fake_nvml import FakeGpu, FakeNvml, h100, p100, v100

UNKNOWN = FakeGpu("NVIDIA GeForce RTX 4090", "GPU-4090", (8, 9))
OLD = FakeGpu("NVIDIA GeForce GTX 1080", "GPU-1080", (6, 1))


@pytest.fixture(autouse=True)
def nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def refused(wanted: str) -> str:
    with pytest.raises(DeviceError) as caught:
        detect(wanted, None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_auto_takes_the_first_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(v100(), h100()).install(monkeypatch)
    found = detect("auto", None)
    assert (found.profile, found.float16_in_hardware) == ("v100", True)
    assert [gpu.profile for gpu in found.gpus] == ["v100", "h100"]
    assert found.gpu == found.gpus[0]


def test_a_gpu_can_be_asked_for_by_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(v100(), p100(), h100()).install(monkeypatch)
    found = detect("p100", None)
    assert (found.profile, found.float16_in_hardware) == ("p100", False)
    assert found.gpu == found.gpus[1]


@pytest.mark.parametrize(
    ("gpu", "profile", "fast"), [(h100(), "h100", True), (UNKNOWN, "gpu", True), (OLD, "gpu", False)]
)
def test_gpu_is_any_gpu_under_its_own_profile(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeGpu, profile: str, fast: bool
) -> None:
    FakeNvml(gpu).install(monkeypatch)
    found = detect("gpu", None)
    assert (found.profile, found.float16_in_hardware, found.gpu) == (profile, fast, found.gpus[0])


def test_the_users_choice_of_visible_gpus_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(p100(), v100(), h100()).install(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,1")
    assert detect("auto", None).profile == "h100"
    assert detect("v100", None).profile == "v100"
    assert len(detect("gpu", None).gpus) == 3
    assert refused("p100") == (
        "--opml-gpu=p100: hidden by CUDA_VISIBLE_DEVICES on this machine, which has "
        "Tesla P100-PCIE-16GB (p100, hidden), Tesla V100-SXM2-16GB (v100), NVIDIA H100 80GB HBM3 (h100); "
        "allowed here: auto, cpu, h100, v100"
    )


@pytest.mark.parametrize("setting", ["", "-1"])
def test_with_all_gpus_hidden_auto_is_the_cpu(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    FakeNvml(v100()).install(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", setting)
    found = detect("auto", None)
    assert (found.profile, found.gpu, len(found.gpus)) == ("cpu", None, 1)
    assert "hidden by CUDA_VISIBLE_DEVICES" in refused("gpu")


def test_a_gpu_that_is_not_there_is_refused_with_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(p100(), UNKNOWN).install(monkeypatch)
    assert refused("v100") == (
        "--opml-gpu=v100: not on this machine, which has Tesla P100-PCIE-16GB (p100), NVIDIA GeForce RTX 4090 (gpu); "
        "allowed here: auto, cpu, p100, gpu"
    )


@pytest.mark.parametrize("wanted", ["h100", "gpu"])
def test_without_a_gpu_asking_for_one_is_refused(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    FakeNvml(init_error=pynvml.NVML_ERROR_LIBRARY_NOT_FOUND).install(monkeypatch)
    assert refused(wanted) == f"--opml-gpu={wanted}: not on this machine, which has no GPU; allowed here: auto, cpu"
    assert detect("auto", None).profile == "cpu"


def test_a_broken_driver_stops_a_run_that_could_use_it_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(v100(errors={"nvmlDeviceGetName": pynvml.NVML_ERROR_GPU_IS_LOST})).install(monkeypatch)
    assert refused("auto") == "the NVIDIA driver answers with an error: GPU is lost"
    assert detect("cpu", None).gpus == ()


def test_the_cpu_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = CpuClock(governor="performance", boost=False, current_mhz=2100, max_mhz=3000)
    monkeypatch.setattr(device, "read_cpu_clock", lambda: clock)
    found = detect("cpu", 3)
    assert (found.profile, found.gpu, found.gpus, found.threads, found.cpu_clock) == ("cpu", None, (), 3, clock)
    assert found.cpu
    assert found.cores >= 1
    assert found.memory_bytes > 2**30


def test_without_its_gpu_a_machine_is_its_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(v100()).install(monkeypatch)
    monkeypatch.setattr(device, "cpu_has_float16", lambda: False)
    found = detect("auto", 2)
    left = without_gpu(found)
    assert (left.profile, left.gpu, left.float16_in_hardware) == ("cpu", None, False)
    assert (left.gpus, left.threads) == (found.gpus, 2)


def test_a_device_survives_its_json(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(p100(), v100()).install(monkeypatch)
    found = detect("v100", None)
    assert Device.model_validate_json(found.model_dump_json()) == found


def alike(number: int) -> FakeGpu:
    return replace(v100(), uuid=f"GPU-{number}")


def test_a_training_may_have_the_visible_gpus_of_one_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(alike(0), p100(), alike(2), alike(3)).install(monkeypatch)
    found = detect("v100", None)
    assert [gpu.uuid for gpu in training_gpus(found)] == ["GPU-0", "GPU-2", "GPU-3"]
    check_devices(3, found)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1,2")
    found = detect("v100", None)
    assert [gpu.uuid for gpu in training_gpus(found)] == ["GPU-3", "GPU-2"]
    with pytest.raises(DeviceError) as caught:
        check_devices(3, found)
    assert str(caught.value) == (
        "devices = 3: a training can have 2 GPUs of the kind v100 here; write devices=2, or have CUDA_VISIBLE_DEVICES "
        "show more"
    )
    assert training_gpus(without_gpu(found)) == ()
    check_devices(3, without_gpu(found))  # TensorFlow knows how many CPUs it has


def test_a_training_has_one_slice_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    slices = tuple(replace(h100(), uuid=f"MIG-{number}") for number in range(2))
    FakeNvml(h100(slices=slices)).install(monkeypatch)
    assert [gpu.uuid for gpu in training_gpus(detect("auto", None))] == ["MIG-0"]
    with pytest.raises(DeviceError, match="devices = 2: a training can have 1 GPU of the kind h100 here"):
        check_devices(2, detect("auto", None))
