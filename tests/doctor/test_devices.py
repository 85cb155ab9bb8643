from __future__ import annotations

from pathlib import Path

import pynvml
import pytest

from pytest_opml.doctor.devices import devices
from pytest_opml.doctor.finding import Finding
from pytest_opml.errors import DeviceError
from pytest_opml.records.device import Device, SeenGpu, TensorFlowBuild
from pytest_opml.runner.launchers import process
from pytest_opml.settings import build_settings
from tests.support.fake_nvml import FakeNvml, h100, v100

BUILD = TensorFlowBuild(version="2.21.0", cuda_build=True, cuda_version="12.5.1", xla="off")


@pytest.fixture(autouse=True)
def nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def found(
    monkeypatch: pytest.MonkeyPatch, gpu: str = "auto", build: TensorFlowBuild | None = None
) -> dict[str, Finding]:
    """What is found where TensorFlow's answer is this one; without one it is not asked."""

    def probe(device: Device) -> TensorFlowBuild:
        assert build is not None
        return build

    monkeypatch.setattr(process, "start_server", lambda: None)
    monkeypatch.setattr(process, "probe", probe)
    settings = build_settings({"gpu": gpu}, {}, Path.cwd())
    return {finding.name: finding for finding in devices(settings, quick=build is None)}


def test_a_machine_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(init_error=pynvml.NVML_ERROR_LIBRARY_NOT_FOUND).install(monkeypatch)
    findings = found(monkeypatch, build=BUILD)
    assert {finding.state for finding in findings.values()} == {"ok"}
    assert "cores" in findings["CPU"].text
    assert findings["TensorFlow"].text == "2.21.0, built for CUDA 12.5.1; runs on the CPU"


def test_a_gpu_that_tensorflow_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(h100()).install(monkeypatch)
    seen = SeenGpu(name=h100().name, compute_capability="9.0")
    findings = found(monkeypatch, build=BUILD.model_copy(update={"gpus": (seen,)}))
    assert {finding.state for finding in findings.values()} == {"ok"}
    assert findings["GPU 0"].text == (
        "NVIDIA H100 80GB HBM3 (profile h100, 85.9 GB), driver 550.54.15, for CUDA up to 12.4"
    )
    assert findings["TensorFlow"].text == "2.21.0, built for CUDA 12.5.1; sees NVIDIA H100 80GB HBM3"


@pytest.mark.parametrize("gpu", ["auto", "h100"])
def test_a_gpu_that_tensorflow_does_not_see_is_a_problem(monkeypatch: pytest.MonkeyPatch, gpu: str) -> None:
    FakeNvml(h100()).install(monkeypatch)
    problem = found(monkeypatch, gpu, BUILD)["TensorFlow's GPU"]
    assert problem.state == "problem"
    assert problem.text.startswith("the driver has NVIDIA H100 80GB HBM3 (h100), but TensorFlow 2.21.0 sees no GPU")
    assert "pip install 'tensorflow[and-cuda]'" in problem.remedy


def test_on_the_cpu_it_does_not_matter_what_tensorflow_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(h100()).install(monkeypatch)
    assert {finding.state for finding in found(monkeypatch, "cpu", BUILD).values()} == {"ok"}


def test_a_hidden_gpu_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(h100(), v100()).install(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    findings = found(monkeypatch)
    assert [findings[name].state for name in ("GPU 0", "GPU 1")] == ["note", "ok"]
    assert findings["GPU 0"].text.endswith("; hidden by CUDA_VISIBLE_DEVICES")


def test_a_gpu_that_the_settings_ask_for_and_is_not_there_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(v100()).install(monkeypatch)
    problem = found(monkeypatch, "h100")["chosen"]
    assert problem.state == "problem"
    assert "not on this machine, which has Tesla V100-SXM2-16GB (v100)" in problem.text
    assert problem.remedy


def test_a_broken_driver_is_a_problem_and_the_cpu_is_described_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(init_error=pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH).install(monkeypatch)
    findings = found(monkeypatch, build=BUILD)
    assert findings["CPU"].state == "ok"
    assert findings["GPU"].state == "problem"
    assert "nvidia-smi" in findings["GPU"].remedy
    assert findings["TensorFlow"].state == "ok"


def test_a_tensorflow_that_does_not_start_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(init_error=pynvml.NVML_ERROR_LIBRARY_NOT_FOUND).install(monkeypatch)

    def probe(device: Device) -> TensorFlowBuild:
        raise DeviceError("TensorFlow does not start on the CPU: ModuleNotFoundError: No module named 'tensorflow'")

    monkeypatch.setattr(process, "probe", probe)
    monkeypatch.setattr(process, "start_server", lambda: None)
    *_, problem = devices(build_settings({}, {}, Path.cwd()), quick=False)
    assert (problem.name, problem.state) == ("TensorFlow", "problem")
    assert "pip install" in problem.remedy


def test_quickly_tensorflow_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(h100()).install(monkeypatch)
    assert found(monkeypatch)["TensorFlow"].state == "note"


@pytest.mark.tensorflow
def test_the_tensorflow_of_a_worker_here_is_asked() -> None:
    findings = {
        finding.name: finding for finding in devices(build_settings({"gpu": "cpu"}, {}, Path.cwd()), quick=False)
    }
    assert findings["TensorFlow"].state == "ok"
    assert findings["TensorFlow"].text.endswith("; runs on the CPU")
