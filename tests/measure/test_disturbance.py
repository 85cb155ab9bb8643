from __future__ import annotations

import pytest

from pytest_opml.measure.disturbance import UNSETTLED, of_gpu, of_load, of_warm_up
from pytest_opml.records.device import GpuUse
from pytest_opml.records.result import OtherLoad, WarmUp


def load(cores: float = 0.0, stolen: float = 0.0, throttled: int | None = None) -> OtherLoad:
    return OtherLoad(cores=cores, stolen_cores=stolen, throttle_events=throttled)


@pytest.mark.parametrize(
    ("seen", "cores", "seconds", "texts"),
    [
        (load(), 2, 10.0, []),
        (load(0.14, 0.14, 0), 2, 10.0, []),
        (load(1.43), 2, 10.0, ["other work took 1.4 of 2 cores"]),
        (load(stolen=0.3), 2, None, ["the hypervisor gave 0.3 of 2 cores to others"]),
        (load(throttled=1), 2, 10.0, ["a processor was slowed for its heat"]),
        (load(0.2, 0.2, 3), 2, 10.0, ["other work", "the hypervisor", "a processor"]),
        # of many processors, a little is what the system itself does
        (load(1.2), 64, 10.0, []),
        (load(1.4), 64, 10.0, ["other work took 1.4 of 64 cores"]),
        # of a short time, the system's clock knows little
        (load(0.7), 2, 0.1, []),
        (load(0.9), 2, 0.1, ["other work took 0.9 of 2 cores"]),
    ],
)
def test_a_quiet_machine_is_told_from_a_busy_one(
    seen: OtherLoad, cores: int, seconds: float | None, texts: list[str]
) -> None:
    told = of_load(seen, cores, seconds)
    assert len(told) == len(texts)
    assert all(text.startswith(words) for text, words in zip(told, texts, strict=True))


def test_what_slows_a_gpu_is_told() -> None:
    assert of_gpu(None) == of_gpu(GpuUse(seconds=1, samples=3)) == []
    assert of_gpu(GpuUse(seconds=1, samples=3, problem="the driver is lost")) == []
    use = GpuUse(seconds=1, samples=3, throttle_reasons=("power cap",), other_processes=(4711, 4712))
    assert of_gpu(use) == ["the GPU was throttled (power cap)", "other processes used the GPU (4711, 4712)"]


def test_a_warm_up_that_did_not_settle_is_told() -> None:
    assert of_warm_up(WarmUp(rounds=3, settled=True)) == []
    assert of_warm_up(WarmUp(rounds=50, settled=False)) == [UNSETTLED]
