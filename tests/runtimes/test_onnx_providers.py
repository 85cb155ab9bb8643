from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest

from pytest_opml.errors import DeviceError, MissingDependencyError, ModelFileError
from pytest_opml.runtimes import onnx_providers
from pytest_opml.runtimes.execution import PROVIDER_KEY, Execution
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.runtimes.onnx_providers import ProviderChoice, check_provider, choose, import_onnxruntime, what_runs
from tests.support.linear_onnx import save_linear

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"


def runtime_with(*providers: str) -> SimpleNamespace:
    return SimpleNamespace(get_available_providers=lambda: list(providers), __version__="1.32.0")


def session_on(providers: list[str], nodes: Counter[str] | None = None) -> SimpleNamespace:
    """What ONNX Runtime's session says of itself; without nodes as versions that do not say where each lies."""
    session = SimpleNamespace(get_providers=lambda: providers)
    if nodes is not None:
        parts = [
            SimpleNamespace(ep_name=name, get_nodes=lambda count=count: [None] * count) for name, count in nodes.items()
        ]
        session.get_provider_graph_assignment_info = lambda: parts
    return session


@pytest.mark.parametrize("visible", ["-1", ""])
def test_hidden_gpus_are_not_used(monkeypatch: pytest.MonkeyPatch, visible: str) -> None:
    module = runtime_with(CUDA, CPU)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert choose(module, None, 1) == ProviderChoice(None, [(CUDA, {}), (CPU, {})], "cuda")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert choose(module, None, 1) == ProviderChoice(None, [(CPU, {})], "cpu")


def test_what_was_asked_for_is_asked_for_alone() -> None:
    module = runtime_with(CUDA, TENSORRT, CPU)
    assert choose(module, "cuda", 2) == ProviderChoice("cuda", [(CUDA, {})], "cuda")
    assert choose(module, "tensorrt", 2).providers == [(TENSORRT, {}), (CUDA, {})]
    assert choose(module, "openvino", 2).providers == [("OpenVINOExecutionProvider", {"num_of_threads": "2"})]


def test_a_provider_that_is_not_here_says_what_is_and_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_providers, "import_onnxruntime", lambda: runtime_with("AzureExecutionProvider", CPU))
    check_provider("cpu", gpu=False)
    with pytest.raises(
        DeviceError, match=r"provider=tensorrt: ONNX Runtime 1.32.0 .* has azure, cpu; for tensorrt: pip"
    ):
        check_provider("tensorrt", gpu=True)


def test_a_provider_of_a_gpu_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_providers, "import_onnxruntime", lambda: runtime_with(CUDA, CPU))
    check_provider("cuda", gpu=True)
    with pytest.raises(DeviceError, match="provider=cuda: computes on a GPU, and this run uses none"):
        check_provider("cuda", gpu=False)


def test_without_onnx_runtime_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match=r"pytest-opml\[onnx\]"):
        check_provider("cpu", gpu=False)


def test_what_ran_is_told_with_its_nodes() -> None:
    choice = ProviderChoice("tensorrt", [], "cuda")
    session = session_on([TENSORRT, CUDA, CPU], Counter({CUDA: 1, TENSORRT: 7}))
    assert what_runs(Path("m"), session, choice) == {"provider": "tensorrt", "nodes": "tensorrt 7, cuda 1"}
    assert what_runs(Path("m"), session_on([CUDA, CPU]), ProviderChoice(None, [], "cuda")) == {"provider": "cuda"}


@pytest.mark.parametrize("session", [session_on([CUDA, CPU]), session_on([TENSORRT, CUDA, CPU], Counter({CUDA: 8}))])
def test_a_provider_that_computes_nothing_is_refused(session: SimpleNamespace) -> None:
    with pytest.raises(ModelFileError, match="m: provider=tensorrt computes nothing of it; what ran: cuda"):
        what_runs(Path("m"), session, ProviderChoice("tensorrt", [], "cuda"))


def test_an_open_file_says_by_what_it_is_computed(tmp_path: Path) -> None:
    path = save_linear(tmp_path / "m.onnx")
    told = {"provider": "cpu", "nodes": "cpu 3"}
    assert open_artifact(path, threads=1).execution == told
    assert open_artifact(path, threads=1, execution=Execution(provider="cpu")).execution == told


def test_no_node_lies_silently_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    azure = onnx_providers._PROVIDERS["qnn"]._replace(name="AzureExecutionProvider")  # is here, and computes nothing
    monkeypatch.setitem(onnx_providers._PROVIDERS, "qnn", azure)
    path = save_linear(tmp_path / "m.onnx")
    with pytest.raises(ModelFileError, match="nodes that are assigned to the default CPU"):
        open_artifact(path, threads=1, execution=Execution(provider="qnn"))
    model = onnx.load(str(path))
    model.metadata_props.add(key=PROVIDER_KEY, value="qnn")  # as a chain writes it
    onnx.save(model, str(path))
    with pytest.raises(ModelFileError, match="nodes that are assigned to the default CPU"):
        open_artifact(path, threads=1)
    assert open_artifact(path, threads=1, execution=Execution(provider="cpu")).execution["provider"] == "cpu"


def test_it_neither_measures_nor_sends_away_how_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    import_onnxruntime()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    import_onnxruntime()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"  # who wants it has it
