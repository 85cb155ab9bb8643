"""What is a benchmark, and which cases the collected tests are about, so that a missing one is seen at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from inspect import isabstract
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .markers import marked_case, marks_search, test_overrides
from .stash import gpu_of

if TYPE_CHECKING:
    from ..case import Case
    from ..runner.plan import CollectedRun
    from ..settings import Settings
    from .settings_file import SettingsFile

_LEFT_OUT = pytest.StashKey["list[tuple[str | None, str]]"]()
# Before the name of a device in the id of a test; `-k on:v100` selects by it.
_GPU = "on:"
_LEFT_OUT_UNNAMED = pytest.StashKey[bool]()


def _case(item: pytest.Item) -> Case | None:
    """The case that a test runs; None for one that says so only when it runs."""
    from ..errors import OpmlError

    if "opml" not in getattr(item, "fixturenames", ()) or marks_search(item):
        return None
    try:
        return marked_case(item)
    except OpmlError:
        return None


def spread_over_gpus(metafunc: pytest.Metafunc) -> None:
    """Have a test run once on each device, where the run is on several; the devices are in the tests' ids."""
    from ..errors import SettingsError
    from .settings_file import gpus_near

    try:
        gpus = gpus_near(metafunc.config, metafunc.definition.path.parent)
    except SettingsError:
        return  # it is raised again, once and not for each test, when the session is opened
    if len(gpus) > 1:
        metafunc.fixturenames.append("opml_gpu")
        metafunc.parametrize("opml_gpu", gpus, indirect=True, scope="session", ids=[f"{_GPU}{gpu}" for gpu in gpus])


def _test_id(item: pytest.Item, file: SettingsFile) -> str:
    """What runs a test again in the folder of the project, which need not be pytest's ``rootdir``."""
    if file.path is None or file.root not in item.path.parents:
        return item.nodeid
    return "::".join([str(item.path.relative_to(file.root)), *item.nodeid.split("::")[1:]])


def _without_gpu(test_id: str, gpu: str | None) -> str:
    """The id of the same test in a run on one device."""
    own = f"{_GPU}{gpu}"
    return test_id.replace(f"[{own}]", "").replace(f"[{own}-", "[").replace(f"-{own}]", "]").replace(f"-{own}-", "-")


def leave_out(item: pytest.Item) -> None:
    """Note the case of a test that the command line deselected, or that it may be any."""
    case = _case(item)
    if case is not None:
        item.config.stash.setdefault(_LEFT_OUT, []).append((gpu_of(item), case.id))
    elif "opml" in getattr(item, "fixturenames", ()):
        item.config.stash[_LEFT_OUT_UNNAMED] = True


def plans(items: Sequence[pytest.Item], file: SettingsFile, settings: Settings) -> dict[str, CollectedRun]:
    """What was collected, by the devices that tests are to run on.

    Args:
        items: the tests that use our fixtures; one at least.
        file: where the settings of the run are from.
        settings: of the run.

    Raises:
        SettingsError: a marker says what it cannot.
        CaseDefinitionError: two different cases have one id.
        UsageError: a file or a module that a case names is not there.
    """
    from ..runner.plan import CollectedTest, plan_run
    from .selection import leaves_out

    config = items[0].config
    left_out = config.stash.setdefault(_LEFT_OUT, [])
    is_partial = config.stash.get(_LEFT_OUT_UNNAMED, False) or leaves_out(config, file.root if file.path else None)
    by_gpu: dict[str | None, list[pytest.Item]] = {}
    for item in items:
        by_gpu.setdefault(gpu_of(item), []).append(item)
    return {
        gpu or settings.gpu: plan_run(
            [
                CollectedTest(_without_gpu(_test_id(item, file), gpu), _case(item), test_overrides(item))
                for item in of_gpu
            ],
            settings.cache_dir,
            deselected=[name for place, name in left_out if place == gpu],
            partial_selection=is_partial,
            gpus=list(filter(None, by_gpu)),
        )
        for gpu, of_gpu in by_gpu.items()
    }


class _Benchmarks(pytest.Module if TYPE_CHECKING else object):  # type: ignore[misc]
    """What a file and a class of benchmarks have in common."""

    def funcnamefilter(self, name: str) -> bool:
        """Whether a function of this name is a test."""
        return name.startswith("bench_") or super().funcnamefilter(name)

    def istestclass(self, obj: object, name: str) -> bool:
        """Whether a class holds tests: one called ``Bench*`` does where it has benchmarks."""
        is_ours = name.startswith("Bench") and any(part.startswith("bench_") for part in dir(obj))
        return (is_ours and not isabstract(obj)) or super().istestclass(obj, name)

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """Collect the tests, and make classes ours."""
        for node in super().collect():
            yield BenchClass.from_parent(self, name=node.name, obj=node.obj) if type(node) is pytest.Class else node


class BenchModule(_Benchmarks, pytest.Module):
    """A ``bench_*.py`` file: ``bench_*`` functions are collected beside what pytest collects anyway."""


class BenchClass(_Benchmarks, pytest.Class):
    """A class in such a file: its ``bench_*`` methods are collected beside what pytest collects anyway."""


def is_benchmark_file(path: Path, parent: pytest.Collector) -> bool:
    """Whether it is a ``bench_*.py`` file that is named on the command line and that pytest would pass over."""
    if path.suffix != ".py" or not path.name.startswith("bench_"):
        return False
    by_pytest = parent.session.isinitpath(path) or any(
        path.match(pattern) for pattern in parent.config.getini("python_files")
    )
    if by_pytest:
        return False
    from .selection import is_named

    return is_named(parent.config, path)
