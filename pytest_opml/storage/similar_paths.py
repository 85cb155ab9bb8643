"""What a path that leads nowhere may have meant."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

_OFFERED = 3


def no_such(path: Path) -> str:
    """Say that a path leads nowhere, and what lies near it: ``no such file or folder; nearest: models/cat.onnx``."""
    near = ", ".join(map(str, similar_paths(path)))
    return f"no such file or folder; nearest: {near}" if near else "no such file or folder"


def similar_paths(path: Path) -> list[Path]:
    """Return what a path that is not there may have meant, nearest first: what lies where its first lacking part would.

    Names that differ in the ending alone come first.
    """
    missing = path
    while not missing.parent.is_dir() and missing != missing.parent:
        missing = missing.parent
    try:
        names = sorted(entry.name for entry in missing.parent.iterdir())
    except OSError:
        return []
    alike = [name for name in names if Path(name).stem == missing.stem and not name.startswith(".")]
    alike += [name for name in get_close_matches(missing.name, names, _OFFERED) if name not in alike]
    return [missing.parent / name for name in alike[:_OFFERED]]
