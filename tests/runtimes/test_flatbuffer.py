from __future__ import annotations

import flatbuffers
import pytest

from pytest_opml.runtimes.flatbuffer import FlatBufferError, Table


def buffer() -> bytes:
    """A table with a number, a text, numbers and tables."""
    builder = flatbuffers.Builder(64)
    word = builder.CreateString("zwölf")
    builder.StartVector(4, 2, 4)
    for number in (-2, 7):
        builder.PrependInt32(number)
    numbers = builder.EndVector()
    builder.StartObject(6)
    builder.PrependUOffsetTRelativeSlot(1, word, 0)
    builder.PrependUOffsetTRelativeSlot(3, numbers, 0)
    builder.PrependInt32Slot(0, 41, 0)
    inner = builder.EndObject()
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(inner)
    tables = builder.EndVector()
    builder.StartObject(6)
    builder.PrependUOffsetTRelativeSlot(4, tables, 0)
    builder.PrependUOffsetTRelativeSlot(5, inner, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


def test_each_kind_of_field_is_read() -> None:
    root = Table(memoryview(buffer()))
    (inner,) = root.tables(4)
    assert inner.number(0) == 41
    assert inner.text(1) == "zwölf"
    assert inner.numbers(3, "<i4").tolist() == [7, -2]
    same = root.table(5)
    assert same is not None
    assert same.number(0) == 41


def test_what_is_left_out_is_empty() -> None:
    root = Table(memoryview(buffer()))
    assert (root.number(0, default=3), root.text(1), root.tables(9)) == (3, "", [])
    assert root.table(5).table(4) is None  # type: ignore[union-attr]
    assert root.numbers(3, "<i4").size == 0


@pytest.mark.parametrize("length", [0, 3, 8, 20])
def test_what_points_beyond_the_end_is_refused(length: int) -> None:
    with pytest.raises(FlatBufferError, match="points beyond its end"):
        Table(memoryview(buffer()[:length])).tables(4)
