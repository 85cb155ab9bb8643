"""What pytest-benchmark sees: each case as a benchmark of its own, with the OpML figures beside its times.

The times were taken in a worker. pytest-benchmark takes its own by asking a timer before and after each round, so it is
given one that replays them, through ``pedantic``, and everything that it makes of times follows: table, JSON, saved
runs, comparisons and histograms.
"""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..records.result import Result

_PLUGIN = "benchmark"


class Replay:
    """A clock that goes on by each of some recorded times between every other two calls."""

    __name__ = "recorded_passes"  # what the saved files call it

    def __init__(self) -> None:
        self._readings: Iterator[float] = itertools.repeat(0.0)

    def load(self, seconds: tuple[float, ...]) -> None:
        """What to replay: the seconds of each round."""
        ends = list(itertools.accumulate(seconds, initial=0.0))
        self._readings = itertools.chain.from_iterable(itertools.pairwise(ends))

    def __call__(self) -> float:
        """The next reading."""
        return next(self._readings)


_CLOCK = pytest.StashKey[Replay]()


def make_benchmark(item: pytest.Item) -> None:
    """Make a test that runs cases a benchmark; one that uses the fixture ``benchmark`` itself keeps it for itself."""
    names: list[str] = getattr(item, "fixturenames", [])
    if hasattr(item.config, "workerinput"):
        return  # pytest-benchmark rests under pytest-xdist, and would say so
    if "opml" not in names or _PLUGIN in names or not item.config.pluginmanager.hasplugin(_PLUGIN):
        return
    item.fixturenames = [*names, _PLUGIN]  # type: ignore[attr-defined]  # the list itself is all parameters'
    clock = item.stash[_CLOCK] = Replay()
    written = item.get_closest_marker("benchmark")
    mine = pytest.mark.benchmark(**(dict(written.kwargs) if written else {}) | {"timer": clock})
    item.add_marker(mine, append=False)  # the closest one is the one that counts


def show_in_benchmark(item: pytest.Item, result: Result, *, first: bool) -> None:
    """Enter a result as a benchmark.

    Args:
        item: the test that asked for it.
        result: of the case.
        first: whether it is the first case of its test, which gets the test's name; others get their ids.
    """
    plugin = item.config.pluginmanager.getplugin("pytest-benchmark")
    if plugin is None or not hasattr(item, "funcargs") or _PLUGIN not in item.funcargs:
        return
    fixture = item.funcargs[_PLUGIN]
    if _CLOCK not in item.stash:
        fixture.extra_info.setdefault("opml", []).append(figures(result))
        return
    clock = item.stash[_CLOCK]
    name = item.nodeid if first else f"{item.nodeid}::{result.case.id}"
    # that of an attempt before, where another plugin runs a test again
    plugin.benchmarks[:] = [benchmark for benchmark in plugin.benchmarks if benchmark.fullname != name]
    if not first:
        node = SimpleNamespace(name=result.case.id, nodeid=name)
        options = plugin.options | {"timer": SimpleNamespace(target=clock)}
        fixture = type(fixture)(
            node,
            add_stats=plugin.benchmarks.append,
            logger=plugin.logger,
            warner=item.warn,
            disabled=plugin.disabled,
            **options,
        )
    fixture.extra_info.update(figures(result))
    clock.load(result.passes_s)
    fixture.pedantic(lambda: None, rounds=len(result.passes_s))


def mark_unused(item: pytest.Item) -> None:
    """Keep pytest-benchmark from warning of a fixture that was not used, where a case had no result to enter."""
    fixture = getattr(item, "funcargs", {}).get(_PLUGIN)
    if _CLOCK in item.stash and fixture is not None and fixture._mode is None:
        fixture._mode = "pytest-opml"


def figures(result: Result) -> dict[str, Any]:
    """The figures of a result as plain data, and what they were measured on."""
    from ..metrics import METRICS

    shown: dict[str, Any] = {"case": result.case.id, "profile": result.device.profile, "threads": result.device.threads}
    shown |= {name: metric.read(result) for name, metric in METRICS.items()}
    if result.vs_reference:
        shown["time_ratio"] = result.vs_reference.offline.model_dump()
    return shown


def describe_machine() -> list[dict[str, str]] | str:
    """The GPUs and their driver, of which pytest-benchmark knows nothing by itself; only what stays the same."""
    from ..errors import DeviceError
    from ..measure.nvml import read_gpus

    try:
        return [{"name": gpu.name, "driver": gpu.driver} for gpu in read_gpus()]
    except DeviceError as error:
        return str(error)


# Options that ask pytest-benchmark to show something, its table or what it prints and draws along with it.
_ASKING = tuple(
    f"--benchmark-{name}"
    for name in ("columns", "sort", "group-by", "compare", "name", "verbose", "histogram", "cprofile")
)


def hide_table(config: pytest.Config) -> None:
    """Have pytest-benchmark print no table of our cases, which ours shows, unless it was asked for.

    What it writes, and what it compares by ``--benchmark-compare-fail``, stays as it is; so does the table of a run
    that has benchmarks of others too.
    """
    from .options import settings_of

    plugin = config.pluginmanager.getplugin("pytest-benchmark")
    if plugin is None or not plugin.benchmarks or _asks_for_table(config):
        return
    are_ours = all(isinstance(benchmark.options.get("timer"), Replay) for benchmark in plugin.benchmarks)
    if are_ours and not settings_of(config).benchmark_table:
        plugin.quiet = True


def _asks_for_table(config: pytest.Config) -> bool:
    given = (*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *config.getini("addopts"))
    return any(str(argument).startswith(_ASKING) for argument in (*given, *config.invocation_params.args))
