"""Read pickles of a known format, accepting what that format holds and nothing else.

A pickle can name any callable. A reader here answers exactly the names that its format uses, with stand-ins of its own,
and refuses every other one before it is looked up.
"""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from .errors import UsageError

# What dictionaries, lists, tuples and numbers take, and objects that are made by a call.
INSTRUCTIONS = frozenset(
    (  # noqa: SIM905 - a list would take thirty lines of one word each
        "PROTO STOP MARK GLOBAL REDUCE BUILD NONE NEWTRUE NEWFALSE LONG1 BININT BININT1 BININT2 BINUNICODE "
        "BINPUT LONG_BINPUT BINGET LONG_BINGET EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS "
        "EMPTY_DICT SETITEM SETITEMS"
    ).split()
)
_MOST_OBJECTS = 1_000_000


class StandIn:
    """Base of the stand-ins for functions: a pickle can give any object a new state, which would outlive the file."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise ValueError("it would change the reader")


class Reader(pickle.Unpickler):
    """To set: what a file of the format is called, and what it needs.

    Attributes:
        what: the format, for messages: ``a checkpoint``.
        allowed: what the names that a pickle may have, as module and name, are answered with. A string stands for what
            nobody calls, since a call of one fails.
        instructions: that the format uses.
        most_tuples: that a file may have.
    """

    what: ClassVar[str]
    allowed: ClassVar[Mapping[tuple[str, str], Any]]
    instructions: ClassVar[frozenset[str]]
    most_tuples: ClassVar[int]

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """See ``pickle.Unpickler.find_class``."""
        try:
            return self.allowed[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it names {module_name}.{global_name}, which is not part of {self.what}"
            ) from None

    @classmethod
    def read(cls, stream: BinaryIO, *, encoding: str = "ASCII") -> Any:
        """Load one pickle, after its instructions were read through without carrying any out.

        Some that the format never needs would make the reader itself take gigabytes or overflow its stack.
        """
        start, tuples = stream.tell(), 0
        for instruction, argument, _ in pickletools.genops(stream):
            if instruction.name not in cls.instructions:
                raise ValueError(f"it has an instruction ({instruction.name}) that {cls.what} does not need")
            if instruction.name == "LONG_BINPUT" and int(argument or 0) > _MOST_OBJECTS:
                raise ValueError(f"it numbers more objects than {cls.what} has")
            tuples += instruction.name.startswith("TUPLE")
            if tuples > cls.most_tuples:
                raise ValueError(f"it has more tuples than {cls.what} has")
        stream.seek(start)
        return cls(stream, encoding=encoding).load()


@contextmanager
def refusing(error_class: type[UsageError], path: Path, what: str) -> Iterator[None]:
    """Around the reading of a file: whatever a damaged or hostile one raises becomes one line that names it."""
    try:
        yield
    except (
        pickle.UnpicklingError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        EOFError,
        OverflowError,
        MemoryError,
        ImportError,
        RecursionError,
    ) as error:
        raise error_class(f"{path}: refused as {what}: {' '.join(str(error).split())}") from error
