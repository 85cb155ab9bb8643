from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_opml.errors import DeviceError
from pytest_opml.runner.fleet.base import Description, FleetNode, GivenNodes
from pytest_opml.runner.fleet.kind_devices import KindDevices
from pytest_opml.settings import build_settings
from tests.support.builders import make_device

BAD, LOST = Description("a", None, "no driver"), Description("", None, "the node died")
GOOD = Description("b", make_device("cpu"), "")


class PlayedFleet(GivenNodes):
    """Answers one description after the other."""

    def __init__(self, *descriptions: Description) -> None:
        self._descriptions = list(descriptions)
        self.avoided: list[tuple[str, ...]] = []

    def ask(self, _kind: str, _settings: object, *, needs_tensorflow: bool, avoid: Sequence[str] = ()) -> None:
        assert needs_tensorflow
        self.avoided.append(tuple(avoid))

    def check_kinds(self, kinds: Sequence[str]) -> None:
        assert kinds == ["cpu"]

    def nodes_of(self, kind: str) -> list[FleetNode]:
        return [FleetNode(name, kind, 2) for name in "ab"]

    def description(self, _kind: str, _wait: object) -> Description:
        return self._descriptions.pop(0)


def devices(fleet: Any, tmp_path: Path) -> KindDevices:
    return KindDevices(fleet, build_settings({}, {}, tmp_path), {"cpu": True}, print)


def test_a_node_that_cannot_say_what_it_is_is_asked_again_once_and_then_another(tmp_path: Path) -> None:
    fleet = PlayedFleet(BAD, BAD, GOOD)
    asked = devices(fleet, tmp_path)
    assert asked.of("cpu") == asked.of("cpu") == GOOD.device
    assert fleet.avoided == [(), (), ("a",)]


@pytest.mark.parametrize(
    ("descriptions", "reasons"),
    [([LOST] * 3, "the node died"), ([BAD, BAD, BAD._replace(node="b", fault="x"), LOST, LOST, LOST], "no driver; x")],
)
def test_where_no_node_is_left_to_ask_the_kind_is_refused(
    tmp_path: Path, descriptions: list[Description], reasons: str
) -> None:
    with pytest.raises(DeviceError, match=f"--opml-gpu=cpu: no node of the fleet can run cases: {reasons}"):
        devices(PlayedFleet(*descriptions), tmp_path).of("cpu")
