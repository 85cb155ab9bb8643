"""What a task sends: its progress and its answer, which the session reads without trusting them.

A pickle can name any callable. Of a task's, the session takes the classes of the task's own package, of this one and of
a few libraries that hold data, and nothing that would run.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

# The first byte of a message says what it is.
ANSWER, PROGRESS = b"a", b"p"

_PACKAGES = frozenset(
    {
        "collections",
        "datetime",
        "decimal",
        "enum",
        "numpy",
        "pathlib",
        "pydantic_core",
        "pytest_opml",
        "uuid",
        "zoneinfo",
    }
)
_BUILTINS = frozenset({"bytearray", "complex", "frozenset", "object", "range", "set", "slice"})
# What pickles of data call that is no class.
_FUNCTIONS = frozenset(
    {
        ("_codecs", "encode"),
        ("copyreg", "__newobj__"),
        ("copyreg", "_reconstructor"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
        ("numpy._core.numeric", "_frombuffer"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy.core.numeric", "_frombuffer"),
        ("pytest_opml.errors", "_rebuilt"),
    }
)


def pickled(value: Any) -> bytes:
    """Return a value as a part of a message."""
    return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)


def unpickled(content: bytes, package: str) -> Any:
    """Return the value of a part of a message.

    Args:
        content: as ``pickled`` made it, or anything else.
        package: that the task is of, whose classes are taken too.

    Raises:
        ValueError: it is no pickle of such values.
    """
    try:
        return _Reader(io.BytesIO(content), package).load()
    except Exception as error:  # rubbish may end in any
        raise ValueError(f"it cannot be read: {error}") from error


class _Reader(pickle.Unpickler):
    def __init__(self, source: io.BytesIO, package: str) -> None:
        super().__init__(source)
        self._packages = _PACKAGES | {package}

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """See ``pickle.Unpickler.find_class``."""
        is_builtin = module_name == "builtins" and global_name in _BUILTINS
        if is_builtin or (module_name, global_name) in _FUNCTIONS:
            return super().find_class(module_name, global_name)
        if module_name.partition(".")[0] in self._packages and "." not in global_name:
            value = super().find_class(module_name, global_name)
            if isinstance(value, type) and not issubclass(value, BaseException):
                return value
        raise pickle.UnpicklingError(f"it names {module_name}.{global_name}, which no answer holds")
