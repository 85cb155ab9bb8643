"""What a process printed, of which the ends alone are held: it may print more than any disk or memory has room for."""

from __future__ import annotations

HEAD, TAIL = 2_000, 8_000
_LINES = 60


class Printed:
    """The first and the last bytes of what was printed.

    Args:
        head: bytes of the beginning.
        tail: bytes of the end.
    """

    def __init__(self, head: int = HEAD, tail: int = TAIL) -> None:
        self._most = (head, tail)
        self._head, self._tail, self._size = bytearray(), bytearray(), 0

    def add(self, data: bytes) -> None:
        """Take in what was printed next."""
        head, tail = self._most
        self._size += len(data)
        if room := head - len(self._head):
            self._head += data[:room]
            data = data[room:]
        self._tail += data[-tail:]
        if len(self._tail) > 2 * tail:
            del self._tail[:-tail]

    def text(self) -> str:
        """Return the ends, of the later lines if there are many, with a mark for what is left out between them."""
        tail = self._tail[-self._most[1] :]
        if left_out := self._size - len(self._head) - len(tail):
            ends = self._head.decode("utf-8", "replace"), tail.decode("utf-8", "replace")
            return f"{_first_lines(ends[0])}\n[... {left_out:,} bytes ...]\n{_last_lines(ends[1])}"
        return _last_lines((self._head + tail).decode("utf-8", "replace"))


def _first_lines(text: str) -> str:
    return "\n".join(text.splitlines()[:5])


def _last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-_LINES:])
