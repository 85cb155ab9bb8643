from __future__ import annotations

import pytest

from pytest_opml.storage.printed import HEAD, TAIL, Printed


def text_of(*pieces: bytes) -> str:
    printed = Printed()
    for piece in pieces:
        printed.add(piece)
    return printed.text()


@pytest.mark.parametrize("pieces", [(), (b"a\n", b"b"), (b"x" * (HEAD + TAIL),)])
def test_what_is_short_is_there_as_it_was(pieces: tuple[bytes, ...]) -> None:
    assert text_of(*pieces) == b"".join(pieces).decode()


def test_a_long_line_is_cut_with_a_mark() -> None:
    text = text_of(b"begin", *[b"x" * 100_000] * 50, b"end")
    assert text.startswith("begin")
    assert text.endswith("end")
    assert f"[... {5_000_008 - HEAD - TAIL:,} bytes ...]" in text
    assert len(text) < HEAD + TAIL + 60


def test_of_many_lines_the_last_are_there() -> None:
    lines = text_of(*(f"{number}\n".encode() for number in range(10_000))).splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("0", "9999", 5 + 1 + 60)


def test_bytes_that_are_no_text_are_told_apart() -> None:
    assert text_of(b"\xff\xfeok") == "\ufffd\ufffdok"
