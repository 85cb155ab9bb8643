"""Which benchmarks the command line names, and whether it leaves some of the project's out."""

from __future__ import annotations

import ast
import importlib.util
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from ..settings import find_pyproject
from ..storage.input_file import read_input
from .stash import FIXTURES

LARGEST_MODULE = 2**24  # bytes
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


# --- what is named


def named_places(config: pytest.Config, *, single_tests: bool = True) -> list[Path]:
    """The files and folders that a run is of.

    Args:
        config: of the run.
        single_tests: whether the files of tests that are named one by one are among them.
    """
    parts = [argument.partition("::") for argument in config.args]
    return [_place(config, path) for path, _, test in parts if single_tests or not test]


def _place(config: pytest.Config, text: str) -> Path:
    """A file or folder that the command line names by its path, or with ``--pyargs`` by its module."""
    path = Path(os.path.normpath(config.invocation_params.dir / text))
    if not getattr(config.option, "pyargs", False) or path.exists():
        return path
    try:
        module = importlib.util.find_spec(text)
    except (ImportError, ValueError, AttributeError):
        return path
    if module is None:
        return path
    folders = list(module.submodule_search_locations or ())
    return Path(folders[0]) if folders else Path(module.origin or path)


def is_within(path: Path, place: Path) -> bool:
    """Whether a path is a file or folder, or lies below it; be it so through a link."""
    pairs = ((path, place), (path.resolve(), place.resolve()))
    return any(inner == outer or outer in inner.parents for inner, outer in pairs)


def is_named(config: pytest.Config, path: Path) -> bool:
    """Whether the command line names a file or a folder above it, other than the project as a whole."""
    if config.args_source != pytest.Config.ArgsSource.ARGS:
        return False
    return any(
        is_within(path, place) and (place.is_file() or not _is_project(config, place)) for place in named_places(config)
    )


def _is_project(config: pytest.Config, folder: Path) -> bool:
    """Whether a folder is the project as a whole, of which a plain run starts no benchmarks.

    pytest's ``rootdir`` may also be the folder of the benchmarks, where pytest's settings lie beside them.
    """
    folder, root, here = (place.resolve() for place in (folder, config.rootpath, config.invocation_params.dir))
    if folder not in (root, *root.parents):
        return False
    is_typed_inside = folder in (here, *here.parents)
    return is_typed_inside or (
        any((folder / name).exists() for name in _PROJECT_FILES) and not any(folder.glob("bench_*.py"))
    )


def named_benchmarks(config: pytest.Config) -> list[Path]:
    """The files ``bench_*.py`` that the command line names, themselves or by a folder."""
    if config.args_source != pytest.Config.ArgsSource.ARGS:
        return []
    files: list[Path] = []
    for place in named_places(config):
        if place.is_dir():
            files += [] if _is_project(config, place) else filter(_is_benchmark, _python_files(config, place))
        elif _is_benchmark(place) and place.is_file():
            files.append(place)
    return files


def _is_benchmark(path: Path) -> bool:
    return path.name.startswith("bench_")


# --- what is left out


def leaves_out(config: pytest.Config, root: Path | None) -> bool:
    """Whether the command line leaves out benchmarks of the project, so that they are never collected.

    What it deselects after that is known by name, and no part of this.

    Args:
        config: of the run.
        root: the folder of the project; None where nothing says which that is.
    """
    if _runs_last_failed(config):
        return True
    if root is None:
        return any(place.is_file() for place in named_places(config))
    return any(
        not _is_selected(config, path) for path in _python_files(config, root, alone=True) if _has_cases(config, path)
    )


def _runs_last_failed(config: pytest.Config) -> bool:
    """Whether ``--lf`` leaves tests out; where nothing that is named failed before, it runs all of them."""
    cache = getattr(config, "cache", None)
    if not getattr(config.option, "lf", False) or cache is None:
        return False
    files = {config.rootpath / test.partition("::")[0] for test in cache.get("cache/lastfailed", {})}
    return any(is_within(path, place) for path in files for place in named_places(config))


def _is_selected(config: pytest.Config, path: Path) -> bool:
    places = [place for place in named_places(config, single_tests=False) if is_within(path, place)]
    if not places or _is_ignored(config, path):
        return False
    return path in places or _is_found_by_pytest(config, path) or is_named(config, path)


def _is_found_by_pytest(config: pytest.Config, path: Path) -> bool:
    return any(path.match(pattern) for pattern in config.getini("python_files"))


def _is_ignored(config: pytest.Config, path: Path) -> bool:
    """Whether ``--ignore`` or ``--ignore-glob`` has the file or a folder above it."""
    folder = config.invocation_params.dir
    ignored, patterns = (
        [os.path.normpath(folder / text) for text in getattr(config.option, name, None) or ()]
        for name in ("ignore", "ignore_glob")
    )
    return any(
        str(place) in ignored or any(fnmatch(str(place), pattern) for pattern in patterns)
        for place in (path, *path.parents)
    )


def _has_cases(config: pytest.Config, path: Path) -> bool:
    """Whether a file has benchmarks: by its name, or because a test in it asks for one of our fixtures."""
    if _is_benchmark(path):
        return True
    if not _is_found_by_pytest(config, path):
        return False
    try:
        text = read_input(path, LARGEST_MODULE).decode()
        tree = ast.parse(text) if "opml" in text else None
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return False  # whether it can be imported is for pytest to say
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)] if tree else []
    return any(argument.arg in FIXTURES for function in functions for argument in function.args.args)


def _python_files(config: pytest.Config, top: Path, *, alone: bool = False) -> Iterator[Path]:
    """The Python files below a folder, where pytest would look for tests.

    Args:
        config: of the run.
        top: the folder.
        alone: whether to leave out projects below it that have settings of their own.
    """
    patterns = config.getini("norecursedirs")
    for name, folders, files in os.walk(top):
        folder = Path(name)
        folders[:] = [
            inner
            for inner in folders
            if inner != "__pycache__"
            and not any((folder / inner).match(pattern) for pattern in patterns)
            and not (folder / inner / "pyvenv.cfg").exists()
            and not (alone and find_pyproject(folder / inner, top) == folder / inner / "pyproject.toml")
        ]
        yield from (folder / file for file in files if file.endswith(".py"))
