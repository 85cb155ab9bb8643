from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_opml.errors import DeviceError
from pytest_opml.measure import device, tensorflow_info
from pytest_opml.measure.tensorflow_info import confirm, describe_tensorflow, let_gpu_memory_grow
from pytest_opml.records.device import Device, Gpu, SeenGpu, TensorFlowBuild
from tests.support.builders import make_device

V100 = SeenGpu(name="Tesla V100-SXM2-16GB", compute_capability="7.0")


class FakeTensorFlow:
    """What is asked of TensorFlow, with the GPUs that it is to see."""

    __version__ = "2.21.0"

    def __init__(self, *gpus: tuple[str, tuple[int, int]], jit: str = "", built: dict[str, Any] | None = None) -> None:
        self.grown: list[tuple[str, bool]] = []
        details = {f"/physical_device:GPU:{i}": gpu for i, gpu in enumerate(gpus)}

        def told(gpu: Any) -> dict[str, Any]:
            name, capability = details[gpu.name]
            return {"device_name": name, "compute_capability": capability} if name else {}

        self.config = SimpleNamespace(
            list_physical_devices=lambda kind: [SimpleNamespace(name=name) for name in details if kind == "GPU"],
            experimental=SimpleNamespace(
                get_device_details=told, set_memory_growth=lambda gpu, on: self.grown.append((gpu.name, on))
            ),
            optimizer=SimpleNamespace(get_jit=lambda: jit),
        )
        self.sysconfig = SimpleNamespace(get_build_info=lambda: built or {"is_cuda_build": True})
        self.test = SimpleNamespace(is_built_with_cuda=lambda: self.sysconfig.get_build_info()["is_cuda_build"])


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeTensorFlow], FakeTensorFlow]:
    def install(fake: FakeTensorFlow) -> FakeTensorFlow:
        monkeypatch.setattr(tensorflow_info, "_tensorflow", lambda: fake)
        return fake

    return install


Use = Callable[[FakeTensorFlow], FakeTensorFlow]


def gpu_of(profile: str = "v100") -> Gpu:
    found = make_device(profile).gpu
    assert found
    return found


def build(*gpus: SeenGpu, cuda: bool = True, **environment: str) -> TensorFlowBuild:
    return TensorFlowBuild(version="2.21.0", cuda_build=cuda, gpus=gpus, xla="off", environment=environment)


# --- what it is


def test_the_real_one_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    found = describe_tensorflow(None)
    assert (found.version, found.cuda_build) == (tf.__version__, tf.test.is_built_with_cuda())
    assert (found.gpus, found.xla, found.onednn) == ((), "off", None)
    if found.cuda_build:
        assert found.cuda_version == tf.sysconfig.get_build_info()["cuda_version"]
        assert found.cudnn_version == tf.sysconfig.get_build_info()["cudnn_version"]


def test_it_sees_gpus_with_their_capability(use: Use) -> None:
    use(FakeTensorFlow(("Tesla V100-SXM2-16GB", (7, 0)), ("", (0, 0))))
    assert describe_tensorflow(gpu_of()).gpus == (
        V100,
        SeenGpu(name="/physical_device:GPU:1", compute_capability=None),
    )


def test_without_a_gpu_none_is_looked_for(use: Use) -> None:
    use(FakeTensorFlow(("Tesla V100-SXM2-16GB", (7, 0))))
    assert describe_tensorflow(None).gpus == ()


def test_a_build_without_cuda_has_no_versions_of_it(use: Use) -> None:
    use(FakeTensorFlow(built={"is_cuda_build": False, "cuda_version": ""}))
    found = describe_tensorflow(None)
    assert (found.cuda_build, found.cuda_version, found.cudnn_version) == (False, None, None)


@pytest.mark.parametrize(
    ("jit", "flags", "xla"),
    [
        ("", None, "off"),
        ("autoclustering", None, "autoclustering"),
        (True, None, "on"),
        ("", "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit", "autoclustering (--tf_xla_auto_jit=2)"),
        ("", "--tf_xla_auto_jit=0", "off"),
        ("", "--tf_xla_enable_lazy_compilation=false", "off"),
    ],
)
def test_xla_is_named(use: Use, monkeypatch: pytest.MonkeyPatch, jit: Any, flags: str | None, xla: str) -> None:
    use(FakeTensorFlow(jit=jit))
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    if flags:
        monkeypatch.setenv("TF_XLA_FLAGS", flags)
    assert describe_tensorflow(None).xla == xla


@pytest.mark.parametrize(
    ("setting", "mkl", "onednn"), [("0", True, False), ("1", False, True), (None, True, True), (None, False, None)]
)
def test_onednn_is_known_where_someone_says(
    use: Use, monkeypatch: pytest.MonkeyPatch, setting: str | None, mkl: bool, onednn: bool | None
) -> None:
    use(FakeTensorFlow(built={"is_cuda_build": False, "is_mkl_build": mkl}))
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if setting:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", setting)
    assert describe_tensorflow(None).onednn is onednn


def test_only_variables_that_change_what_it_does_are_kept(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    use(FakeTensorFlow())
    for name in ("XLA_FLAGS", "OMP_NUM_THREADS", "TF_DETERMINISTIC_OPS", "CUDA_VISIBLE_DEVICES", "SECRET_TF_TOKEN"):
        monkeypatch.setenv(name, f"of {name}")
    found = describe_tensorflow(None).environment
    assert found["XLA_FLAGS"] == "of XLA_FLAGS"
    assert {"OMP_NUM_THREADS", "TF_DETERMINISTIC_OPS", "CUDA_VISIBLE_DEVICES"} <= set(found)
    assert "SECRET_TF_TOKEN" not in found


def test_memory_grows_on_every_gpu(use: Use) -> None:
    fake = use(FakeTensorFlow(("Tesla V100-SXM2-16GB", (7, 0)), ("Tesla T4", (7, 5))))
    let_gpu_memory_grow()
    assert fake.grown == [("/physical_device:GPU:0", True), ("/physical_device:GPU:1", True)]


# --- what it means for the device


def refused(wanted: str, of: Device, told: TensorFlowBuild) -> str:
    with pytest.raises(DeviceError) as caught:
        confirm(wanted, of, told)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("wanted", ["auto", "gpu", "v100"])
def test_a_gpu_that_both_see_is_confirmed(wanted: str) -> None:
    found = confirm(wanted, make_device("v100"), build(V100))
    assert found == make_device("v100").model_copy(update={"tensorflow": build(V100)})


def test_the_cpu_needs_no_gpu() -> None:
    assert confirm("auto", make_device("cpu"), build()).tensorflow == build()


@pytest.mark.parametrize("wanted", ["gpu", "v100"])
def test_a_gpu_asked_for_and_not_seen_is_refused(wanted: str) -> None:
    assert refused(wanted, make_device("v100"), build()) == (
        f"--opml-gpu={wanted}: the driver has Tesla V100 (v100), but TensorFlow 2.21.0 sees no GPU; "
        "install tensorflow[and-cuda] with a CUDA that driver 550.54 serves"
    )
    assert "was built without CUDA" in refused(wanted, make_device("v100"), build(cuda=False))


def test_auto_falls_back_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cpu_has_float16", lambda: False)
    found = confirm("auto", make_device("v100"), build(CUDA_VISIBLE_DEVICES="GPU-5f", TF_DETERMINISTIC_OPS="1"))
    assert (found.profile, found.gpu, found.float16_in_hardware) == ("cpu", None, False)
    assert found.gpus == make_device("v100").gpus
    assert found.tensorflow
    assert found.tensorflow.environment == {"CUDA_VISIBLE_DEVICES": "-1", "TF_DETERMINISTIC_OPS": "1"}


@pytest.mark.parametrize("wanted", ["auto", "v100"])
@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (SeenGpu(name="Tesla P100-PCIE-16GB", compute_capability="6.0"), "Tesla P100-PCIE-16GB (p100)"),
        (SeenGpu(name=V100.name, compute_capability="8.0"), "Tesla V100-SXM2-16GB (gpu)"),
    ],
)
def test_another_gpu_than_the_chosen_is_refused(wanted: str, seen: SeenGpu, text: str) -> None:
    assert f"the driver has Tesla V100 (v100), but TensorFlow 2.21.0 sees {text}; " in refused(
        wanted, make_device("v100"), build(seen)
    )
