from __future__ import annotations

import gc
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext

# Runs within this process forget what they imported. What keeps a state of its own is imported here for good, the
# server that workers are forked from.
from multiprocessing import forkserver  # noqa: F401
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import scipy.stats  # noqa: F401 - likewise
import sqlalchemy  # noqa: F401 - likewise

from pytest_opml import registry
from pytest_opml.case import Case
from pytest_opml.measure.device import detect
from pytest_opml.runner.launchers.process import start_server  # noqa: F401 - likewise
from pytest_opml.runner.options import BuildOptions, LocalPaths, MeasurementPlan
from pytest_opml.runtimes.threads import use_threads
from tests.support import small, tensorflow_use
from tests.support.inputs import prepared
from tests.support.projects import Bench
from tests.support.workbench import Workbench

if TYPE_CHECKING:
    import keras

    from pytest_opml.datasets.splits import Images, Split
    from pytest_opml.records.result import Training
    from pytest_opml.techniques.base import TrainingContext


# pytest-randomly is there for the tests about it; others know the order of what they run.
ORDERLY = "-p no:randomly"


# The one number that TensorFlow has in this process, whatever cores there are.
THREADS = 2
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(THREADS))
use_threads(THREADS)

# What a test draws without a seed of its own is the same in every run; another number shows which tests live on luck.
SEED = int(os.environ.get("TESTS_SEED", "0"))

_FOLDER = pytest.StashKey[Path]()


def pytest_sessionstart(session: pytest.Session) -> None:
    os.environ["PYTEST_ADDOPTS"] = ORDERLY  # of the runs that tests start
    folder = session.config.stash[_FOLDER] = Path(tempfile.mkdtemp(prefix="opml-tests-"))
    tensorflow_use.watch_processes(folder)
    if hasattr(session.config, "workerinput"):
        # The runs of two workers are none of each other's business: neither their locks nor what pytest-xdist says.
        (folder / "tmp").mkdir()
        os.environ["TMPDIR"], tempfile.tempdir = str(folder / "tmp"), None
        for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
            del os.environ[name]


def pytest_unconfigure(config: pytest.Config) -> None:
    if folder := config.stash.get(_FOLDER, None):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object | None) -> None:
    """Print by which signal a worker ended that crashed; pytest has printed the stacks, if it could."""
    if error:
        print(f"\nexit code of the worker: {node.gateway._io.popen.wait()}", flush=True)


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(crashitem: str, sched: Any) -> None:
    """End the session, and name the test: pytest-xdist waits for ever for the files that a worker had which crashed."""
    sched.config.pluginmanager.getplugin("dsession").shouldstop = f"{crashitem} has ended its worker"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without TensorFlow, leave out the modules that would import it while they are collected."""
    is_tests = collection_path.suffix == ".py" and collection_path.name.startswith("test_")
    if f"not {tensorflow_use.MARKER}" in config.option.markexpr.split(" and ") and is_tests:
        return tensorflow_use.imports_it_at_once(collection_path) or None
    return None


def _wants_a_quick_answer(config: pytest.Config) -> bool:
    """Whether nothing but TensorFlow is left out by name: who asks so wants to know within a minute."""
    return str(config.option.markexpr).strip() == f"not {tensorflow_use.MARKER}"


def pytest_report_header(config: pytest.Config) -> str | None:
    if not _wants_a_quick_answer(config):
        return None
    return "without TensorFlow: slow tests are left out too; -m 'not tensorflow or slow' takes them along"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for marker in ("attack", "browser", "docs", "fleet"):
        if marker not in str(config.option.markexpr):
            _leave_out(marker, config, items)
    if _wants_a_quick_answer(config):
        _leave_out("slow", config, items)


def _leave_out(marker: str, config: pytest.Config, items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker(marker)]
    items[:] = [item for item in items if not item.get_closest_marker(marker)]
    config.hook.pytest_deselected(items=marked)


def pytest_collection_finish() -> None:
    # What was imported stays; each round of the garbage collector would go through all of it.
    gc.freeze()


def pytest_itemcollected(item: pytest.Item) -> None:
    if isinstance(item, pytest.Function) and tensorflow_use.uses_it(item):
        item.add_marker(tensorflow_use.MARKER)


def _seed() -> None:
    random.seed(SEED)  # where Keras takes the seeds of new weights from
    np.random.seed(SEED)  # code under test and its libraries use it


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    tensorflow_use.name_test(item)
    _seed()
    with tensorflow_use.refused(item) if not item.get_closest_marker(tensorflow_use.MARKER) else nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    _seed()  # again: what fixtures drew depends on which tests ran before
    with tensorflow_use.refused(item) if not item.get_closest_marker(tensorflow_use.MARKER) else nullcontext():
        return (yield)


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests, so that the small model is trained once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def workbench(cache_dir: Path) -> Workbench:
    """Builds and measures cases in this process, on its CPU and with the cache of all tests."""
    device = detect("cpu", THREADS)
    return Workbench(
        paths=LocalPaths(cache_dir=cache_dir),
        build=BuildOptions(device=device),
        plan=MeasurementPlan(device=device, time_weights={"inference": 1.0}, reference_samples=10_000),
    )


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Case]:
    """The small model on small digits, two epochs; any field can be replaced."""

    def make(technique: str = "baseline", **changes: object) -> Case:
        values = {"dataset": "digits", "model": small.NAME, "weights": "none", "size": 16, "epochs": 2} | changes
        return Case(technique=technique, **values)

    return make


class Trained(NamedTuple):
    case: Case
    data: Split
    model_file: Path
    training: Training

    @property
    def x_test(self) -> Images:
        return self.data.x_test.take(np.arange(len(self.data.x_test)))

    def context(self) -> TrainingContext:
        """What a technique is given; every other model is this one."""
        from pytest_opml.techniques.base import TrainedModel, TrainingContext

        itself = TrainedModel(self.model_file, self.training)
        return TrainingContext(
            self.case, self.data.x_train, self.data.y_train, self.data.spec, lambda _: itself, self.load
        )

    def load(self) -> keras.Model:
        """A copy of its own for each test."""
        from pytest_opml.runtimes.keras_graph import load_keras

        return load_keras(self.model_file)


@pytest.fixture(scope="session")
def trained(make_case: Callable[..., Case], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    from pytest_opml.models.training import train

    case = make_case(unfreeze="all", epochs=5)
    data = prepared(case)
    model, training = train(case, data)
    file = tmp_path_factory.mktemp("trained") / "model.keras"
    model.save(file)
    return Trained(case, data, file, training)


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """That of pytest, which forgets the options of runs."""
    monkeypatch.setenv("PYTEST_ADDOPTS", ORDERLY)
    return pytester


@pytest.fixture
def bench(pytester: pytest.Pytester, cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A project of a user with the cache that all tests share; what a run in this process registers is forgotten."""
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    monkeypatch.setattr(registry, "_adopted", dict(registry._adopted))
    return Bench(pytester, cache_dir)
