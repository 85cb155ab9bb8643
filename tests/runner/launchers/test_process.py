from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path

import psutil
import pytest

from pytest_opml.case import Case
from pytest_opml.errors import DeviceError, StorageError
from pytest_opml.progress import Progress
from pytest_opml.records.device import Gpu
from pytest_opml.runner.launchers import process
from pytest_opml.runner.launchers.base import ProcessLimits, WorkerFailed
from pytest_opml.runner.launchers.process import ProcessLauncher, probe
from pytest_opml.runner.tasks import make_artifact
from tests.support.builders import make_device
from tests.support.faults import double, environment, exhaust, hang, segfault
from tests.support.processes import python_path
from tests.support.waiting import ended, wait_for
from tests.support.workbench import Workbench

pytestmark = pytest.mark.tensorflow  # which workers have imported

MakeCase = Callable[..., Case]
GENEROUS = ProcessLimits(300, None)


def failure_of(case: Case, workbench: Workbench, limits: ProcessLimits = GENEROUS) -> WorkerFailed:
    with pytest.raises(WorkerFailed) as caught:
        ProcessLauncher(None).run(make_artifact, (case, workbench.build, workbench.paths), limits)
    assert "\n" not in str(caught.value)
    return caught.value


def test_what_a_task_returns_comes_back() -> None:
    assert ProcessLauncher(None).run(double, ([1, 2],), GENEROUS) == [1, 2, 1, 2]


def test_what_a_task_says_is_told_while_it_runs(make_case: MakeCase, workbench: Workbench) -> None:
    heard: list[Progress] = []
    case = make_case("cluster-16", seed=7, unfreeze="all")
    ProcessLauncher(None).run(make_artifact, (case, workbench.build, workbench.paths), GENEROUS, heard.append)
    stages = [str(progress) for progress in heard]
    assert "applying cluster-16" in stages
    assert any(stage.startswith("training, epoch 2 of 2, step ") for stage in stages)


def test_seconds_that_earlier_tasks_took_are_gone() -> None:
    with pytest.raises(WorkerFailed, match=r"^no result after 20 s \(--opml-timeout\)$") as caught:
        ProcessLauncher(None).run(hang, (None,), ProcessLimits(20, None, spent=19.5))
    assert caught.value.kind == "timeout"


def test_a_segmentation_fault_is_a_crash_and_leaves_its_trace(make_case: MakeCase, workbench: Workbench) -> None:
    failure = failure_of(make_case(dataset="tests.support.faults:segfault"), workbench)
    assert (failure.kind, str(failure)) == ("crash", "the process crashed (SIGSEGV)")
    assert "about to crash" in failure.log_tail
    assert "Segmentation fault" in failure.log_tail
    assert "segfault" in failure.log_tail


def test_a_process_that_just_ends_is_a_crash(make_case: MakeCase, workbench: Workbench) -> None:
    failure = failure_of(make_case(dataset="tests.support.faults:leave"), workbench)
    assert (failure.kind, str(failure)) == ("crash", "the process ended without an answer (exit code 3)")


def test_a_killed_process_is_told_from_a_crash(make_case: MakeCase, workbench: Workbench) -> None:
    assert failure_of(make_case(dataset="tests.support.faults:killed"), workbench).kind == "killed"


def test_a_hanging_case_is_ended(make_case: MakeCase, workbench: Workbench) -> None:
    failure = failure_of(make_case(dataset="tests.support.faults:hang"), workbench, ProcessLimits(1.5, None))
    assert (failure.kind, str(failure)) == ("timeout", "no result after 1.5 s (--opml-timeout)")


def test_a_case_that_takes_too_much_memory_is_ended(make_case: MakeCase, workbench: Workbench) -> None:
    failure = failure_of(make_case(dataset="tests.support.faults:hog"), workbench, ProcessLimits(300, 1.5e9))
    assert (failure.kind, str(failure)) == ("out_of_memory", "the process took more than 1500 MB (--opml-memory-mb)")


def test_pythons_own_memory_error_is_out_of_memory(make_case: MakeCase, workbench: Workbench) -> None:
    assert failure_of(make_case(dataset="tests.support.faults:memory_error"), workbench).kind == "out_of_memory"


def test_bad_input_is_a_usage_failure(make_case: MakeCase, workbench: Workbench) -> None:
    failure = failure_of(make_case(dataset="tests.support.faults:single_class"), workbench)
    assert failure.kind == "usage"
    assert "a classifier needs at least 2" in str(failure)


def test_an_error_in_the_users_code_keeps_its_traceback(make_case: MakeCase, workbench: Workbench) -> None:
    failure = failure_of(make_case(dataset="tests.support.faults:broken_code"), workbench)
    assert (failure.kind, str(failure)) == ("error", "KeyError: 'no such key'")
    assert "in broken_code" in failure.log_tail


def test_a_technique_that_changes_nothing_is_an_error(make_case: MakeCase, workbench: Workbench) -> None:
    failure = failure_of(make_case("cluster-256+cluster-256"), workbench)
    assert failure.kind == "error"
    assert "nothing changed" in str(failure)


def test_what_an_extension_prints_does_not_reach_the_terminal(
    make_case: MakeCase, workbench: Workbench, capfd: pytest.CaptureFixture[str]
) -> None:
    failure_of(make_case(dataset="tests.support.faults:segfault"), workbench)
    assert capfd.readouterr() == ("", "")


# --- the session


@pytest.mark.parametrize("hang", ["tell_and_hang", "tell_and_hang_in_native_code"])
def test_a_worker_ends_with_its_session_whatever_it_does(tmp_path: Path, hang: str) -> None:
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from pytest_opml.runner.launchers import base, process\nfrom tests.support import faults\n"
        f"launcher = process.ProcessLauncher(None)\n"
        f"launcher.run(faults.{hang}, (Path(sys.argv[1]),), base.ProcessLimits(600, None))"
    )
    environment = os.environ | {"PYTHONPATH": python_path()}
    session = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], env=environment)
    try:
        wait_for(lambda: (tmp_path / "pid").exists() or session.poll() is not None)
        worker_process = psutil.Process(int((tmp_path / "pid").read_text()))
        assert not ended(worker_process)
    finally:
        session.kill()
        session.wait()
    try:
        wait_for(lambda: ended(worker_process), 30)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker_process.kill()


def test_no_room_for_a_log_is_a_failure_of_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/none")
    with pytest.raises(
        WorkerFailed, match=r"^temporary files: /proc/none\S+: cannot be made: No such file or directory; set TMPDIR"
    ) as e:
        ProcessLauncher(None).run(environment, (), GENEROUS)
    assert e.value.kind == "usage"


def test_a_server_that_cannot_be_started_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/pymp-1")

    monkeypatch.setattr(forkserver, "ensure_running", fail)
    with pytest.raises(StorageError, match=r"^the server of workers cannot be started: .*No space left.*/tmp/pymp-1"):
        process.start_server()


@pytest.mark.parametrize(
    ("text", "kind"),
    [("OOM when allocating tensor", "out_of_memory"), ("/tmp/x: No space left on device", "error")],
)
def test_no_memory_is_told_from_no_space(text: str, kind: str) -> None:
    with pytest.raises(WorkerFailed, match=text) as caught:
        ProcessLauncher(None).run(exhaust, (text,), GENEROUS)
    assert caught.value.kind == kind


# --- the device


@pytest.mark.parametrize("gpu", [None, make_device("v100").gpu], ids=["cpu", "gpu"])
def test_a_worker_may_use_the_chosen_gpu_and_no_other(gpu: Gpu | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    seen = ProcessLauncher(gpu).run(environment, (), GENEROUS)
    assert seen["CUDA_VISIBLE_DEVICES"] == (gpu.uuid if gpu else "-1")
    assert ("TF_FORCE_GPU_ALLOW_GROWTH" in seen) == (gpu is not None or "TF_FORCE_GPU_ALLOW_GROWTH" in os.environ)


@pytest.mark.parametrize("devices", [1, 2, 3])
def test_a_training_on_several_devices_sees_as_many_gpus(devices: int) -> None:
    gpu = make_device("v100").gpu
    assert gpu is not None
    others = [gpu.model_copy(update={"index": number, "uuid": f"GPU-{number}"}) for number in (1, 2)]
    seen = ProcessLauncher(gpu, others).run(environment, (), GENEROUS._replace(devices=devices))
    assert seen["CUDA_VISIBLE_DEVICES"].split(",") == [gpu.uuid, "GPU-1", "GPU-2"][:devices]


def test_a_probe_tells_of_the_workers_tensorflow() -> None:
    import tensorflow as tf

    build = probe(make_device("cpu"))
    assert (build.version, build.gpus) == (tf.__version__, ())
    assert build.environment["CUDA_VISIBLE_DEVICES"] == "-1"


def test_a_gpu_of_the_driver_only_is_not_seen() -> None:
    build = probe(make_device("v100"))
    assert build.gpus == ()
    assert build.environment["CUDA_VISIBLE_DEVICES"] == "GPU-5fb62b6e-d59a-4b8c-bd1c-e7a2f4d45e1c"


def test_a_tensorflow_that_does_not_start_is_an_error_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "describe_tensorflow", segfault)
    with pytest.raises(
        DeviceError, match=r"^TensorFlow does not start on Tesla V100: the process crashed \(SIGSEGV\)$"
    ):
        probe(make_device("v100"))


def test_a_tensorflow_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "describe_tensorflow", hang)
    monkeypatch.setattr(process, "_PROBE_SECONDS", 1.0)
    with pytest.raises(DeviceError, match=r"^TensorFlow does not start on the CPU: no answer within 1 s$"):
        probe(make_device("cpu"))


class FakeForkServer:
    """A server that only remembers whether it runs."""

    def __init__(self) -> None:
        self._forkserver_pid: int | None = None

    def _stop(self) -> None:
        self._forkserver_pid = None


def test_a_server_without_tensorflow_is_replaced_where_it_is_needed_and_not_the_other_way_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from multiprocessing import forkserver

    fake = FakeForkServer()
    monkeypatch.setattr(forkserver, "_forkserver", fake)
    server = process._Server()
    preloads = []
    for needs_tensorflow in (False, False, True, False):
        server.choose(needs_tensorflow=needs_tensorflow)
        preloads.append((fake._forkserver_pid is None, server.preload.rpartition(".")[2]))
        fake._forkserver_pid = 1
    assert preloads == [(True, "light_preload"), (False, "light_preload"), (True, "preload"), (False, "preload")]
