"""The options of the command line, made from the settings that have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .. import registry
from ..settings import build_settings, declared

if TYPE_CHECKING:
    from ..settings import Settings, Unregistered

_SETTINGS = pytest.StashKey["Settings"]()


def add_options(parser: pytest.Parser) -> None:
    """Declare the command line."""
    group = parser.getgroup("opml", "benchmark and gate deep-learning models (pytest-opml)")
    for setting in declared().values():
        if setting.metavar:
            details: dict[str, Any] = {"type": setting.type} if setting.type else {}
            if setting.is_repeatable:
                details["action"] = "append"
            described = setting.described.replace("%", "%%")  # which argparse takes for a format
            group.addoption(setting.option, metavar=setting.metavar, help=described, **details)


def settings_of(config: pytest.Config, unregistered: Unregistered = "refused") -> Settings:
    """What the command line and the chosen ``pyproject.toml`` say, read once for a run.

    Args:
        config: of the run.
        unregistered: where a budget may name a metric that is not registered in this process.

    Raises:
        SettingsError: one of them says what it cannot.
    """
    if _SETTINGS not in config.stash:
        from .settings_file import chosen, settings_table

        options = {key: getattr(config.option, f"opml_{key}", None) for key in declared()}
        file = chosen(config)
        registry.make_importable(file.root)
        config.stash[_SETTINGS] = build_settings(settings_table(config), options, file.root, unregistered=unregistered)
    return config.stash[_SETTINGS]
