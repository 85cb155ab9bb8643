"""Names of data sets, models and techniques, and what builds each.

The built-in ones are declared as entry points of this distribution, exactly as another package declares its own, so
their names are known without importing them. A name of the form ``package.module:attribute`` needs no registration.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from .errors import CaseDefinitionError, UnknownNameError, one_line

KINDS = ("dataset", "model", "technique")

_Factory = TypeVar("_Factory", bound=Callable[..., Any])
_registered: dict[tuple[str, str], Callable[..., Any]] = {}


def register(kind: str, name: str) -> Callable[[_Factory], _Factory]:
    """Decorator: make a factory known under a name in this process.

    A case runs in a process of its own, which imports what entry points and ``package.module:attribute`` names refer
    to; use one of these for anything that a worker needs.

    Raises:
        ValueError: the kind is none of ``KINDS``, or the name is taken.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")

    def add(factory: _Factory) -> _Factory:
        if name in _declared(kind):
            raise ValueError(f"the {kind} {name!r} is already registered, by an installed package")
        if _registered.setdefault((kind, name), factory) is not factory:
            raise ValueError(f"the {kind} {name!r} is already registered")
        return factory

    return add


@cache
def _declared(kind: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"pytest_opml.{kind}")}


def names(kind: str) -> list[str]:
    """All names of a kind, sorted."""
    return sorted({*_declared(kind), *(name for of, name in _registered if of == kind)})


def is_reference(name: str) -> bool:
    """Whether a name has the form ``package.module:attribute``."""
    module, colon, attribute = name.partition(":")
    return bool(colon) and attribute.isidentifier() and all(part.isidentifier() for part in module.split("."))


def check(kind: str, name: str) -> None:
    """Raise UnknownNameError unless the name is registered or is a reference; imports nothing."""
    if name not in names(kind) and not is_reference(name):
        raise UnknownNameError(kind, name, names(kind))


def get(kind: str, name: str) -> Any:
    """The factory of a name.

    Raises:
        UnknownNameError: nothing is registered under the name.
        CaseDefinitionError: what it refers to cannot be imported or called.
    """
    check(kind, name)
    if (kind, name) in _registered:
        return _registered[kind, name]
    module, _, attribute = name.partition(":")
    try:
        if name in _declared(kind):
            factory = _declared(kind)[name].load()
        else:
            factory = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        text = f"{type(error).__name__}: {one_line(error)}"
        raise CaseDefinitionError(f"the {kind} {name!r} cannot be imported: {text}") from error
    if not callable(factory):
        raise CaseDefinitionError(f"the {kind} {name!r} is a {type(factory).__name__}, which cannot be called")
    return factory


def split_argument(kind: str, text: str) -> tuple[str, str | None]:
    """Split ``name-argument`` at the longest known name: ``cluster-256`` gives ``("cluster", "256")``.

    Raises:
        UnknownNameError: the text begins with no known name.
    """
    fitting = [name for name in names(kind) if text == name or text.startswith(f"{name}-")]
    if not fitting:
        raise UnknownNameError(kind, text, names(kind))
    name = max(fitting, key=len)
    return name, text[len(name) + 1 :] if text != name else None
