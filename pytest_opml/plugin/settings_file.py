"""The ``pyproject.toml`` whose settings a run takes: the nearest one with ``[tool.opml]``.

It is looked for from the benchmarks upwards, then from the working folder. pytest's own ``rootdir`` is no guide: it
follows from where the settings of pytest are, which may be in another folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from .. import registry
from ..errors import SettingsError
from ..printable import printable
from ..settings import declared, find_pyproject, project_folder, read_gpus, read_pyproject
from .selection import named_benchmarks, named_places

if TYPE_CHECKING:
    from ..records.model_sections import ModelSection


class SettingsFile(NamedTuple):
    """Where the settings of a run are from.

    Attributes:
        path: the file; None where none has ``[tool.opml]`` and the defaults apply.
        root: the folder of the project, which relative paths in the file start from.
    """

    path: Path | None
    root: Path


# The suite of the paper is a project of its own, whichever project it is run from.
_SUITE = Path(__file__).parents[1] / "paper" / "suite" / "pyproject.toml"
_CHOSEN = pytest.StashKey[SettingsFile]()
_SAID = pytest.StashKey[str]()
_GPUS = pytest.StashKey["dict[Path | None, tuple[str, ...]]"]()
_SECTIONS = pytest.StashKey["dict[Path, Mapping[str, ModelSection]]"]()


def choose(config: pytest.Config, benchmarks: Iterable[Path]) -> SettingsFile:
    """Choose the file for these benchmarks, and remember it.

    Args:
        config: of the run.
        benchmarks: files, or folders with them.

    Raises:
        SettingsError: they have different ones.
    """
    folders = {path if path.is_dir() else path.parent: path for path in benchmarks}
    files = {_nearest(config, folder): path for folder, path in folders.items()}
    if len(files) > 1:
        (first, one), (second, another) = sorted(files.items(), key=lambda entry: str(entry[0]))[:2]
        raise SettingsError(
            f"the benchmarks have different settings: those of {_shown(config, one)} are in {_named(config, first)}, "
            f"and those of {_shown(config, another)} in {_named(config, second)}; run them one after the other"
        )
    config.stash[_CHOSEN] = _of(config, next(iter(files), None) or _nearest(config, config.invocation_params.dir))
    return config.stash[_CHOSEN]


def chosen(config: pytest.Config) -> SettingsFile:
    """What was chosen; before the tests are collected, by what the command line names.

    Raises:
        SettingsError: as ``choose`` says.
    """
    if _CHOSEN in config.stash:
        return config.stash[_CHOSEN]
    return choose(config, [place for place in named_places(config) if place.exists()])


def adopt(config: pytest.Config, file: SettingsFile) -> None:
    """Take what the workers of pytest-xdist have chosen, who alone collect."""
    config.stash[_CHOSEN] = file


def settings_table(config: pytest.Config) -> dict[str, Any]:
    """Return the table ``[tool.opml]`` that was chosen; empty where there is none.

    The suite of the paper takes what says how this machine is to be used from the project that it is run from.

    Raises:
        SettingsError: a file cannot be read.
    """
    file = chosen(config)
    table = read_pyproject(file.path) if file.path else {}
    if not (file.path and _is_suite(file.path)):
        return table
    path, settings = _nearest_here(config), declared()
    around = read_pyproject(path) if path else {}
    # what is no key at all is passed on, and refused as in any other run
    return {key: value for key, value in around.items() if key not in settings or not settings[key].of_project} | table


def _is_suite(path: Path) -> bool:
    return path.resolve() == _SUITE.resolve()


def let_import_near(config: pytest.Config, folder: Path) -> None:
    """Let the modules of the project nearest to a folder be imported by the benchmarks there, and be named."""
    registry.make_importable(_of(config, _nearest(config, folder)).root)


def use_sections_near(config: pytest.Config, folder: Path) -> None:
    """Let cases that are built from now on take what the settings nearest to a folder say of their models."""
    registry.use_sections(lambda: _sections_near(config, folder))


def _sections_near(config: pytest.Config, folder: Path) -> Mapping[str, ModelSection]:
    """The sections ``[tool.opml.model.NAME]``; read where the first case is built.

    Raises:
        SettingsError: one of them is not as it may be.
    """
    by_folder = config.stash.setdefault(_SECTIONS, {})
    if folder not in by_folder:
        path = _nearest(config, folder)
        table = read_pyproject(path).get("model") if path else None
        by_folder[folder] = _parsed(table, path.parent) if path and table else {}
    return by_folder[folder]


def gpus_near(config: pytest.Config, folder: Path) -> tuple[str, ...]:
    """Return the devices that a run is on, by the command line or by the settings nearest to a folder.

    Raises:
        SettingsError: one of them is none.
    """
    option = config.option.opml_gpu
    path = None if option else _nearest(config, folder)
    by_file = config.stash.setdefault(_GPUS, {})
    if path not in by_file:
        place = _nearest_here(config) if path and _is_suite(path) else path
        table = read_pyproject(place) if place else {}
        by_file[path] = read_gpus(table, option)
    return by_file[path]


def _parsed(table: object, root: Path) -> Mapping[str, ModelSection]:
    from ..case import parse_sections

    return parse_sections(table, "tool.opml.model", root)


def _nearest(config: pytest.Config, folder: Path) -> Path | None:
    # as it was typed first: a folder of benchmarks may be a link into another project
    return find_pyproject(folder, folder.resolve(), config.invocation_params.dir, config.rootpath)


def _nearest_here(config: pytest.Config) -> Path | None:
    """The nearest file to the working folder, that of the suite apart."""
    path = find_pyproject(config.invocation_params.dir, config.rootpath)
    return None if path and _is_suite(path) else path


def _of(config: pytest.Config, path: Path | None) -> SettingsFile:
    if path and _is_suite(path):
        return SettingsFile(path, _of(config, _nearest_here(config)).root)
    root = path.parent if path else project_folder(config.invocation_params.dir) or config.rootpath
    return SettingsFile(path, root)


def header(config: pytest.Config) -> str | None:
    """The line of pytest's header, where the command line names benchmarks."""
    try:
        benchmarks = named_benchmarks(config)
        file = choose(config, benchmarks) if benchmarks else None
    except SettingsError:
        return None  # it is raised again when the tests are collected
    if file is None:
        return None
    del config.stash[_CHOSEN]  # the tests that are collected decide
    return _say(config, file)


def correction(config: pytest.Config) -> str | None:
    """The line below what was collected, where the header did not have it or was wrong."""
    return _say(config, chosen(config)) if config.get_verbosity() >= 0 else None


def _say(config: pytest.Config, file: SettingsFile) -> str | None:
    line = f"opml: budgets of {_shown(config, file.path)}" if file.path else "opml: no [tool.opml] found; defaults"
    if file.path and _is_suite(file.path):
        line = "opml: the suite of the paper, which has no budgets"
    if config.stash.get(_SAID, None) == line:
        return None
    config.stash[_SAID] = line
    return printable(line)


def _named(config: pytest.Config, path: Path | None) -> str:
    return _shown(config, path) if path else "no pyproject.toml"


def _shown(config: pytest.Config, path: Path) -> str:
    return os.path.relpath(path, config.invocation_params.dir)
