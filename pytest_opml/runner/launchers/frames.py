"""How bytes go through a pipe in pieces that a reader can trust: it waits for none, and holds no more than it allows.

A frame is a letter, the number of bytes, and the bytes. Who reads has said which letters there are and how long what
belongs to each may be, so that a header can neither name what is not there nor announce more than there is room for.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from typing import NamedTuple

PROGRESS, ANSWER, END = b"P", b"A", b"E"
# An answer is a record; programs that ask for test images get those.
MOST_BYTES = {PROGRESS: 1 << 14, ANSWER: 1 << 28, END: 1 << 17}

_HEADER = struct.Struct("!cQ")
_READ = 1 << 20


class Frame(NamedTuple):
    """One piece: its letter, and its bytes."""

    letter: bytes
    content: bytes


class BrokenFrames(Exception):  # noqa: N818 - it says what was read
    """What comes through the pipe are no frames; says what it is instead."""


class FrameReader:
    """Puts frames together from bytes as they come.

    Args:
        letters: that there are, with the most bytes of each.
    """

    def __init__(self, letters: Mapping[bytes, int]) -> None:
        self._letters, self._pending = letters, bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Take in bytes, and return the frames that they complete.

        Raises:
            BrokenFrames: a header that no frame has.
        """
        self._pending += data
        frames = []
        while len(self._pending) >= _HEADER.size:
            letter, size = _HEADER.unpack_from(self._pending)
            if letter not in self._letters:
                raise BrokenFrames("bytes that are no answer")
            if size > self._letters[letter]:
                raise BrokenFrames(f"an answer of {size:,} bytes, and {self._letters[letter]:,} are the most")
            end = _HEADER.size + size
            if len(self._pending) < end:
                break
            frames.append(Frame(letter, bytes(self._pending[_HEADER.size : end])))
            del self._pending[:end]
        return frames


def packed(letter: bytes, content: bytes) -> bytes:
    """Return the bytes of a frame."""
    return _HEADER.pack(letter, len(content)) + content


def read_some(descriptor: int) -> bytes | None:
    """Return what there is to read; nothing at the end of the pipe, and None where there is nothing yet."""
    try:
        return os.read(descriptor, _READ)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def write_all(descriptor: int, data: bytes) -> None:
    """Write to a pipe that may make its writer wait.

    Raises:
        OSError: nobody reads.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
