from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_opml.measure import quiet_machine
from pytest_opml.measure.quiet_machine import wait_until_quiet, watch_for_a_second
from pytest_opml.records.device import Device
from pytest_opml.records.result import OtherLoad
from tests.support.builders import make_device
from tests.support.fake_nvml import FakeNvml, v100


class FakeMachine:
    """A machine whose clock runs only while somebody looks at it: a second each time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, busy: Sequence[bool]) -> None:
        self.seconds, self._busy = 0.0, busy
        monkeypatch.setattr(quiet_machine.time, "monotonic", lambda: self.seconds)

    def look(self, _device: Device) -> list[str]:
        self.seconds += 1.0
        return ["other work"] if self._busy[min(int(self.seconds) - 1, len(self._busy) - 1)] else []


@pytest.mark.parametrize(
    ("busy", "longest", "is_quiet", "waited"),
    [
        ([False], 60.0, True, 1.0),
        ([False], 0.0, True, 1.0),
        ([True], 0.0, False, 1.0),
        ([True, True, False], 60.0, True, 3.0),
        ([True, True, False], 2.0, False, 2.0),
        ([True], 60.0, False, 60.0),
    ],
)
def test_it_waits_until_the_machine_is_quiet_but_not_for_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch, busy: list[bool], longest: float, is_quiet: bool, waited: float
) -> None:
    machine = FakeMachine(monkeypatch, busy)
    assert wait_until_quiet(make_device("cpu"), longest, machine.look) is is_quiet
    assert machine.seconds == waited


class FakeWatch:
    """Sees other work on a processor and a half."""

    def disturbances(self, cores: int) -> list[str]:
        load = OtherLoad(cores=1.5, stolen_cores=0.0, throttle_events=None)
        return [f"{load.cores} of {cores}"]


def test_a_look_sees_the_processors_and_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(quiet_machine.time, "sleep", slept.append)
    monkeypatch.setattr(quiet_machine, "LoadWatch", FakeWatch)
    assert watch_for_a_second(make_device("cpu")) == ["1.5 of 8"]
    FakeNvml(gpu := v100(throttle_bits=[0x20], processes=[[1]])).install(monkeypatch)
    device = make_device("v100")
    on_gpu = device.model_copy(update={"gpu": device.gpu and device.gpu.model_copy(update={"uuid": gpu.uuid})})
    processors, slowed, *_ = watch_for_a_second(on_gpu)
    assert processors == "1.5 of 8"
    assert slowed == "the GPU was throttled (software thermal slow-down)"
    assert slept == [1.0, 1.0]
