"""The number of threads that whatever computes in a process may use: one rule for runtimes, training and techniques.

A process that is ours is held to it before anything has started in it. TensorFlow has one number for a process, that
of its first operation, which may be anybody's: so it is asked afterwards what it runs with.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from ..errors import ThreadsError

# What the pools of each library read when they start: TensorFlow, OpenMP, and the usual libraries of linear algebra.
_INTRA_OP, _INTER_OP = "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"
_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
VARIABLES = (_INTRA_OP, _INTER_OP, *_POOLS)


class _Limit:
    """The number that holds in this process; None before one is said."""

    threads: int | None = None


def use_threads(threads: int) -> None:
    """Say how many threads what we start in this process uses, which is the user's own and is else left as it is."""
    _Limit.threads = threads


def limit_process(threads: int) -> None:
    """Hold this process, and those that it starts, to a number of threads; for a process that is ours, at its start.

    Libraries that are loaded already are told, those that are loaded later read it in the environment. The process may
    still run on every core: to be bound to some would put it beside whatever else is busy on those.

    Args:
        threads: that compute at the same time, in each pool.

    Raises:
        ThreadsError: TensorFlow has started with another number.
    """
    use_threads(threads)
    if "tensorflow" in sys.modules:
        limit_tensorflow(threads)  # first, for one that has started goes by what the environment was then
    os.environ |= {name: str(threads) for name in VARIABLES} | {_INTER_OP: "1"}
    if "numpy" in sys.modules:
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads)


def process_threads() -> int:
    """Return how many threads may compute in this process: as was said, or one for each core that it may run on."""
    return _Limit.threads or _usable_cores()


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tensorflow() -> Any:
    """TensorFlow, imported if it was not; where it was, this is no import of ours."""
    if "tensorflow" not in sys.modules:
        import tensorflow as tf  # noqa: F401
    return sys.modules["tensorflow"]


def limit_tensorflow(threads: int) -> None:
    """Set how many threads TensorFlow uses in this process, before whatever may start it.

    Args:
        threads: in each operation.

    Raises:
        ThreadsError: it already runs with another number.
    """
    tf = _tensorflow()
    config = tf.config.threading
    try:
        config.set_intra_op_parallelism_threads(threads)
        # one chain of layers has nothing to run side by side; a second pool only costs hand-overs
        config.set_inter_op_parallelism_threads(1)
    except RuntimeError:  # it has started, and can only be asked
        require_threads("TensorFlow", tensorflow_threads(), threads)


def prefer_threads() -> None:
    """Have TensorFlow use as many threads as may compute in this process, if it has not started.

    For what is opened without being measured, so that this does not start TensorFlow with another number.
    """
    with suppress(ThreadsError):
        limit_tensorflow(process_threads())


def tensorflow_threads() -> int:
    """Return how many threads each operation of TensorFlow uses in this process, as TensorFlow says.

    Where nobody has set a number before it started, it takes that of the environment, or else one for each core.
    """
    tf = _tensorflow()
    told = int(tf.config.threading.get_intra_op_parallelism_threads())
    given = os.environ.get(_INTRA_OP, "")
    return told or (int(given) if given.isdigit() else 0) or _usable_cores()


def read_ahead(dataset: Any, batches: int) -> Any:
    """Return a ``tf.data.Dataset`` that makes its next batches while one is trained on, where a second thread may run.

    Args:
        dataset: in batches.
        batches: that are made ahead.
    """
    return dataset.prefetch(batches) if process_threads() > 1 else dataset


def check_process() -> None:
    """Check that TensorFlow, where something has used it, kept to the number of threads that holds in this process.

    Raises:
        ThreadsError: it did not.
    """
    if "tensorflow" in sys.modules:
        require_threads("TensorFlow", tensorflow_threads(), process_threads())


def require_threads(runtime: str, running: int, wanted: int) -> None:
    """Refuse a runtime that computes with another number of threads than it was given.

    Args:
        runtime: its name.
        running: threads that it says it computes with.
        wanted: that it was given.

    Raises:
        ThreadsError: they are not the same.
    """
    if running != wanted:
        raise ThreadsError(
            f"{runtime} computes with {running} threads in this process, not with {wanted} (--opml-threads): something "
            f"started it before with another number, or set one; {_INTRA_OP}={wanted} in the environment holds for both"
        )
