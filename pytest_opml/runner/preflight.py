"""Everything that refuses a run before it has cost anything."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelFileError
from ..runtimes.keras_configuration import check_file
from ..runtimes.onnx_providers import check_provider
from ..runtimes.threads import use_threads
from .plan import NOTHING_COLLECTED, CollectedRun

if TYPE_CHECKING:
    from ..models.missing_weights import MissingWeights
    from ..records.device import Device
    from ..records.run import Commit, RunRecord
    from ..settings import Settings
    from ..storage.cache import Cache
    from .baselines import Baselines

_VERSIONS = (
    *("pytest-opml", "python", "tensorflow", "keras", "ai-edge-litert", "onnxruntime", "openvino", "numpy"),
    "scikit-learn",
)


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """What was found out before the run.

    Attributes:
        device: that it runs on.
        baselines: what its cases are compared with.
        commit: of the user's project, as it was now; None outside a repository.
        versions: of Python and of the packages that a result depends on.
        notes: a line for each earlier run that was taken into the history now, or could not be; one for weights that
            cannot be fetched.
    """

    device: Device
    baselines: Baselines
    commit: Commit | None
    versions: dict[str, str]
    notes: tuple[str, ...] = ()

    def head(self, run_id: str, plan: CollectedRun) -> RunRecord:
        """Return what the record of a run that begins now has before there is any result."""
        from ..records.run import RunRecord

        return RunRecord(
            run_id=run_id,
            started=datetime.now(timezone.utc),
            seconds=0.0,
            device=self.device,
            versions=self.versions,
            commit=self.commit,
            results=(),
            failures=(),
            checks=(),
            reference_only=(),
            collected=dict(plan.cases),
            deselected=plan.deselected,
            partial_selection=plan.partial_selection,
            marker_budgets={name: dict(limits.tables) for name, limits in plan.limits.items() if limits.tables},
            baseline=self.baselines.wanted,
            baseline_choice=self.baselines.choice,
        )


def check_run(
    settings: Settings, root: Path, plan: CollectedRun = NOTHING_COLLECTED, remote: Device | None = None
) -> Preflight:
    """Check that a run can begin: its device and price, cache, weights, models, history, record, MLflow, TensorFlow.

    Args:
        settings: of the run.
        root: the user's project.
        plan: what was collected, which says which models are fetched and whether TensorFlow is needed. It is asked for
            in any case whether it sees a GPU: on one that it does not see, nothing is measured.
        remote: the device of another machine that measures; None for this machine's.

    Raises:
        UsageError: something of that cannot be used.
    """
    from .launchers.process import probe, start_server

    if plan.needs_tensorflow:
        check_file()
    if remote is None:  # its imports take seconds, and the rest of this can go on beside them
        start_server(needs_tensorflow=plan.needs_tensorflow)
    from ..gate.run_cost import check_prices
    from ..history.git import read_commit
    from ..integrations.mlflow import check_tracking
    from ..measure.device import check_devices, detect
    from ..measure.tensorflow_info import confirm
    from ..storage.whole_files import check_writable
    from .baselines import Baselines
    from .journal import take_in_earlier
    from .model_addresses import ModelAddresses

    commit = read_commit(root)  # now, for the checkout may change while the run goes on
    device = remote or detect(settings.gpu, settings.threads)
    check_prices(settings.prices, settings.gate.max_cost, [device.profile])
    use_threads(device.threads)
    check_devices(plan.devices, device)
    weights = _check_making(settings, plan, device) if remote is None else []
    if settings.json_path:
        check_writable(settings.json_path)
    notes = (*take_in_earlier(settings, root), *weights)
    baselines = Baselines(settings, root, commit, ModelAddresses(settings, plan.addresses))
    if settings.mlflow:
        check_tracking(settings.mlflow, settings.mlflow_experiment)
    # last, since it waits for the server: what is wrong elsewhere is told at once
    if remote is None and (plan.needs_tensorflow or device.gpu):
        device = confirm(settings.gpu, device, probe(device))
    return Preflight(device=device, baselines=baselines, commit=commit, versions=installed_versions(), notes=notes)


def _check_making(settings: Settings, plan: CollectedRun, device: Device) -> list[str]:
    """Check what this machine needs to make artifacts; returns what is to be said of weights that are not here.

    Raises:
        UsageError: something of that cannot be used.
    """
    from ..storage.cache import Cache
    from ..storage.shared_cache import open_shared

    for provider in plan.providers:
        check_provider(provider, gpu=device.gpu is not None)
    cache = Cache(settings.cache_dir, open_shared(settings.cache_shared))
    if cache.shared:
        cache.shared.check()
    return weights_notes(plan.missing_weights, cache)


def weights_notes(missing: Sequence[MissingWeights], cache: Cache) -> list[str]:
    """Return what is to be said of ImageNet weights that are not here and cannot be fetched; nothing where they can be.

    Args:
        missing: the weights that are not on this machine.
        cache: of the run; it may hold what is made of them, which then is not made again.

    Raises:
        ModelFileError: they cannot be had, and the cache holds nothing at all.
    """
    from ..models.missing_weights import unreachable

    imagenet = [one for one in missing if one.weights == "imagenet"]
    why = unreachable(imagenet[0].url) if imagenet else ""
    if not why:
        return []
    networks, files = ", ".join(one.network for one in imagenet), ", ".join(one.file.name for one in imagenet)
    text = (
        f"no ImageNet weights of {networks}: they are not on this machine and cannot be fetched ({why}); "
        f"put {files} into {imagenet[0].file.parent}, or train some here (opml paper pretrain) and write weights='opml'"
    )
    if cache.is_empty and cache.shared is None:
        raise ModelFileError(text)
    return [f"{text}; cases whose artifacts the cache holds go on without them"]


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
    return {name: _version(name) for name in _VERSIONS}


def _version(name: str) -> str:
    if name == "python":
        return platform.python_version()
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
