"""The templates of the pages."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def make_environment(**options: Any) -> Environment:
    """Return an environment for the templates, which escapes each value and refuses a name that is not defined.

    Args:
        options: further ones of ``jinja2.Environment``.
    """
    return Environment(
        loader=PackageLoader("pytest_opml.reports.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
