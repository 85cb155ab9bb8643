from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own: the heap of one that has run other tests may have room for the block already.
BLOCK = """
import ctypes

from pytest_opml.models.allocator import reuse_memory

LIBC = ctypes.CDLL(None)
if not hasattr(LIBC, "mallinfo2"):
    raise SystemExit("asks glibc 2.33 what it has mapped")
# Of glibc's <malloc.h>.
M_MMAP_THRESHOLD, FIELDS = -3, "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class MallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS.split()]


LIBC.mallinfo2.restype, LIBC.malloc.restype = MallInfo, ctypes.c_void_p


def mapped_for_a_block() -> int:
    before = LIBC.mallinfo2().hblkhd
    block = LIBC.malloc(ctypes.c_size_t(16 * 2**20))
    mapped = LIBC.mallinfo2().hblkhd - before
    LIBC.free(ctypes.c_void_p(block))
    return mapped


LIBC.mallopt(M_MMAP_THRESHOLD, 128 * 2**10)  # with the threshold for giving back, TensorFlow fixes this one, too
print(mapped_for_a_block())
reuse_memory()
print(mapped_for_a_block())
"""


def test_large_blocks_are_kept_for_the_next_step() -> None:
    done = subprocess.run([sys.executable, "-c", BLOCK], capture_output=True, text=True)
    if "glibc 2.33" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    assert before >= 16 * 2**20
    assert after == 0
