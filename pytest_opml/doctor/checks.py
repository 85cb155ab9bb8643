"""All checks in turn, none of which stops those after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import OpmlError, SettingsError, one_line
from .arithmetic import arithmetic
from .devices import devices
from .finding import Finding
from .fleet import fleet
from .offline import data_sets, weights
from .packages import packages
from .project import git, project
from .storage import cache, history, shared_cache

if TYPE_CHECKING:
    from ..settings import Settings

# What it meets on a machine that lacks packages, has damaged ones, or lets it read or start nothing.
_REFUSALS = (OpmlError, OSError, ImportError, EOFError, ValueError, RuntimeError)
_WITHOUT_FLEET = "set fleet in [tool.opml] to another cluster, or leave it out"
_INSTALL = "install what is missing: pip install --upgrade pytest-opml"


class Asked(NamedTuple):
    """The question that the doctor is asked.

    Attributes:
        config: the file with ``[tool.opml]``; its folder is the project.
        options: what the command line sets instead, as ``build_settings`` takes it.
        quick: whether to leave out what needs TensorFlow to start.
    """

    config: Path
    options: Mapping[str, Any]
    quick: bool


class _Check(NamedTuple):
    """One check; ``hint``: what to do where it cannot even look."""

    topic: str
    name: str
    look: Callable[[], Iterator[Finding]]
    hint: str


def examine(asked: Asked) -> list[Finding]:
    """Look at everything that a run needs, topic by topic; where the settings are wrong, at the rest without them."""
    root = asked.config.absolute().parent
    installed = _Check("installed", "packages", packages, "install pytest-opml anew")
    try:
        settings, wrong = _settings(asked, root)
    except ImportError as error:
        text = f"nothing else can be looked at: {one_line(error)}"
        return [*_guarded(installed), Finding("project", "settings", "problem", text, _INSTALL)]
    return [
        finding
        for check in (
            installed,
            _Check(
                "devices", "devices", lambda: devices(settings, quick=asked.quick), "see whether nvidia-smi answers"
            ),
            *([] if asked.quick else [_formats(settings)]),
            *([_Check("fleet", "cluster", lambda: fleet(settings), _WITHOUT_FLEET)] if settings.fleet else []),
            _Check("storage", "cache", lambda: cache(settings.cache_dir), "set --opml-cache-dir to another folder"),
            _Check(
                "storage",
                "shared cache",
                lambda: shared_cache(settings.cache_shared),
                "set --opml-cache-shared to another place, or leave it out",
            ),
            _Check(
                "storage", "history", lambda: history(settings.store), "set --opml-store to another one, or to none"
            ),
            _Check("weights", "weights", lambda: weights(settings.cache_dir), "see whether ~/.keras can be read"),
            _Check(
                "data sets", "data sets", lambda: data_sets(settings.data_dir), "set --opml-data-dir to another one"
            ),
            _Check(
                "project",
                "project",
                lambda: project(asked.config, wrong, settings.gate.unregistered),
                f"see whether {root} can be read",
            ),
            _Check("project", "git", lambda: git(root), f"see whether {root} can be read"),
        )
        for finding in _guarded(check)
    ]


def _formats(settings: Settings) -> _Check:
    return _Check("number formats", "measured", lambda: arithmetic(settings), "leave it out by --quick")


def _settings(asked: Asked, root: Path) -> tuple[Settings, SettingsError | None]:
    """Return the settings, or those that apply without the file and what is wrong with it."""
    from ..settings import build_settings, read_pyproject

    try:
        return build_settings(read_pyproject(asked.config), asked.options, root, unregistered="in the file"), None
    except SettingsError as error:
        return build_settings({}, asked.options, root), error


def _guarded(check: _Check) -> Iterator[Finding]:
    try:
        yield from check.look()
    except _REFUSALS as error:
        remedy = _INSTALL if isinstance(error, ImportError) else check.hint
        yield Finding(check.topic, check.name, "problem", one_line(error), remedy)
