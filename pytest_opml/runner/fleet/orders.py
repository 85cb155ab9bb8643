"""What is sent to a node of a fleet, and what comes back: all can be pickled, and nothing is of one machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ...progress import Progress
from .. import plan as run_plan

if TYPE_CHECKING:
    from ... import registry
    from ...case import Case
    from ...records.device import Device
    from ...records.result import Result
    from ...records.run import Baseline
    from ...settings import Settings
    from ..shared_results import MeasuredCase


@dataclass(frozen=True, kw_only=True)
class RunOrder:
    """What holds for all units of a run on one kind of device, and is sent to each node once.

    Attributes:
        settings: of the run; paths in it mean what they mean on the node.
        has_own_cache: whether a node has its cache where its user has one by default.
        plan: what was collected.
        made_on: the device of the nodes that make artifacts for all kinds; None where each kind makes its own.
        registrations: names that the run's own process knows besides the installed ones.
    """

    settings: Settings
    has_own_cache: bool = True
    plan: run_plan.CollectedRun
    made_on: Device | None = None
    registrations: tuple[registry.Registration, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OrderedCase:
    """A case of a unit.

    Attributes:
        overrides: what its test says of budgets and time.
        is_judged: whether it is held to budgets.
        baseline: the earlier result that it is compared with, as it was stored; None where there is none.
    """

    case: Case
    overrides: run_plan.TestOverrides = run_plan.NO_OVERRIDES
    is_judged: bool = True
    baseline: Baseline | None = None


@dataclass(frozen=True, kw_only=True)
class UnitOrder:
    """Cases that are measured on one node, one after the other: a reference first, and its candidates beside it.

    Or their making, apart from that, on one node of another kind.

    Attributes:
        key: of the unit.
        reference: the result of the reference where it was measured before; None where the unit measures it.
        is_making: whether artifacts are made and nothing is measured.
    """

    key: str
    cases: tuple[OrderedCase, ...]
    reference: Result | None = None
    is_making: bool = False


class UnitAnswer(NamedTuple):
    """What came of a unit on a node.

    Attributes:
        outcomes: by the ids of the cases, those that the node came to.
        fault: why the node can do no such work, in words; empty where it can.
        device: of the node; None where it has not come so far.
        seconds: that the unit took.
    """

    outcomes: Mapping[str, MeasuredCase]
    fault: str = ""
    device: Device | None = None
    seconds: float = 0.0


Tell = Callable[[str, Progress], None]
