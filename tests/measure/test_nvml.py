from __future__ import annotations

import pynvml
import pytest

from pytest_opml.errors import DeviceError
from pytest_opml.measure.nvml import OpenGpu, read_gpus, visible
from pytest_opml.records.device import Gpu
from tests.support.fake_nvml import FakeGpu, FakeNvml, h100, p100, v100

LOST = pynvml.NVML_ERROR_GPU_IS_LOST


def test_a_gpu_is_described_by_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNvml(v100(sm_clock_mhz=[135])).install(monkeypatch)
    assert read_gpus() == (
        Gpu(
            index=0,
            uuid="GPU-2b000000-0000-0000-0000-000000000100",
            name="Tesla V100-SXM2-16GB",
            profile="v100",
            memory_bytes=16 * 2**30,
            driver="550.54.15",
            cuda_driver="12.4",
            compute_capability="7.0",
            sm_clock_mhz=135,
            max_sm_clock_mhz=1530,
            memory_clock_mhz=877,
            power_limit_w=300.0,
        ),
    )
    assert fake.opened == 0


def test_each_of_two_gpus_is_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(p100(), h100()).install(monkeypatch)
    found = read_gpus()
    assert [(gpu.index, gpu.profile, gpu.compute_capability) for gpu in found] == [
        (0, "p100", "6.0"),
        (1, "h100", "9.0"),
    ]


def test_what_a_gpu_does_not_support_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = FakeGpu("Some GPU", "GPU-0", None, None, None, None, None, None)
    FakeNvml(bare, missing=("nvmlSystemGetCudaDriverVersion_v2",)).install(monkeypatch)
    assert read_gpus() == (
        Gpu(index=0, uuid="GPU-0", name="Some GPU", profile="gpu", memory_bytes=None, driver="550.54.15"),
    )


@pytest.mark.parametrize("query", ["nvmlDeviceGetHandleByIndex", "nvmlDeviceGetName", "nvmlDeviceGetClockInfo"])
def test_a_lost_gpu_is_an_error_in_one_line(monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    fake = FakeNvml(v100(), p100(errors={query: LOST})).install(monkeypatch)
    with pytest.raises(DeviceError, match=r"^the NVIDIA driver answers with an error: GPU is lost$"):
        read_gpus()
    assert fake.opened == 0


def test_a_driver_that_does_not_fit_its_library_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(v100(), init_error=pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH).install(monkeypatch)
    with pytest.raises(DeviceError, match="version mismatch"):
        read_gpus()


@pytest.mark.parametrize("error", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED])
def test_no_driver_is_no_gpu(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    FakeNvml(init_error=error).install(monkeypatch)
    assert read_gpus() == ()


def test_a_driver_without_gpus_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml().install(monkeypatch)
    assert read_gpus() == ()


def sliced() -> FakeGpu:
    names = {"name": "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "memory_bytes": 10 * 2**30}
    refused = dict.fromkeys(("nvmlDeviceGetPowerUsage", "nvmlDeviceGetClockInfo"), pynvml.NVML_ERROR_INVALID_ARGUMENT)
    one = FakeGpu(uuid="MIG-a0", energy_mj=None, errors=refused, **names)
    return h100(slices=(one, None, FakeGpu(uuid="MIG-b0", **names)))


def test_a_gpu_in_slices_is_its_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(v100(), sliced()).install(monkeypatch)
    found = read_gpus()
    assert [(gpu.index, gpu.uuid[:5], gpu.profile) for gpu in found] == [
        (0, "GPU-2", "v100"),
        (1, "MIG-a", "h100"),
        (1, "MIG-b", "h100"),
    ]
    assert (found[1].memory_bytes, found[1].compute_capability, found[1].max_sm_clock_mhz) == (10 * 2**30, "9.0", 1980)
    assert [gpu.uuid for gpu in visible(found, "1")] == ["MIG-a0"]
    assert [gpu.uuid for gpu in visible(found, "MIG-b0")] == ["MIG-b0"]


@pytest.mark.parametrize(
    ("setting", "profiles"),
    [
        (None, ["p100", "v100", "h100"]),
        ("", []),
        ("-1", []),
        ("0", ["p100"]),
        ("2,0", ["h100", "p100"]),
        (" 1 , 2 ", ["v100", "h100"]),
        ("1,-1,0", ["v100"]),
        ("7", []),
        ("0,7,1", ["p100"]),
        ("1,1", ["v100"]),
        ("GPU-1a000000-0000-0000-0000-000000000100", ["p100"]),
        ("GPU-2c,GPU-1", ["h100", "p100"]),
        ("GPU-2", []),  # of two
        ("none", []),
    ],
)
def test_hidden_gpus_are_left_out_the_way_cuda_does(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, profiles: list[str]
) -> None:
    FakeNvml(p100(), v100(), h100()).install(monkeypatch)
    assert [gpu.profile for gpu in visible(read_gpus(), setting)] == profiles


# --- readings


def test_a_reading_is_in_units(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = v100(power_mw=[123_400], energy_mj=[5_000], temperature_c=[61], sm_clock_mhz=[1290], processes=[[17, 4]])
    fake = FakeNvml(gpu).install(monkeypatch)
    opened = OpenGpu(gpu.uuid)
    assert opened.read() == (123.4, 5.0, 61, 1290, (), (17, 4))
    opened.close()
    assert fake.opened == 0


def test_a_slice_tells_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(sliced()).install(monkeypatch)
    assert OpenGpu("MIG-a0").read() == (None, None, 40, None, (), ())


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (pynvml.nvmlClocksThrottleReasonNone, ()),
        (pynvml.nvmlClocksThrottleReasonGpuIdle, ()),
        (pynvml.nvmlClocksThrottleReasonApplicationsClocksSetting, ()),
        (pynvml.nvmlClocksThrottleReasonSyncBoost, ()),
        (pynvml.nvmlClocksThrottleReasonSwPowerCap, ("software power cap",)),
        (pynvml.nvmlClocksThrottleReasonHwSlowdown, ("hardware slow-down",)),
        (pynvml.nvmlClocksThrottleReasonSwThermalSlowdown, ("software thermal slow-down",)),
        (pynvml.nvmlClocksThrottleReasonHwThermalSlowdown, ("hardware thermal slow-down",)),
        (pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown, ("hardware power brake",)),
        (0x48 | 0x1, ("hardware slow-down", "hardware thermal slow-down")),
    ],
)
@pytest.mark.parametrize("missing", [(), ("nvmlDeviceGetCurrentClocksEventReasons",)], ids=["new", "old"])
def test_only_real_slow_downs_count(
    monkeypatch: pytest.MonkeyPatch, bits: int, words: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    gpu = v100(throttle_bits=[bits])
    FakeNvml(gpu, missing=missing).install(monkeypatch)
    assert OpenGpu(gpu.uuid).read().slow_down == words


def test_a_gpu_that_is_gone_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNvml(v100()).install(monkeypatch)
    with pytest.raises(DeviceError, match=r"answers with an error: Not Found$"):
        OpenGpu("GPU-ffff")
    assert fake.opened == 0


def test_a_gpu_lost_between_readings_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = v100()
    FakeNvml(gpu).install(monkeypatch)
    opened = OpenGpu(gpu.uuid)
    opened.read()
    gpu.errors["nvmlDeviceGetPowerUsage"] = LOST
    with pytest.raises(DeviceError, match="GPU is lost"):
        opened.read()
