"""The memory that steps of training take and give back, again and again."""

from __future__ import annotations

import ctypes
import sys

# Of glibc's <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# The most that glibc takes as a threshold, and what is free before any of it goes back to the system.
_LARGEST_THRESHOLD, _FREE = 32 * 2**20, 2**30


def reuse_memory() -> None:
    """Have the C library keep freed memory for the next step, once the first batch has been asked for.

    TensorFlow sets the thresholds of glibc to 128 kB as soon as a dataset comes from a generator. Every tensor above
    that is then fetched from the system in each step, and cleared by it: a tenth of the time of a step. Nothing happens
    with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
        mallopt(_M_TRIM_THRESHOLD, _FREE)
