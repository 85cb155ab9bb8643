"""Names of data sets, models, techniques and metrics, and what builds each.

The built-in ones are declared as entry points of this distribution, exactly as another package declares its own, so
their names are known without importing them. A name of the form ``package.module:attribute`` and the path of a file
need no registration.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from .errors import CaseDefinitionError, UnknownNameError, one_line
from .printable import shows

if TYPE_CHECKING:
    from .records.model_sections import ModelSection

KINDS = ("dataset", "model", "technique", "metric", "quality")
FILE_SUFFIXES = {
    "dataset": (".npz",),
    "model": (".keras", ".tflite", ".onnx"),
    "technique": (),
    "metric": (),
    "quality": (),
}

_Factory = TypeVar("_Factory", bound=Callable[..., Any])
_registered: dict[tuple[str, str], Callable[..., Any]] = {}
_adopted: dict[tuple[str, str], Registration] = {}
_roots: list[Path] = []
_sections: list[Callable[[], Mapping[str, ModelSection]]] = []
_ADDRESS = re.compile(r"(models|runs):/+[^/]")


class Registration(NamedTuple):
    """A name that was registered while the process ran, and where another process finds its factory.

    Attributes:
        file: of the module, for one that cannot be imported by name, such as a ``conftest.py``.
    """

    kind: str
    name: str
    module: str
    attribute: str
    file: str | None


def register(kind: str, name: str) -> Callable[[_Factory], _Factory]:
    """Decorator: make a factory known under a name.

    A case runs in a process of its own, which imports the factory's module again, so the factory must be a function
    or a class at the top level of a module (a ``conftest.py`` or a ``bench_*.py`` file will do).

    Raises:
        ValueError: the kind is none of ``KINDS``, the name is taken or cannot be one, or the factory is not at the top
            level.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
    if not name or not shows(name) or set(name) & set("/+,:{} "):
        raise ValueError(f"{name!r} cannot be the name of a {kind}: no spaces and none of / + , : {{ }}")

    def add(factory: _Factory) -> _Factory:
        qualified = getattr(factory, "__qualname__", None)
        if not qualified or not qualified.isidentifier():
            raise ValueError(f"the {kind} {name!r} must be a function or a class at the top level of a module")
        if name in _declared(kind):
            raise ValueError(f"the {kind} {name!r} is already registered, by an installed package")
        first = _registered.setdefault((kind, name), factory)
        # a module that is imported a second time defines its functions anew
        if (first.__module__, first.__qualname__) != (factory.__module__, qualified):
            raise ValueError(f"the {kind} {name!r} is already registered")
        return factory

    return add


def registrations() -> tuple[Registration, ...]:
    """What ``register`` or ``adopt`` has made known in this process, for ``adopt`` in another."""

    def source(factory: Callable[..., Any]) -> str | None:
        try:
            return inspect.getsourcefile(factory)
        except TypeError:
            return None

    here = {
        key: Registration(*key, factory.__module__, factory.__qualname__, source(factory))
        for key, factory in _registered.items()
    }
    return tuple((_adopted | here).values())


def adopt(registrations: Iterable[Registration]) -> None:
    """Make known here what was registered in another process.

    A module that defines it is imported when the first of its names is asked for: whatever else it does when it is
    imported touches no case that has nothing to do with it.
    """
    for entry in registrations:
        if (entry.kind, entry.name) not in _registered:
            _adopted[entry.kind, entry.name] = entry


def _from_elsewhere(entry: Registration) -> Callable[..., Any]:
    """Return a factory that was registered in another process.

    Raises:
        CaseDefinitionError: its module cannot be imported, or has no such factory.
    """
    with_name = f"the {entry.kind} {entry.name!r}"
    module = _module_of(entry, with_name)
    try:
        factory: Callable[..., Any] = getattr(module, entry.attribute)
    except AttributeError as error:
        raise CaseDefinitionError(_cannot_import(with_name, error)) from error
    return _registered.setdefault((entry.kind, entry.name), factory)


@cache
def _module_of(entry: Registration, wanted: str) -> Any:
    try:
        by_name = importlib.util.find_spec(entry.module)
    except (ImportError, ValueError):
        by_name = None
    try:
        if entry.file is None or (by_name and by_name.origin and Path(by_name.origin) == Path(entry.file)):
            return importlib.import_module(entry.module)
        loader = SourceFileLoader(entry.module, entry.file)
        module = importlib.util.module_from_spec(ModuleSpec(entry.module, loader, origin=entry.file))
        loader.exec_module(module)
    except Exception as error:
        raise CaseDefinitionError(_cannot_import(wanted, error)) from error
    return module


def _cannot_import(wanted: str, error: Exception) -> str:
    return f"{wanted} cannot be imported: {type(error).__name__}: {one_line(error)}"


def use_sections(read: Callable[[], Mapping[str, ModelSection]]) -> None:
    """Let the cases that are built from now on take names and fields from sections ``[tool.opml.model.NAME]``.

    Args:
        read: returns them, by their headings; called whenever a case is built, and only then.
    """
    _sections[:] = [read]


def sections() -> Mapping[str, ModelSection]:
    """The sections that cases are built with, by their headings.

    Raises:
        SettingsError: a section is not as it may be.
    """
    return _sections[0]() if _sections else {}


def make_importable(root: Path) -> None:
    """Let the modules in the folder of a project be named, as pytest's ``pythonpath`` and ``python -m pytest`` do.

    The folder comes last on the path, behind what is installed: a ``queue.py`` or ``datasets.py`` of the project must
    not be what a library imports in any of our processes. A name that both have is refused where it is used.
    """
    root = root.absolute()
    if str(root) not in sys.path:
        sys.path.append(str(root))
        _roots.append(root)


def check_reference(kind: str, name: str) -> None:
    """Check that the module of ``package.module:attribute`` is there; imports nothing.

    Raises:
        CaseDefinitionError: there is no such module, or one that is installed hides the project's.
    """
    top = name.partition(":")[0].partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        if top in sys.modules:
            return  # importing it says why
        spec = None
    wanted = f"the {kind} {name!r}"
    if spec is None:
        raise CaseDefinitionError(f"{wanted} cannot be imported: there is no module {top} in {_searched()}")
    for own in (place for root in _roots for place in (root / f"{top}.py", root / top / "__init__.py")):
        if own.is_file() and not (spec.origin and Path(spec.origin).exists() and own.samefile(spec.origin)):
            raise CaseDefinitionError(
                f"{wanted} cannot be imported: {own} is hidden by {spec.origin}; give the project's module another name"
            )


def _searched() -> str:
    return f"{', '.join(map(str, _roots))} or what is installed" if _roots else "the path of this process"


@cache
def _declared(kind: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"pytest_opml.{kind}")}


def names(kind: str) -> list[str]:
    """All names of a kind, sorted."""
    return sorted({*_declared(kind), *(name for of, name in (*_registered, *_adopted) if of == kind)})


def is_reference(name: str) -> bool:
    """Whether a name has the form ``package.module:attribute``."""
    module, colon, attribute = name.partition(":")
    return bool(colon) and attribute.isidentifier() and all(part.isidentifier() for part in module.split("."))


def is_path(kind: str, name: str) -> bool:
    """Whether a name is the path of a file or folder: it contains a ``/`` or ends as such files do."""
    return bool(FILE_SUFFIXES[kind]) and ("/" in name or name.endswith(FILE_SUFFIXES[kind]))


def is_address(name: str) -> bool:
    """Whether a name is an address of MLflow's, such as ``models:/NAME@ALIAS``; it counts as a path, too."""
    return bool(_ADDRESS.match(name))


def check(kind: str, name: str, others: Iterable[str] = ()) -> None:
    """Raise UnknownNameError unless the name is registered, a reference or a path; imports and opens nothing.

    Args:
        kind: one of ``KINDS``.
        name: the name.
        others: names besides the registered ones that would have been right, for the message.
    """
    if name not in names(kind) and not is_reference(name) and not is_path(kind, name):
        raise UnknownNameError(kind, name, sorted({*names(kind), *others}))


def get(kind: str, name: str) -> Any:
    """The factory of a name that is registered or is a reference.

    Raises:
        UnknownNameError: nothing is registered under the name.
        CaseDefinitionError: what it refers to cannot be imported or called.
    """
    if (kind, name) in _registered:
        return _registered[kind, name]
    if (kind, name) in _adopted:
        return _from_elsewhere(_adopted[kind, name])
    declared = _declared(kind).get(name)
    if declared is None and not is_reference(name):
        raise UnknownNameError(kind, name, names(kind))
    if declared is None:
        check_reference(kind, name)
    module, _, attribute = name.partition(":")
    try:
        factory = declared.load() if declared else getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise CaseDefinitionError(_cannot_import(f"the {kind} {name!r}", error)) from error
    if not callable(factory):
        raise CaseDefinitionError(f"the {kind} {name!r} is a {type(factory).__name__}, which cannot be called")
    return factory


class Named(NamedTuple):
    """A registered name, what separates it from its argument (``-`` or ``:``), and the argument, where it has one."""

    name: str
    separator: str = ""
    argument: str | None = None


def split_argument(kind: str, text: str) -> Named:
    """Split ``name-argument`` or ``name:argument`` at the longest known name.

    Raises:
        UnknownNameError: the text begins with no known name.
    """
    fitting = [name for name in names(kind) if text == name or text.startswith((f"{name}-", f"{name}:"))]
    if not fitting:
        raise UnknownNameError(kind, text, names(kind))
    name = max(fitting, key=len)
    return Named(name) if text == name else Named(name, text[len(name)], text[len(name) + 1 :])
