"""Which cases the collected tests are about, so that one which is missing at the end is seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .markers import marked_case, test_overrides

if TYPE_CHECKING:
    from ..runner.plan import CollectedRun

_LEFT_OUT = pytest.StashKey["list[str]"]()


def _case_id(item: pytest.Item) -> str | None:
    """The id of the case that a test runs; None for one that says so only when it runs."""
    from ..errors import OpmlError

    if "opml" not in getattr(item, "fixturenames", ()):
        return None
    try:
        return marked_case(item).id
    except OpmlError:
        return None


def leave_out(item: pytest.Item) -> None:
    """Note the case of a test that the command line deselected."""
    name = _case_id(item)
    if name is not None:
        item.config.stash.setdefault(_LEFT_OUT, []).append(name)


def plan(config: pytest.Config, items: Sequence[pytest.Item]) -> CollectedRun:
    """What was collected.

    Args:
        config: of the run.
        items: the tests that use our fixtures.

    Raises:
        SettingsError: a marker says what it cannot.
    """
    from ..runner.plan import CollectedRun

    tests = [(item, _case_id(item), test_overrides(item)) for item in items]
    left_out: list[str] = config.stash.setdefault(_LEFT_OUT, [])
    return CollectedRun(
        cases={name: item.nodeid for item, name, _ in tests if name is not None},
        limits={name: overrides for _, name, overrides in tests if name is not None},
        deselected=tuple(left_out),
        partial_selection=any("::" in argument for argument in config.args),
    )


class BenchModule(pytest.Module):
    """A ``bench_*.py`` file: ``bench_*`` functions are collected beside what pytest collects anyway."""

    def funcnamefilter(self, name: str) -> bool:
        """Whether a function of this name is a test."""
        return name.startswith("bench_") or super().funcnamefilter(name)


def _is_named(config: pytest.Config, path: Path) -> bool:
    """Whether the command line names the file or a folder above it, other than the project as a whole."""
    if config.args_source != pytest.Config.ArgsSource.ARGS:
        return False
    named = [(config.invocation_params.dir / argument.split("::")[0]).resolve() for argument in config.args]
    return any(
        path == name or (name in path.parents and name not in (config.rootpath, *config.rootpath.parents))
        for name in named
    )


def is_benchmark_file(path: Path, parent: pytest.Collector) -> bool:
    """Whether it is a ``bench_*.py`` file that is named on the command line and that pytest would pass over."""
    if path.suffix != ".py" or not path.name.startswith("bench_"):
        return False
    by_pytest = parent.session.isinitpath(path) or any(
        path.match(pattern) for pattern in parent.config.getini("python_files")
    )
    return not by_pytest and _is_named(parent.config, path)
