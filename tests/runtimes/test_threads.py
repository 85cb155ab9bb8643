"""One number of threads for whatever computes in a process, whoever starts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from pytest_opml.errors import ThreadsError
from pytest_opml.runtimes import loader, threads
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.runtimes.threads import (
    check_process,
    limit_process,
    prefer_threads,
    process_threads,
    read_ahead,
    use_threads,
)
from tests.support.tflite_files import write_dense

# A module of the user may resize images when it is imported, or start a session, whose pool of threads is the one that
# every context has from then on. TensorFlow leaves the threads of that pool without a name.
_PROGRAM = """
import pathlib, sys
import numpy as np
from pytest_opml.errors import ThreadsError
from pytest_opml.runtimes.loader import open_artifact, read_signature
from pytest_opml.runtimes.threads import limit_process

def unnamed():
    names = [(task / "comm").read_text() for task in pathlib.Path("/proc/self/task").iterdir()]
    return len([name for name in names if not name.startswith("tf_")])

limit_process(1)
import tensorflow as tf
before = unnamed()
with tf.compat.v1.Session(graph=tf.Graph()):
    pass
tf.image.resize(np.zeros((1, 64, 64, 3)), (8, 8))

class Same(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 8])])
    def answer(self, rows):
        return {"rows": rows}

same, path = Same(), pathlib.Path(sys.argv[1])
tf.saved_model.save(same, str(path), signatures=same.answer)
read_signature(path)
for threads in (1, None):
    runtime = open_artifact(path, threads=threads)
    runtime.predict(np.zeros((2, 8)))
print(runtime.threads, unnamed() - before)
try:
    open_artifact(path, threads=3)
except ThreadsError as error:
    print(error)
"""


@pytest.mark.tensorflow
def test_tensorflow_has_the_threads_of_its_process_whatever_ran_before_a_model_was_opened(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PROGRAM, tmp_path / "model"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said, refused = done.stdout.splitlines()
    assert said == "1 1"
    assert refused.startswith("TensorFlow computes with 1 threads in this process, not with 3 (--opml-threads): ")


class Started:
    """TensorFlow's settings of threads after its first operation, which nobody had told a number; 0 is all cores."""

    def get_intra_op_parallelism_threads(self) -> int:
        return 0

    def set_intra_op_parallelism_threads(self, _threads: int) -> None:
        raise RuntimeError("Intra op parallelism cannot be modified after initialization.")

    set_inter_op_parallelism_threads = set_intra_op_parallelism_threads


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A process on 4 cores that is held to no number of threads yet."""
    monkeypatch.setattr(threads, "_usable_cores", lambda: 4)
    monkeypatch.setattr(threads._Limit, "threads", None)
    for name in threads.VARIABLES:
        monkeypatch.setenv(name, "")
    return monkeypatch


@pytest.mark.tensorflow  # by name, though a substitute stands for it
def test_a_tensorflow_that_runs_with_another_number_is_an_error(process: pytest.MonkeyPatch) -> None:
    process.setitem(sys.modules, "tensorflow", SimpleNamespace(config=SimpleNamespace(threading=Started())))
    with pytest.raises(ThreadsError, match=r"^TensorFlow computes with 4 threads in this process, not with 1 "):
        limit_process(1)
    with pytest.raises(ThreadsError, match="4 threads"):
        check_process()
    prefer_threads()  # is no error, for what is not measured
    limit_process(4)
    check_process()


def test_libraries_that_are_loaded_or_started_later_are_told(process: pytest.MonkeyPatch) -> None:
    process.delitem(sys.modules, "tensorflow", raising=False)
    before = threadpool_info()
    assert process_threads() == 4
    try:
        limit_process(1)
        assert {library["num_threads"] for library in threadpool_info()} == {1}
    finally:
        for library in before:
            threadpool_limits({library["prefix"]: library["num_threads"]})
    assert process_threads() == 1
    program = "import os; print(os.environ['OMP_NUM_THREADS'], os.environ['TF_NUM_INTRAOP_THREADS'])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.split() == ["1", "1"]


def test_a_runtime_that_says_another_number_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_dense(tmp_path / "m.tflite", np.ones((2, 3), np.float32))
    assert open_artifact(path, threads=3).threads == 3
    monkeypatch.setattr(loader, "_opened", lambda *_: SimpleNamespace(name="it", threads=4))
    with pytest.raises(ThreadsError, match=r"^it computes with 4 threads in this process, not with 3 "):
        open_artifact(path, threads=3)


@pytest.mark.parametrize(("number", "ahead"), [(1, False), (2, True)])
def test_batches_are_made_beside_training_where_two_threads_may_run(
    number: int, ahead: bool, process: pytest.MonkeyPatch
) -> None:
    use_threads(number)
    dataset = SimpleNamespace(prefetch=lambda batches: batches)
    assert (read_ahead(dataset, 2) == 2) == ahead
