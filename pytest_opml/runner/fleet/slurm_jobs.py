"""The jobs of one run on Slurm: submitit hands them over and carries what comes back, through files that all share.

How a job ended is asked for here, for all jobs at once and by ``squeue``; submitit asks ``sacct``, whose database not
every cluster has.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import MissingDependencyError, one_line
from ...printable import printable
from .heartbeat import Heartbeat
from .slurm_client import JobState, SlurmError, cancel_jobs, list_jobs, said
from .slurm_job import JobFolder

_LOOK_S = 1.0  # between two looks at the files
_ASK_S = 5.0  # between two questions to the controller, which is everybody's
_OLD_S = 7 * 86400.0
_MEMORY = {"mem", "mem-per-cpu", "mem-per-gpu"}  # of which sbatch takes one


class JobEnd(NamedTuple):
    """How a job ended.

    Attributes:
        job: its id.
        answer: what its function returned; None where it did not come so far.
        error: why, in one line.
        is_lost: whether it may come to its end elsewhere.
        node: that Slurm has named; None where it has not.
    """

    job: str
    answer: Any
    error: str = ""
    is_lost: bool = False
    node: str | None = None


class SlurmJobs:
    """What a run has submitted, and what has come of it.

    Args:
        root: the user's project, in which the jobs run; on a file system that the nodes have, too.

    Attributes:
        folder: what the driver and the jobs share.

    Raises:
        MissingDependencyError: submitit is not installed.
        OSError: nothing can be written there.
    """

    def __init__(self, root: Path) -> None:
        self._submitit = _imported()
        self._root = root
        fleet = root / ".opml" / "fleet"
        name = f"opml-{uuid.uuid4().hex[:12]}"
        self.folder = JobFolder(fleet / name, name)
        _remove_old(fleet)
        for path in (self.folder.jobs, self.folder.told):
            path.mkdir(parents=True)
        self.folder.path.chmod(0o700)  # what is in it is unpickled
        self._heartbeat = Heartbeat(self.folder.heartbeat)
        self._running: dict[str, Any] = {}
        self._looked_at = self._asked_at = time.monotonic()
        self._silent: dict[str, JobState] = {}

    @property
    def running(self) -> int:
        """The number of jobs that are submitted and have not ended."""
        return len(self._running)

    def write(self, name: str, content: object) -> Path:
        """Write something that several jobs read, and return the path of its file.

        Args:
            name: of the file.
            content: is pickled as the functions of jobs are.

        Raises:
            OSError: it cannot be written.
        """
        path = self.folder.path / name
        self._submitit.core.utils.cloudpickle_dump(content, path)
        return path

    def submit(self, functions: Sequence[Callable[[], Any]], options: Mapping[str, str]) -> list[str]:
        """Submit a job for each of some functions, as one array where there are several, and return their ids.

        Args:
            functions: that can be pickled.
            options: of sbatch.

        Raises:
            SlurmError: they were refused.
        """
        executor = self._submitit.SlurmExecutor(self.folder.jobs, max_num_timeout=0)
        parameters: dict[str, Any] = {"chdir": self._root, "no-requeue": True}
        if not _MEMORY & options.keys():
            parameters["mem"] = "0"  # all of the node's
        if not {"exclusive", "oversubscribe", "share"} & options.keys():
            parameters["exclusive"] = True  # who else is on a node is seen in its times
        executor.update_parameters(
            job_name=self.folder.name,
            nodes=1,
            ntasks_per_node=1,
            time=None,  # that of the partition, unless the user says more
            wckey=None,
            setup=[f"[ -e {shlex.quote(str(self.folder.heartbeat))} ] || exit 1"],  # begun while it was cancelled
            use_srun=False,
            stderr_to_stdout=True,
            array_parallelism=len(functions),
            additional_parameters=parameters | {name: value or True for name, value in options.items()},
        )
        core = self._submitit.core.utils
        try:
            with _without_this_job():
                jobs = executor.submit_array(functions)
        except (core.FailedJobError, core.FailedSubmissionError, OSError, subprocess.SubprocessError) as error:
            self._remove_refused()
            raise SlurmError(said(str(error)) or one_line(error)) from error
        self._running |= {job.job_id: job for job in jobs}
        return [job.job_id for job in jobs]

    def _remove_refused(self) -> None:
        """Remove the files of jobs that got no id: what is refused is tried again and again."""
        for path in self.folder.jobs.glob(f"{'[0-9a-f]' * 32}.pkl"):
            path.unlink(missing_ok=True)
        for path in self.folder.jobs.glob(".submission_file_*.sh"):
            path.unlink(missing_ok=True)

    def take_ended(self) -> list[JobEnd]:
        """Return the jobs that have ended since the last call; nothing new within a second."""
        if not self._running or time.monotonic() - self._looked_at < _LOOK_S:
            return []
        self._looked_at = time.monotonic()
        ends = self._take(self._answered())
        if time.monotonic() - self._asked_at >= _ASK_S:
            self._asked_at = time.monotonic()
            with suppress(SlurmError):  # of a controller that restarts nothing is heard for a while
                ends += self._take(self._lost(list_jobs(self.folder.name)))
        return ends

    def _take(self, ended: Iterable[JobEnd]) -> list[JobEnd]:
        """Return jobs that have ended, and remove them from those that run."""
        ends = list(ended)
        for end in ends:
            self._remove(self._running.pop(end.job))
            self._silent.pop(end.job, None)
        return ends

    def _answered(self) -> Iterator[JobEnd]:
        folder, suffix = self.folder.jobs, "_0_result.pkl"
        jobs: list[str] = []
        with suppress(OSError):  # of a file server that fails once; if it goes on, Slurm says that the jobs have ended
            folder.chmod(0o700)  # has a network file system look again
            jobs = [name.removesuffix(suffix) for name in os.listdir(folder) if name.endswith(suffix)]  # noqa: PTH208
        for job in self._running.keys() & jobs:
            with suppress(OSError, EOFError):  # likewise
                outcome, answer = self._submitit.core.utils.pickle_load(self._running[job].paths.result_pickle)
                yield JobEnd(job, answer) if outcome == "success" else JobEnd(job, None, _last_line(answer))

    def _lost(self, states: Mapping[str, JobState]) -> Iterator[JobEnd]:
        """Return the jobs that have ended without an answer.

        Only on the second look: an answer may be under way, between two machines.
        """
        before, self._silent = self._silent, {}
        for job in self._running:
            state = states.get(job, JobState("GONE", None))
            if state.is_under_way:
                continue
            if job in before:
                log = _last_line(_text_of(self._running[job].paths.stdout))
                said_last = log or "it has written nothing; do the nodes have the project's folder?"
                error = state.own_fault or f"job {job} of Slurm ended as {state.state}: {said_last}"
                yield JobEnd(job, None, error, not state.own_fault, state.node)
            else:
                self._silent[job] = state

    def _remove(self, job: Any) -> None:
        """Remove the files of a job, so that few are looked through."""
        paths = job.paths
        for path in (paths.result_pickle, paths.submitted_pickle, paths.stdout):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Cancel all that runs or waits, at once."""
        self._heartbeat.stop()
        with suppress(SlurmError):  # then each ends by itself, as it does where the driver is killed
            cancel_jobs(self.folder.name)
        self._running.clear()
        shutil.rmtree(self.folder.path, ignore_errors=True)  # jobs that are being ended may still write there
        with suppress(OSError):  # of another run something is there
            self.folder.path.parent.rmdir()


@contextmanager
def _without_this_job() -> Iterator[None]:
    """Let a job that is submitted from within another one, where pytest runs itself, not take that one's numbers."""
    numbers = {
        name: os.environ.pop(name)
        for name in [*os.environ]
        if name.startswith(("SLURM_", "SLURMD_", "SUBMITIT_")) and name != "SLURM_CONF"
    }
    try:
        yield
    finally:
        os.environ.update(numbers)


def _remove_old(fleet: Path) -> None:
    """Remove what drivers that were killed have left, whose jobs ended long ago."""
    for path in fleet.glob("opml-*"):
        with suppress(OSError):
            if time.time() - (path / "heartbeat").stat().st_mtime > _OLD_S:
                shutil.rmtree(path, ignore_errors=True)


def _last_line(text: str) -> str:
    """Return the last line that submitit has not written of its own doing."""
    lines = (line.strip() for line in reversed(text.splitlines()))
    return printable(next((line for line in lines if line and not line.startswith("submitit ")), ""))


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _imported() -> Any:
    try:
        import submitit
        import submitit.core.utils
    except ImportError as error:
        raise MissingDependencyError("--opml-fleet=slurm", "submitit", extra="slurm") from error
    return submitit
