"""What is a benchmark, and which cases the collected tests are about, so that a missing one is seen at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from inspect import isabstract
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .markers import marked_case, marks_search, test_overrides

if TYPE_CHECKING:
    from ..case import Case
    from ..runner.plan import CollectedRun
    from .settings_file import SettingsFile

_LEFT_OUT = pytest.StashKey["list[str]"]()
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


def _test_id(item: pytest.Item, file: SettingsFile) -> str:
    """What runs a test again in the folder of the project, which need not be pytest's ``rootdir``."""
    if file.path is None or file.root not in item.path.parents:
        return item.nodeid
    return "::".join([str(item.path.relative_to(file.root)), *item.nodeid.split("::")[1:]])


def leave_out(item: pytest.Item) -> None:
    """Note the case of a test that the command line deselected, or that it may be any."""
    case = _case(item)
    if case is not None:
        item.config.stash.setdefault(_LEFT_OUT, []).append(case.id)
    elif "opml" in getattr(item, "fixturenames", ()):
        item.config.stash[_LEFT_OUT_UNNAMED] = True


def plan(config: pytest.Config, items: Sequence[pytest.Item], file: SettingsFile, cache_dir: Path) -> CollectedRun:
    """What was collected.

    Args:
        config: of the run.
        items: the tests that use our fixtures.
        file: where the settings of the run are from.
        cache_dir: of the run's cache.

    Raises:
        SettingsError: a marker says what it cannot.
        CaseDefinitionError: two different cases have one id.
        UsageError: a file or a module that a case names is not there.
    """
    from ..runner.plan import CollectedTest, plan_run
    from .selection import leaves_out

    left_out: list[str] = config.stash.setdefault(_LEFT_OUT, [])
    return plan_run(
        [CollectedTest(_test_id(item, file), _case(item), test_overrides(item)) for item in items],
        cache_dir,
        deselected=left_out,
        partial_selection=config.stash.get(_LEFT_OUT_UNNAMED, False)
        or leaves_out(config, file.root if file.path else None),
    )


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
