"""ONNX Runtime's execution providers: which are installed, how each is asked for, and what really ran on one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import DeviceError, MissingDependencyError, ModelFileError
from ..records.case_record import Provider

_CPU = "CPUExecutionProvider"
_END = "ExecutionProvider"


class _Known(NamedTuple):
    """A provider: ONNX Runtime's name for it, what to install for it, and whether it computes on an NVIDIA GPU."""

    name: str
    package: str
    on_gpu: bool = False


_PROVIDERS: dict[Provider, _Known] = {
    "cpu": _Known(_CPU, "pip install onnxruntime"),
    "cuda": _Known("CUDAExecutionProvider", "pip install 'onnxruntime-gpu[cuda,cudnn]' in its place", on_gpu=True),
    "tensorrt": _Known(
        "TensorrtExecutionProvider", "pip install onnxruntime-gpu in its place, and tensorrt", on_gpu=True
    ),
    "openvino": _Known("OpenVINOExecutionProvider", "pip install onnxruntime-openvino in its place"),
    "migraphx": _Known("MIGraphXExecutionProvider", "pip install onnxruntime-migraphx in its place"),
    "dnnl": _Known("DnnlExecutionProvider", "build ONNX Runtime with --use_dnnl"),
    "xnnpack": _Known("XnnpackExecutionProvider", "build ONNX Runtime with --use_xnnpack"),
    "coreml": _Known("CoreMLExecutionProvider", "that of macOS has it"),
    "directml": _Known("DmlExecutionProvider", "pip install onnxruntime-directml in its place, on Windows"),
    "qnn": _Known("QNNExecutionProvider", "pip install onnxruntime-qnn in its place"),
}
_SHORT = {provider.name: short for short, provider in _PROVIDERS.items()}


def import_onnxruntime() -> Any:
    """Import ONNX Runtime, which then neither measures its use, nor writes that to the user's home, nor sends it away.

    Raises:
        ImportError: it is not installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when it is imported
    import onnxruntime

    return onnxruntime


def check_provider(wanted: Provider, *, gpu: bool) -> None:
    """Check that a provider is installed, and that there is what it computes on; opens nothing.

    Args:
        wanted: by its short name.
        gpu: whether the run uses a GPU.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
        DeviceError: what is installed has no such provider, or the run uses no GPU for it.
    """
    try:
        onnxruntime = import_onnxruntime()
    except ImportError as error:
        raise MissingDependencyError(f"provider={wanted}", str(error.name), extra="onnx") from error
    there = onnxruntime.get_available_providers()
    if _PROVIDERS[wanted].name not in there:
        shorts = [_short(name) for name in there]
        raise DeviceError(
            f"provider={wanted}: ONNX Runtime {onnxruntime.__version__} as it is installed here has "
            f"{', '.join(shorts)}; for {wanted}: {_PROVIDERS[wanted].package}"
        )
    if _PROVIDERS[wanted].on_gpu and not gpu:
        raise DeviceError(f"provider={wanted}: computes on a GPU, and this run uses none (see --opml-gpu)")


def _short(name: str) -> str:
    return _SHORT.get(name, name.removesuffix(_END).lower())


class ProviderChoice(NamedTuple):
    """What a session is made with.

    Attributes:
        wanted: provider that was asked for; None where the choice is ours.
        providers: ONNX Runtime's names, first those that are preferred, with the options of each.
        device: that inputs are placed on.
    """

    wanted: Provider | None
    providers: list[tuple[str, dict[str, str]]]
    device: str


def choose(onnxruntime: Any, wanted: Provider | None, threads: int) -> ProviderChoice:
    """Choose providers: that which was asked for alone, else a GPU where one is visible, and the CPU.

    Args:
        onnxruntime: the module.
        wanted: see ``ProviderChoice``; ``check_provider`` has been asked.
        threads: that a provider of the CPU uses.
    """
    if wanted is None:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES") not in ("-1", "")
        usable = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
        names = ["CUDAExecutionProvider", _CPU] if visible and usable else [_CPU]
        return ProviderChoice(None, [(name, {}) for name in names], "cuda" if visible and usable else "cpu")
    options = {"openvino": {"num_of_threads": str(threads)}, "xnnpack": {"intra_op_num_threads": str(threads)}}
    providers = [(_PROVIDERS[wanted].name, options.get(wanted, {}))]
    if wanted == "tensorrt":  # which hands over what it cannot do to CUDA
        providers.append((_PROVIDERS["cuda"].name, {}))
    return ProviderChoice(wanted, providers, "cuda" if _PROVIDERS[wanted].on_gpu else "cpu")


def configure(options: Any, choice: ProviderChoice) -> None:
    """Have a session refuse to compute a part on the CPU where another provider was asked for, and say what ran where.

    Args:
        options: ``SessionOptions``, of which these are set.
        choice: of the providers.
    """
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if choice.wanted not in (None, "cpu"):
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")


def what_runs(path: Path, session: Any, choice: ProviderChoice) -> Mapping[str, str]:
    """Return the provider that a session computes with, and how many nodes lie on each, where it says so.

    Raises:
        ModelFileError: it is not the one that was asked for, or computes nothing.
    """
    names: Sequence[str] = session.get_providers()
    wanted = choice.wanted and _PROVIDERS[choice.wanted].name
    nodes = _nodes(session)
    if wanted and (wanted not in names or (nodes and not nodes[wanted])):
        ran = ", ".join(_short(name) for name in (nodes or names))
        raise ModelFileError(f"{path}: provider={choice.wanted} computes nothing of it; what ran: {ran}")
    main = wanted or next((name for name in names if not nodes or nodes[name]), _CPU)
    counts = ", ".join(f"{_short(name)} {count}" for name, count in nodes.most_common())
    return {"provider": _short(main)} | ({"nodes": counts} if counts else {})


def _nodes(session: Any) -> Counter[str]:
    """How many nodes lie on each provider; empty where this version of ONNX Runtime does not say so."""
    counts: Counter[str] = Counter()
    if hasattr(session, "get_provider_graph_assignment_info"):
        for part in session.get_provider_graph_assignment_info():
            counts[part.ep_name] += len(part.get_nodes())
    return counts
