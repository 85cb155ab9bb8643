"""Which files and functions are benchmarks, and where they run."""

from __future__ import annotations

from pathlib import Path

import pytest


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
