"""The scripts and the style of the pages, and the JavaScript that draws their charts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

STYLE = "style.css"
# In the order in which a page loads them: the later ones use the earlier ones.
SCRIPTS = ("theme.js", "selection.js", "table.js", "charts.js")

_LARGEST_RUNTIME = 8_000_000


@cache
def read_asset(name: str) -> str:
    """Return one of the files of ``assets/``, a style or a script, as text."""
    return files(__package__).joinpath("assets", name).read_text("utf-8")


def vega_runtime() -> str:
    """Return the JavaScript of Vega, Vega-Lite and vega-embed in one text, as vl-convert bundles it.

    Bundling takes more than a second, so the text is stored beside the cache of this version for the next page.
    """
    return _bundle(_runtime_file())


@cache
def _bundle(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        if path.stat().st_size <= _LARGEST_RUNTIME and (text := path.read_text("utf-8")).endswith(_END):
            return text
    import vl_convert

    bundle: Callable[..., str] = vl_convert.javascript_bundle  # its stub does not know that None is the whole of it
    # what it ends with tells a whole file from the rest of one
    text = bundle(None) + _END
    with suppress(OSError):  # a folder that cannot be written costs the next page a second
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            part.write_text(text, "utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return text


_END = "\n// end of the charts' runtime\n"


def _runtime_file() -> Path:
    from importlib.metadata import version

    from platformdirs import user_cache_path

    return user_cache_path("pytest-opml-pages") / f"vega-of-vl-convert-{version('vl-convert-python')}.js"


def as_script_data(value: Any) -> str:
    """Return JSON that can stand in a ``<script>``: nothing in it ends the element, and each text is a text."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
