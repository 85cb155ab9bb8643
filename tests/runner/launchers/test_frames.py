from __future__ import annotations

import os
import struct

import pytest

from pytest_opml.runner.launchers.frames import BrokenFrames, Frame, FrameReader, packed, read_some, write_all

LETTERS = {b"P": 10, b"A": 100}


def test_frames_come_out_as_they_went_in_however_they_are_cut() -> None:
    reader, frames = FrameReader(LETTERS), []
    for byte in packed(b"P", b"one") + packed(b"A", b"") + packed(b"A", b"x" * 100):
        frames += reader.feed(bytes([byte]))
    assert frames == [Frame(b"P", b"one"), Frame(b"A", b""), Frame(b"A", b"x" * 100)]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (struct.pack("!cQ", b"A", 101), "an answer of 101 bytes, and 100 are the most"),
        (struct.pack("!cQ", b"P", 2**64 - 1), "an answer of 18,446,744,073,709,551,615 bytes"),
        (struct.pack("!cQ", b"X", 1), "bytes that are no answer"),
        (b"\0" * 9, "bytes that are no answer"),
    ],
)
def test_a_header_that_no_frame_has_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(BrokenFrames, match=text):
        FrameReader(LETTERS).feed(data)


def test_nothing_is_told_from_the_end() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    assert read_some(reading) is None
    write_all(writing, b"text")
    assert read_some(reading) == b"text"
    os.close(writing)
    assert read_some(reading) == b""
    os.close(reading)
    assert read_some(reading) == b""
