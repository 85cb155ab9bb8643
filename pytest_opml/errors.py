"""Every error that pytest-opml raises on purpose.

OpmlError
|-- UsageError                  the user's input: exit code 4
|   |-- SettingsError           an option or a key of [tool.opml]
|   |-- CaseDefinitionError     a case that cannot exist
|   |   `-- UnknownNameError    a name that nothing is registered under
|   |-- DatasetError            data that cannot be used
|   |-- ModelFileError          a model or weights file that is not one, or was changed
|   |-- MissingDependencyError  an optional package is not installed
|   |-- DeviceError             the device asked for is not there
|   `-- StorageError            a cache, store or record that cannot be read or written
|-- TechniqueError              a technique that cannot do its work on this model
|-- TrainingError               a training that left a layer untrained, or weights that are no numbers
|-- ThreadsError                a runtime that does not keep to the number of threads that it was given
`-- CaseFailed                  a case that ended without a result, with the kind of its failure
    `-- DeviceBusy              another run had the device for longer than this one may wait
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from .printable import printable

_LISTED = 50
_READ = 20_000  # characters of what a library says, which may quote all that it was given
_LONGEST = 2_000  # characters of an error; a value that is quoted in it may have any length


def one_line(error: object) -> str:
    """Return what another library says in one line: its first that is not empty, or the name of the error."""
    lines = [line.strip() for line in str(error)[:_READ].splitlines()]
    return printable(next(filter(None, lines), type(error).__name__))


def listed(names: Sequence[str]) -> str:
    """Return names for a message of one line: at most fifty, and how many more there are."""
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more}"


class OpmlError(Exception):
    """Base of all errors; its text is one line meant for the user.

    Each of them can cross the border of a process: what comes out has the type, the text and the attributes of what
    went in, whatever its ``__init__`` takes.
    """

    def __str__(self) -> str:
        text = super().__str__()
        end = _LONGEST // 4  # which often lists what is allowed
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - end - 5]} ... {text[-end:]}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[OpmlError], args: tuple[Any, ...], attributes: dict[str, Any]) -> OpmlError:
    """Return an error as it was, without calling an ``__init__`` that would write its text anew."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class UsageError(OpmlError):
    """The input is wrong: the run ends with exit code 4."""


class SettingsError(UsageError):
    """An option or a key of ``[tool.opml]`` is unknown or has a wrong value."""


class CaseDefinitionError(UsageError):
    """A case was described that cannot exist."""


class UnknownNameError(CaseDefinitionError):
    """Nothing is registered under a name; the text lists what is, and last what may have been meant."""

    def __init__(self, kind: str, name: str, registered: Iterable[str]) -> None:
        names = sorted(registered)
        text = f"unknown {kind} {name!r}; known: {listed(names) or 'none'}"
        near = get_close_matches(name, names)
        super().__init__(f"{text}; nearest: {', '.join(near)}" if near else text)


class DatasetError(UsageError):
    """A data set is missing, malformed or cannot be classified."""


class ModelFileError(UsageError):
    """A model or weights file is missing, is not one, or is not the one expected."""


class MissingDependencyError(UsageError):
    """A feature needs a package that is not installed; names the extra of pytest-opml that brings it, if one does."""

    def __init__(self, feature: str, distribution: str, *, extra: str | None = None) -> None:
        wanted = f"pytest-opml[{extra}]" if extra else distribution
        super().__init__(f"{feature} needs the package {distribution}: pip install {shlex.quote(wanted)}")


class DeviceError(UsageError):
    """The device asked for is not on this machine."""


class StorageError(UsageError):
    """A cache, store or record cannot be read or written."""


class TechniqueError(OpmlError):
    """A technique cannot be applied to this model, or changed nothing."""


class TrainingError(OpmlError):
    """Training left a layer as it was, or weights that are no numbers."""


class ThreadsError(OpmlError):
    """What computes does not keep to the number of threads that it was given."""


class CaseFailed(OpmlError):  # noqa: N818 - it names what happened to the case
    """A case ended without a result.

    Attributes:
        kind: ``usage``, ``error``, ``crash``, ``out_of_memory``, ``killed``, ``timeout`` or ``device_busy``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class DeviceBusy(CaseFailed):
    """Another run had the device for longer than this one may wait."""

    def __init__(self, message: str) -> None:
        super().__init__("device_busy", message)
