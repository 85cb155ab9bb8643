"""What a run asks of a fleet, whoever joins its machines, and what it hears of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ...progress import Progress

if TYPE_CHECKING:
    from ...records.device import Device
    from ...settings import Settings
    from .node_types import NodeWait
    from .orders import RunOrder, UnitAnswer, UnitOrder
    from .schedule import Attempt


class FleetNode(NamedTuple):
    """A node that is there.

    Attributes:
        kind: of its accelerator, as a profile; ``cpu`` for none.
        cpus: that tasks may ask for.
    """

    id: str
    kind: str
    cpus: float


class UnitEnd(NamedTuple):
    """How an attempt ended.

    Attributes:
        node: that it ran on; None where that is not known.
        answer: what the node said; None where it said nothing any more.
        error: why, in one line, where there is no answer.
        is_lost: whether the node or its process is gone; otherwise the code that ran there failed.
    """

    attempt: Attempt
    node: str | None
    answer: UnitAnswer | None
    error: str = ""
    is_lost: bool = False


class Description(NamedTuple):
    """What a node has said of itself.

    Attributes:
        node: its id; empty where it was lost before it said anything.
        device: None where it can run no cases.
        fault: why, in words.
    """

    node: str
    device: Device | None
    fault: str


class Told(NamedTuple):
    """What a node has said of a unit.

    Attributes:
        node: its id; None where nothing was said.
        case_id: of the case that it is at.
    """

    node: str | None
    case_id: str
    progress: Progress


NOTHING_TOLD = Told(None, "", Progress(""))


class Fleet(Protocol):
    """The driver's side of a run on a fleet."""

    def nodes(self) -> list[FleetNode]:
        """Return the nodes that are there, as they were a moment ago; one of several kinds once for each."""
        ...

    def nodes_of(self, kind: str) -> list[FleetNode]:
        """Return the nodes of a kind."""
        ...

    def check_kinds(self, kinds: Sequence[str]) -> None:
        """Refuse kinds that no node has or could have, of each of which a node was asked.

        Raises:
            DeviceError: a kind is missing.
        """
        ...

    def starts(self, kind: str) -> bool:
        """Return whether nodes of a kind are started when they are asked for."""
        ...

    def failures(self) -> list[str]:
        """Return the names of the node types of which no node could be started."""
        ...

    def ask(self, kind: str, settings: Settings, *, needs_tensorflow: bool, avoid: Sequence[str] = ()) -> None:
        """Ask a node of a kind what its device is.

        Args:
            kind: of node.
            settings: of the run.
            needs_tensorflow: whether cases need TensorFlow.
            avoid: ids of nodes that are not asked.

        Raises:
            DeviceError: there is no way to ask one.
        """
        ...

    def description(self, kind: str, wait: NodeWait) -> Description:
        """Return what the node of a kind that was asked last has said of itself.

        Args:
            kind: of node.
            wait: for a node to be there.

        Raises:
            DeviceError: the wait is over.
        """
        ...

    def use(self, kind: str, order: RunOrder) -> None:
        """Take what holds for all units of a kind."""
        ...

    def submit(self, attempt: Attempt, unit: UnitOrder) -> None:
        """Hand over an attempt, which runs as soon as a node of its kind is free."""
        ...

    def poll(self, seconds: float) -> list[UnitEnd]:
        """Wait so long for an attempt to end, and return all that have ended."""
        ...

    def told(self) -> Mapping[str, Told]:
        """Return what was last heard of each unit that runs, by its key."""
        ...

    def close(self) -> None:
        """End all that runs on the nodes for this run, at once."""
        ...


class GivenNodes:
    """What a fleet says of nodes that are started, where it lists all that it may start."""

    def starts(self, kind: str) -> bool:  # noqa: ARG002 - as of ``Fleet``
        """Return False."""
        return False

    def failures(self) -> list[str]:
        """Return nothing."""
        return []
