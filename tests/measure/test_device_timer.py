from __future__ import annotations

import time

import pytest

from pytest_opml.measure.device_timer import DeviceTimer


class Gpu:
    """Works on after the call that gave it the work has returned."""

    def __init__(self) -> None:
        self.busy_until = 0.0
        self.waited = 0

    def launch(self, seconds: float) -> None:
        self.busy_until = max(self.busy_until, time.perf_counter()) + seconds

    def synchronise(self) -> None:
        self.waited += 1
        time.sleep(max(0.0, self.busy_until - time.perf_counter()))


def test_on_a_gpu_the_device_s_time_is_waited_for_and_the_host_s_is_apart() -> None:
    gpu = Gpu()
    timer = DeviceTimer(on_gpu=True, synchronise=gpu.synchronise)
    with timer:
        gpu.launch(0.2)
    assert timer.device_s >= 0.2
    assert timer.host_s < timer.device_s
    assert gpu.waited == 2


def test_work_from_before_is_not_counted() -> None:
    gpu = Gpu()
    timer = DeviceTimer(on_gpu=True, synchronise=gpu.synchronise)
    gpu.launch(0.5)
    with timer:
        pass
    assert timer.device_s < 0.4


def test_on_a_cpu_there_is_nothing_to_wait_for() -> None:
    gpu = Gpu()
    timer = DeviceTimer(on_gpu=False, synchronise=gpu.synchronise)
    with timer:
        time.sleep(0.05)
    assert gpu.waited == 0
    assert timer.device_s >= timer.host_s
    assert timer.host_s >= 0.05


def test_a_decorated_function_leaves_a_lap_a_call_and_its_answer() -> None:
    timer = DeviceTimer(on_gpu=False)

    @timer
    def double(x: int) -> int:
        return 2 * x

    assert [double(1), double(2)] == [2, 4]
    assert len(timer.laps) == 2


def test_blocks_within_blocks_are_timed_by_themselves() -> None:
    timer = DeviceTimer(on_gpu=False)
    with timer:
        with timer:
            time.sleep(0.02)
        time.sleep(0.05)
    inner, outer = timer.laps
    assert outer.host_s >= inner.host_s + 0.04


def test_a_block_that_fails_leaves_no_time() -> None:
    timer = DeviceTimer(on_gpu=False)
    with pytest.raises(ZeroDivisionError), timer:
        raise ZeroDivisionError
    assert timer.laps == []
    with pytest.raises(RuntimeError, match="nothing was timed yet"):
        _ = timer.device_s
