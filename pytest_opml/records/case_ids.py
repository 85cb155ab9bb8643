"""The ids of cases as text: ``dataset/model/topN/technique[/key=value,...]``, ``NAME`` or ``NAME/technique``.

A name has no ``/``, so the three forms are never mistaken for one another.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import NamedTuple

from ..printable import shows

_NAME = r"(?:[^/{}]+|\{[^{}]+\})"
ID = re.compile(
    rf"(?P<dataset>{_NAME})/(?P<model>{_NAME})/(?P<top>all|top\d{{1,999}})/(?P<technique>[^/]+)(?:/(?P<rest>.*))?",
    re.ASCII | re.DOTALL,
)
_NOT_IN_NAMES = set("/{}=,")


class IdParts(NamedTuple):
    """The parts of a case's id; ``extras`` are the fields that differ from their defaults, as ``name=value``."""

    dataset: str
    model: str
    top: str
    technique: str
    extras: tuple[str, ...]


def checked_name(name: str) -> str:
    """Return the name of a case, which can stand for its id.

    Raises:
        ValueError: it cannot.
    """
    if not name or not shows(name) or name != name.strip() or set(name) & _NOT_IN_NAMES:
        raise ValueError("must be a text without / { } = , or control characters, and without blanks at its ends")
    return name


def named_id(name: str, technique: str) -> str:
    """Return the id of a case that has a name: the name alone stands for the case as trained."""
    return name if technique == "baseline" else f"{name}/{technique}"


def reference_id(case_id: str) -> str:
    """Return the id of the case that one is compared with, which is its own for a reference."""
    if match := ID.fullmatch(case_id):
        return f"{case_id[: match.start('technique')]}baseline{case_id[match.end('technique') :]}"
    return case_id.partition("/")[0]


def matches(case_id: str, pattern: str) -> bool:
    """Tell whether a pattern (``fnmatch``, or the id itself) is for a case; the options at an id's end may be left out.

    So ``*/int8`` is for ``digits/small_cnn/top1/int8/epochs=5`` too.
    """
    match = ID.fullmatch(case_id)
    forms = [case_id, case_id[: match.end("technique")]] if match else [case_id]
    return any(pattern == form or fnmatchcase(form, pattern) for form in forms)
