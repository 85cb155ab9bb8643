"""The options of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .xdist import _INBOX

if TYPE_CHECKING:
    from ..settings import Settings, Unregistered


_OPTIONS = (
    "gpu",
    "json",
    "store",
    "baseline",
    "mlflow",
    "cache_dir",
    "data_dir",
    "threads",
    "compare_seconds",
    "timeout",
    "memory_mb",
    "gate",
)


_SETTINGS = pytest.StashKey["Settings"]()


def settings_of(config: pytest.Config) -> Settings:
    """What the command line and ``pyproject.toml`` say.

    Raises:
        SettingsError: one of them says what it cannot.
    """
    from ..settings import build_settings, read_pyproject

    if _SETTINGS not in config.stash:
        options = {name: getattr(config.option, f"opml_{name}") for name in (*_OPTIONS, "gate")}
        file = read_pyproject(config.rootpath / "pyproject.toml")
        # the workers have refused what nobody registers; what cannot be made known here is not judged
        unregistered: Unregistered = "anywhere" if _INBOX in config.stash else "refused"
        config.stash[_SETTINGS] = build_settings(file, options, config.rootpath, unregistered=unregistered)
    return config.stash[_SETTINGS]
