"""The device of each kind of node in a fleet, as the first node of the kind describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ...errors import DeviceError
from .node_types import NodeWait

if TYPE_CHECKING:
    from ...records.device import Device
    from ...settings import Settings
    from .base import Fleet

_MOST_FAULTS = 2  # of a node that says what it is


class KindDevices:
    """Asks a node of each kind what its device is, and waits for the answers as they are needed.

    Args:
        fleet: that has the nodes.
        settings: of the run.
        needs: whether cases need TensorFlow, by the kinds of the run.
        on_waiting: is told of what kind no node is there yet.

    Raises:
        DeviceError: no node has or could have one of the kinds.
    """

    def __init__(
        self, fleet: Fleet, settings: Settings, needs: Mapping[str, bool], on_waiting: Callable[[str], None]
    ) -> None:
        self._fleet, self._settings, self._needs, self._on_waiting = fleet, settings, needs, on_waiting
        self._devices: dict[str, Device] = {}
        for kind, needs_tensorflow in needs.items():
            fleet.ask(kind, settings, needs_tensorflow=needs_tensorflow)
        fleet.check_kinds(list(needs))

    def of(self, kind: str) -> Device:
        """Return the device of the nodes of a kind; waits until one is there.

        Raises:
            DeviceError: no node of the kind can run cases.
        """
        if kind not in self._devices:
            self._devices[kind] = self._described(kind)
        return self._devices[kind]

    def _described(self, kind: str) -> Device:
        """The device of the first node that can run cases; one that cannot is asked again once, and then avoided."""
        fleet, faults = self._fleet, dict[str, list[str]]()
        while True:
            wait = NodeWait(self._settings.wait_s, fleet, self._on_waiting)
            node, device, fault = fleet.description(kind, wait)
            if device is not None:
                return device
            faults.setdefault(node, []).append(fault)
            avoid = [name for name, texts in faults.items() if name and len(texts) >= _MOST_FAULTS]
            nodes, lost = fleet.nodes_of(kind), len(faults.get("", ()))
            is_hopeless = all(one.id in avoid for one in nodes) and (nodes or not fleet.starts(kind))
            if lost > _MOST_FAULTS or is_hopeless:
                reasons = "; ".join(dict.fromkeys(text for texts in faults.values() for text in texts))
                raise DeviceError(f"--opml-gpu={kind}: no node of the fleet can run cases: {reasons}")
            fleet.ask(kind, self._settings, needs_tensorflow=self._needs[kind], avoid=avoid)
