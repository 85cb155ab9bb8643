from __future__ import annotations

import ctypes

import pytest

from pytest_opml.models.allocator import reuse_memory

LIBC = ctypes.CDLL(None)
BLOCK = 16 * 2**20
# Of glibc's <malloc.h>.
M_MMAP_THRESHOLD, FIELDS = -3, "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class MallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS.split()]


def mapped_for_a_block() -> int:
    """Bytes that the C library asks the system for, when it is asked for a block."""
    LIBC.mallinfo2.restype, LIBC.malloc.restype = MallInfo, ctypes.c_void_p
    before = LIBC.mallinfo2().hblkhd
    block = LIBC.malloc(ctypes.c_size_t(BLOCK))
    mapped = LIBC.mallinfo2().hblkhd - before
    LIBC.free(ctypes.c_void_p(block))
    return int(mapped)


@pytest.mark.skipif(not hasattr(LIBC, "mallinfo2"), reason="asks glibc 2.33 what it has mapped")
def test_large_blocks_are_kept_for_the_next_step() -> None:
    LIBC.mallopt(M_MMAP_THRESHOLD, 128 * 2**10)  # with the threshold for giving back, TensorFlow fixes this one, too
    assert mapped_for_a_block() >= BLOCK
    reuse_memory()
    assert mapped_for_a_block() == 0
