"""What runs on a node of a fleet: a unit of cases, by the same runner as on one machine."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ... import registry
from ...errors import CaseFailed, DeviceError, OpmlError, StorageError, UsageError, one_line
from ...printable import printable
from ...progress import Progress
from ...records.run import Failure
from ...settings import user_cache
from ..shared_results import MeasuredCase
from .orders import OrderedCase, RunOrder, Tell, UnitAnswer, UnitOrder

if TYPE_CHECKING:
    from ...case import Case
    from ...gate.budgets import Budget
    from ...integrations.mlflow_models import FetchedModel
    from ...records.device import Device
    from ...records.result import Result
    from ...records.run import Baseline
    from ..model_addresses import ModelAddresses

# What the system says where a node cannot do any work, whatever the work is.
_OF_THE_NODE = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO)


class _OrderedBaselines:
    """What the cases of a unit are compared with: the driver has looked it up."""

    def __init__(self, unit: UnitOrder, addresses: ModelAddresses) -> None:
        self._baselines = {ordered.case.id: ordered.baseline for ordered in unit.cases}
        self.addresses = addresses

    def compare_with(
        self,
        case_id: str,
        profile: str,  # noqa: ARG002 - as of ``Baselines``
        budgets: Iterable[Budget],  # noqa: ARG002
        measure: Callable[[Result | FetchedModel], Result],  # noqa: ARG002
    ) -> Baseline | None:
        """Return what a case is compared with, as it was stored."""
        return self._baselines[case_id]


def measure_unit(order: RunOrder, unit: UnitOrder, tell: Tell) -> UnitAnswer:
    """Measure the cases of a unit on this node; a case that cannot be measured costs that case.

    Args:
        order: of the run.
        unit: the cases.
        tell: is told how far a case has come, by its id.
    """
    started = time.monotonic()
    tell(unit.cases[0].case.id, Progress("getting ready"))
    try:
        device = describe_node(order.settings.gpu, order.settings.threads, needs_tensorflow=order.plan.needs_tensorflow)
        outcomes = _measured(order, unit, device, tell)
    except (DeviceError, StorageError, OSError) as error:  # the last where the folder of the project is gone
        return UnitAnswer({}, fault=one_line(error), seconds=time.monotonic() - started)
    return UnitAnswer(outcomes, _fault_in(outcomes), device, time.monotonic() - started)


@cache
def describe_node(gpu: str, threads: int | None, *, needs_tensorflow: bool) -> Device:
    """Return the device of this node, after starting what its cases run in; once in a process.

    Args:
        gpu: the kind that is wanted.
        threads: that a runtime may use; None for one per core.
        needs_tensorflow: whether cases need TensorFlow.

    Raises:
        DeviceError: the node has no such device, or TensorFlow does not see it.
        StorageError: temporary files cannot be written.
    """
    from ...measure.device import detect
    from ...measure.tensorflow_info import confirm
    from ...runtimes.threads import use_threads
    from ..launchers.process import probe, start_server

    device = detect(gpu, threads)
    os.environ["OMP_NUM_THREADS"] = str(device.threads)  # which the engine sets to the CPUs that a task asks for
    use_threads(device.threads)
    start_server(needs_tensorflow=needs_tensorflow)
    return confirm(gpu, device, probe(device)) if needs_tensorflow or device.gpu else device


def _measured(order: RunOrder, unit: UnitOrder, device: Device, tell: Tell) -> dict[str, MeasuredCase]:
    from ..case_runner import local_runner
    from ..model_addresses import ModelAddresses
    from ..options import RunOptions
    from ..tasks import make_artifact

    registry.make_importable(Path.cwd())
    registry.adopt(
        [entry._replace(file=entry.file and str(Path(entry.file).absolute())) for entry in order.registrations]
    )
    settings = replace(order.settings, cache_dir=user_cache()) if order.has_own_cache else order.settings
    registry.use_sections(lambda: settings.models)
    built_on = order.made_on if unit.is_making and order.made_on else device  # their keys must be the same on all nodes
    options = RunOptions(settings=settings, device=built_on, plan=order.plan, made_on=order.made_on)
    baselines = _OrderedBaselines(unit, ModelAddresses(settings))
    runner = local_runner(options, baselines, None, lambda case, progress: tell(case.id, progress))
    outcomes: dict[str, MeasuredCase] = {}
    if unit.is_making:
        failed = (_failure_to_make(runner.make, ordered, device) for ordered in unit.cases)
        return {outcome.failure.case.id: outcome for outcome in failed if outcome and outcome.failure}
    if unit.reference:  # another node has measured it; this one times the candidates beside its artifact
        for ordered in unit.cases:
            with suppress(CaseFailed):  # then they are measured without it
                runner.make(make_artifact, ordered.case.reference, ordered.overrides)
    for ordered in unit.cases:
        outcomes[ordered.case.id] = _outcome(runner.run_case, ordered, unit, outcomes, device)
    return outcomes


def _outcome(
    run_case: Callable[..., MeasuredCase],
    ordered: OrderedCase,
    unit: UnitOrder,
    outcomes: Mapping[str, MeasuredCase],
    device: Device,
) -> MeasuredCase:
    case, reference = ordered.case, unit.reference
    if case.reference.id in outcomes:
        reference = outcomes[case.reference.id].result
    try:
        return run_case(case, ordered.overrides, is_judged=ordered.is_judged, reference=reference)
    except UsageError as error:
        return _failed(case, device, "usage", error)


def _failure_to_make(make: Callable[..., object], ordered: OrderedCase, device: Device) -> MeasuredCase | None:
    """Make an artifact; None where it is made. The node that measures comes to a failure as well, and says so."""
    from ..tasks import make_artifact

    try:
        make(make_artifact, ordered.case, ordered.overrides)
    except CaseFailed as error:
        return _failed(ordered.case, device, error.kind, error)
    except UsageError as error:
        return _failed(ordered.case, device, "usage", error)
    return None


def _failed(case: Case, device: Device, kind: str, error: OpmlError) -> MeasuredCase:
    texts = {"kind": kind, "message": printable(one_line(error))}
    return MeasuredCase(failure=Failure.model_validate({"case": case, "device": device, **texts}))


def _fault_in(outcomes: Mapping[str, MeasuredCase]) -> str:
    """Why the node and not the case is to blame for a failure, as the system says it; empty where it is not."""
    texts = [os.strerror(number) for number in _OF_THE_NODE]
    messages = (outcome.failure.message for outcome in outcomes.values() if outcome.failure)
    return next((message for message in messages if any(text in message for text in texts)), "")
