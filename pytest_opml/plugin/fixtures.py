"""The fixtures: ``opml`` runs a case; the others give hand-written benchmarks its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from .markers import marked_case, marks_search, test_overrides
from .stash import CASES, FAILED_FOR_BUDGETS, STATE

if TYPE_CHECKING:
    from ..case import Case
    from ..datasets.splits import Split
    from ..measure.device_timer import DeviceTimer
    from ..records.device import Device
    from ..records.result import Result
    from ..runtimes.base import Runtime


@pytest.fixture(scope="session")
def opml_gpu(request: pytest.FixtureRequest) -> str:
    """The kind of device that the test runs on, such as v100; a run on several kinds runs each test once on each."""
    return str(getattr(request, "param", None) or request.config.stash[STATE].sessions.first.device.profile)


@pytest.fixture
def opml(request: pytest.FixtureRequest) -> Callable[[Case], Result]:
    """Call it with a case to train or load, optimise and measure it; its budgets are checked after the test's body.

    In a test with the marker ``opml(search={...})`` it is the best chain for the model of the case that is measured.
    """
    from .benchmark import show_in_benchmark

    item, config = request.node, request.config
    state = config.stash[STATE]
    session = state.session_of(item)
    cases = item.stash[CASES] = []  # a test that another plugin runs again begins anew
    item.stash[FAILED_FOR_BUDGETS] = False

    def run(case: Case) -> Result:
        try:
            if marks_search(item):
                from .search import best_of

                case = best_of(case, item, session)
            cases.append(case)
            result = session.run(case, test_overrides(item))
        finally:
            state.progress_line.clear()
        config.hook.pytest_opml_result(config=config, result=result)
        show_in_benchmark(item, result, first=len(cases) == 1)
        return result

    return run


@pytest.fixture
def opml_dataset(request: pytest.FixtureRequest) -> Split:
    """The images and labels of the marked case, at the size that its model takes, in training and test parts."""
    return request.config.stash[STATE].session_of(request.node).dataset(marked_case(request.node))


@pytest.fixture
def opml_model(request: pytest.FixtureRequest) -> Any:
    """The Keras model of the marked case, pretrained and trained as the case says, before any technique."""
    state = request.config.stash[STATE]
    try:
        return state.session_of(request.node).model(marked_case(request.node), test_overrides(request.node))
    finally:
        state.progress_line.clear()


@pytest.fixture
def opml_artifact(request: pytest.FixtureRequest) -> Runtime:
    """The artifact of the marked case, opened: ``.path`` is its file, ``.predict(images)`` answers."""
    state = request.config.stash[STATE]
    try:
        return state.session_of(request.node).artifact(marked_case(request.node), test_overrides(request.node))
    finally:
        state.progress_line.clear()


@pytest.fixture
def opml_device(request: pytest.FixtureRequest) -> Device:
    """The device of the run, as it stands in the record."""
    return request.config.stash[STATE].session_of(request.node).device


@pytest.fixture
def gpu_timer(request: pytest.FixtureRequest, opml_device: Device) -> DeviceTimer:
    """Times a block (``with gpu_timer:``) or each call of a function (``@gpu_timer``) until the device has finished.

    ``device_s`` and ``host_s`` are the seconds of the last one, ``laps`` holds all.
    """
    from ..errors import UsageError
    from ..measure.device_timer import DeviceTimer

    if request.config.stash[STATE].sessions.is_remote:
        raise UsageError("gpu_timer times the device of this machine, and the run is on a fleet (--opml-fleet)")
    return DeviceTimer(on_gpu=opml_device.profile != "cpu")
