"""Workers that misbehave: each ends in time, in one line of its case, and leaves no process behind."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from pytest_opml.runner.launchers.base import ProcessLimits, WorkerFailed
from pytest_opml.runner.launchers.process import ProcessLauncher, start_server
from tests.attack.tally import ONE_LINE, WENT_ON, WRONG, Outcome, Tally
from tests.support import misbehaviour as bad

_MEMORY = 1_200_000_000
_LONGEST_LOG = 11_000


class Way(NamedTuple):
    """One way to misbehave.

    Attributes:
        task: that does.
        kind: of its failure; ``done`` where it does no harm.
        text: that the message has.
        seconds: of its limit.
        printed: that the log has.
    """

    task: Callable[[Path], Any]
    kind: str
    text: str = ""
    seconds: float = 60.0
    printed: str = ""


_NO_ANSWER = "what is no answer"
# The first of them are the sample.
WAYS = (
    Way(bad.half_a_message_and_hang, "timeout", "no result after 1 s (--opml-timeout)", 1),
    Way(bad.announce_two_gigabytes, "crash", "an answer of 2,147,483,648 bytes"),
    Way(bad.send_code, "crash", _NO_ANSWER),
    Way(bad.leave_a_daemon, "done"),
    Way(bad.kill_its_keeper, "killed", "killed the process that watches"),
    Way(bad.long_error, "error", "ValueError: xxx"),
    Way(bad.stop_itself, "timeout", "", 1),
    Way(bad.close_the_pipe, "crash", "closed the pipe"),
    Way(bad.close_everything, "crash", "closed the pipe"),
    Way(bad.half_a_header, "timeout", "", 1),
    Way(bad.half_a_message, "crash", "without an answer (exit code 0)"),
    Way(bad.announce_all_that_a_header_can, "crash", "an answer of 18,446,744,073,709,551,615 bytes"),
    Way(bad.send_garbage, "crash", "bytes that are no answer"),
    Way(bad.speak_for_the_keeper, "crash", "bytes that are no answer"),
    Way(bad.send_no_pickle, "crash", _NO_ANSWER),
    Way(bad.send_half_a_pickle, "crash", _NO_ANSWER),
    Way(bad.return_code, "crash", _NO_ANSWER),
    Way(bad.send_code_by_a_dotted_name, "crash", _NO_ANSWER),
    Way(bad.change_a_class, "crash", _NO_ANSWER),
    Way(bad.an_outcome_that_there_is_not, "crash", _NO_ANSWER),
    Way(bad.a_failure_without_a_text, "crash", _NO_ANSWER),
    Way(bad.another_type, "crash", "a str in the place of what another_type returns"),
    Way(bad.answer_twice, "done"),
    Way(bad.print_after_the_answer, "done"),
    Way(bad.return_what_cannot_be_sent, "error", "cannot be sent"),
    Way(bad.return_too_much, "error", "bytes, and 268,435,456 are the most"),
    Way(bad.return_itself, "error", "cannot be sent"),
    Way(bad.flood_of_progress, "done"),
    Way(bad.huge_progress, "done"),
    Way(bad.progress_that_is_none, "done"),
    Way(bad.endless_line, "error", "after 1.1 GB", printed="bytes ..."),
    Way(bad.endless_lines, "error", "after many lines", printed="a line"),
    Way(bad.print_and_crash, "crash", "SIGSEGV", printed="print_and_crash"),
    Way(bad.abort, "crash", "SIGABRT", printed="std::bad_alloc"),
    Way(bad.stop_its_keeper, "timeout", "nor a word of the process that watches", 1),
    Way(bad.block_all_signals, "timeout", "", 1),
    Way(bad.leave_quietly, "crash", "without an answer (exit code 0)"),
    Way(bad.leave_politely, "crash", "without an answer (exit code 0)"),
    Way(bad.be_interrupted, "crash", "without an answer (exit code 1)"),
    Way(bad.become_another_program, "crash", "closed the pipe"),
    Way(bad.threads_without_end, "done"),
    Way(bad.delete_its_folder, "done"),
    Way(bad.change_its_folder, "done"),
    Way(bad.exhaust_descriptors, "error", "Too many open files"),
    Way(bad.leave_a_process, "done"),
    Way(bad.leave_a_child_that_holds_the_pipe, "crash", "without an answer (exit code 0)"),
    Way(bad.leave_processes_and_hang, "timeout", "", 1),
    Way(bad.fork_on_and_on, "done"),
    Way(bad.many_processes, "done"),
    Way(bad.hog, "out_of_memory", "more than 1200 MB"),
    Way(bad.hog_in_children, "out_of_memory", "more than 1200 MB"),
    Way(bad.hog_after_closing_the_pipe, "out_of_memory", "more than 1200 MB"),
)
TRIES, SAMPLE = len(WAYS), 7
TENSORFLOW = True  # it starts workers
# How long the way out may take beyond the limit: a keeper that says nothing is waited for.
_LATE_S = 25.0


def attack(tries: int, seed: int) -> list[Tally]:
    """Let workers misbehave, in turn."""
    start_server(needs_tensorflow=False)
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="attack-") as name:
        for number in range(tries):
            folder = Path(name) / str(number)
            folder.mkdir()
            outcomes.append(_try(WAYS[number % len(WAYS)], folder))
    return [Tally.of("workers", f"worker that misbehaves in one of {len(WAYS)} ways", outcomes)]


def _try(way: Way, folder: Path) -> Outcome:
    before, began = _server_children(), time.monotonic()
    log = ""
    try:
        ProcessLauncher(None).run(way.task, (folder,), ProcessLimits(way.seconds, _MEMORY))
        kind, text = "done", ""
    except WorkerFailed as error:
        kind, text, log = error.kind, str(error), error.log_tail
    wrong = [] if kind == way.kind and way.text in text else [f"{kind}: {text[:300]}"]
    if "\n" in text or len(text) > 2_100:
        wrong.append("not one line")
    if len(log) > _LONGEST_LOG or way.printed not in log:
        wrong.append(f"{len(log)} characters of log: {log[-200:]!r}")
    if (took := time.monotonic() - began) > way.seconds + _LATE_S:
        wrong.append(f"took {took:.0f} s")
    while (left := [*_marked(folder), *sorted(_server_children() - before)]) and time.monotonic() < began + took + 2:
        time.sleep(0.05)  # the keeper itself, which has nothing left to do, may be on its way out
    if left:
        wrong.append(f"left running: {left}")
    if (folder / "code ran").exists():
        wrong.append("code ran")
    if wrong:
        return Outcome(way.task.__name__, WRONG, "; ".join(wrong))
    return Outcome(way.task.__name__, WENT_ON if kind == "done" else ONE_LINE, text)


def _server_children() -> set[int]:
    """What runs below the server of the workers; nothing does between two tasks."""
    from multiprocessing import forkserver

    server = getattr(forkserver._forkserver, "_forkserver_pid", None)
    with suppress(psutil.Error):
        below = psutil.Process(server).children(recursive=True) if server else []
        return {process.pid for process in below if process.status() != psutil.STATUS_ZOMBIE}
    return set()


def _marked(folder: Path) -> Iterator[int]:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(bad.MARKER) == str(folder):
                yield process.pid
