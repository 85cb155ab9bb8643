"""Reading what a worker answers: it has run code of models, data and extensions, and whatever it sends may be theirs.

An answer holds numbers, texts, arrays, and records and named tuples of this package; it can name nothing else, and the
reader is changed by none.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import importlib
import io
import pathlib
import pickle
import types
import typing
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ...progress import Progress
from ...records.run import FailureKind

_PACKAGE = "pytest_opml"
_PLAIN: dict[tuple[str, str], Any] = {
    (kind.__module__, kind.__qualname__): kind
    for kind in (
        *(set, frozenset, complex, bytearray, slice, range, OrderedDict, deque),
        *(dt.datetime, dt.date, dt.time, dt.timedelta, dt.timezone),
        *(pathlib.PosixPath, pathlib.PurePosixPath),
    )
}
_NUMPY = {
    *(("numpy", "ndarray"), ("numpy", "dtype"), ("numpy._core.numeric", "_frombuffer")),
    *(("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")),
    *(("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar")),
    *(("numpy.core.numeric", "_frombuffer"), ("_codecs", "encode")),
}
_NO_VALUES = (type, types.FunctionType, types.BuiltinFunctionType)
_LONGEST_STAGE = 200


class UnreadableAnswer(Exception):  # noqa: N818 - it says what was read
    """What a worker sent is no answer; says why."""


class _Reader(pickle._Unpickler):  # the one of C would let a pickle write into a class
    def __init__(self, content: bytes, module: str) -> None:
        super().__init__(io.BytesIO(content))
        self._module = module

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = (module_name, global_name)
        if name in _PLAIN:
            return _PLAIN[name]
        if name in _NUMPY:
            return getattr(importlib.import_module(module_name), global_name)
        ours = module_name.startswith(f"{_PACKAGE}.") and not module_name.endswith("__main__")
        if (ours or module_name == self._module) and "." not in global_name:
            kind = getattr(importlib.import_module(module_name), global_name, None)
            if isinstance(kind, type) and kind.__module__ == module_name and _holds_values_only(kind):
                return kind
        raise pickle.UnpicklingError(f"it names {module_name}.{global_name}")

    def _build(self) -> None:
        if isinstance(self.stack[-2], _NO_VALUES):  # type: ignore[attr-defined]
            raise pickle.UnpicklingError("it would change the reader")
        cast("Any", pickle._Unpickler).load_build(self)

    dispatch = {  # noqa: RUF012 - as its base has it
        **pickle._Unpickler.dispatch,
        pickle.BUILD[0]: cast("Callable[[pickle.Unpickler], None]", _build),
    }


def _holds_values_only(kind: type) -> bool:
    return (
        issubclass(kind, (BaseModel, enum.Enum))
        or dataclasses.is_dataclass(kind)
        or (issubclass(kind, tuple) and hasattr(kind, "_fields"))
    )


def read_answer(content: bytes, task: Callable[..., Any]) -> tuple[str, Any]:
    """Return ``done`` with what a task returned, or the kind of its failure with a line of text.

    Args:
        content: what the worker sent.
        task: what it ran; classes of its module may be in the answer too.

    Raises:
        UnreadableAnswer: it is no answer of that task.
    """
    kind, value = _pair(_loaded(content, task.__module__))
    if kind in get_args(FailureKind):
        if not isinstance(value, str):
            raise UnreadableAnswer("a failure without a text")
        return kind, value
    if kind != "done":
        raise UnreadableAnswer("an outcome that there is not")
    _check(value, task)
    return kind, value


def read_progress(content: bytes) -> Progress | None:
    """Return what a worker says of its progress; None where it is none, which is of no consequence."""
    try:
        value = _loaded(content, "")
    except UnreadableAnswer:
        return None
    if not isinstance(value, Progress) or len(value) != len(Progress._fields):
        return None
    stage, done, total, is_waiting, _, is_note = value
    if not (isinstance(stage, str) and isinstance(done, int) and isinstance(total, int)):
        return None
    return Progress(stage[:_LONGEST_STAGE], done, total, bool(is_waiting), is_note=bool(is_note))


def _loaded(content: bytes, module: str) -> Any:
    try:
        return _Reader(content, module).load()
    except pickle.UnpicklingError as error:
        raise UnreadableAnswer(str(error)) from error
    except Exception as error:  # a pickle can raise whatever the classes that it names raise
        raise UnreadableAnswer(f"it is damaged ({type(error).__name__})") from error


def _pair(value: Any) -> tuple[Any, Any]:
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
        return value
    raise UnreadableAnswer("no outcome")


def _check(value: Any, task: Callable[..., Any]) -> None:
    """Refuse what the task does not return, and a record that is none, by itself or in a part."""
    try:
        hint = typing.get_type_hints(task).get("return", Any)
    except Exception:  # noqa: BLE001 - a task whose annotations cannot be evaluated says nothing of what it returns
        hint = Any
    options = get_args(hint) if isinstance(hint, types.UnionType) or get_origin(hint) is typing.Union else (hint,)
    are_classes = all(isinstance(option, type) and option is not Any and not get_origin(option) for option in options)
    if are_classes and not isinstance(value, options):
        raise UnreadableAnswer(f"a {type(value).__name__} in the place of what {task.__name__} returns")
    if isinstance(value, BaseModel):
        try:
            type(value).model_validate(value.model_dump())
        except (ValidationError, AttributeError, TypeError, ValueError, RecursionError) as error:
            raise UnreadableAnswer(f"a {type(value).__name__} that is none") from error
