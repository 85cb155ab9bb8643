"""The device of each kind of node in a fleet, as the first node of the kind describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...records.device import Device
    from ...settings import Settings
    from .base import Fleet


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
            self._devices[kind] = self._fleet.describe(
                kind, self._settings, needs_tensorflow=self._needs[kind], on_waiting=self._on_waiting
            )
        return self._devices[kind]
