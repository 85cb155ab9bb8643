"""Commands over hostile records, exports, files of pytest-benchmark and stores, and over what is no file of its own.

Right is: the command's own exit code, or 4 and one line. Wrong is all else: a traceback, more than a line, a line that
a library wrote, a control character, a command that does not end, one that fills the memory.
"""

from __future__ import annotations

import codecs
import gzip
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from pytest_opml.gate.budgets import parse_gate
from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.history.base import Release
from pytest_opml.history.memory import MemoryHistory
from pytest_opml.history.record_files import write_record
from pytest_opml.history.store import open_store
from pytest_opml.history.transfer import export
from pytest_opml.records.run import RunRecord
from pytest_opml.storage import input_file
from tests.attack._command import fresh_folder, judged, tried
from tests.attack.tally import WRONG, Outcome, Tally
from tests.support.builders import make_failure, make_result, make_side_by_side
from tests.support.history_runs import START, commit_of, make_timing, run_of
from tests.support.mutations import HOSTILE, as_json, mutate_bytes, places, resealed

TRIES, SAMPLE = 8_000, 100
_ENOUGH_FOR_ALL = 1_000  # tries, with which what is no file, and what is vast, are tried too
# What the heaviest input may take: some of the memory of the smallest machine that a CI service lends.
_MOST_MEMORY = 2_500_000_000
_STORE = "history.db"

# {} is the file or store that is attacked.
_OVER_RECORDS = (
    *("gate {}", "gate {} --json", "best {}", "best {} --json", "budgets", "report {}", "report {} --json"),
    *("report {} -o page.html", "report good.json --against {}", "report good.json --against {} -o page.md"),
    *("compare {} good.json", "compare good.json {} --json", "import {} --store sqlite:///taken.db"),
)
_OVER_STORES = (
    *("gate", "best", "report last -o page.html", "report full", "report good.json --against last", "history"),
    *("history --json", "history --case * --limit 3", "compare full small", "trend */baseline", "trend * --json"),
    *("export all.jsonl.gz", "release list", "release promote full --force", "release withdraw full"),
    *("import good.json", "import export.jsonl", "gate release", "gate main", "budgets */int8"),
)


def attack(tries: int, seed: int) -> list[Tally]:
    """Most tries are of records; some of stores; what is no file is always tried whole, in the whole attack."""
    of_stores = tries // 4
    with _project() as folder:
        contents = _contents(folder)
        records = [_over_a_record(contents, number) for number in range(seed, seed + tries - of_stores)]
        store = (folder / _STORE).read_bytes()
        stores = [_over_a_store(store, number) for number in range(seed, seed + of_stores)]
        tallies = [
            Tally.of("records", "commands over damaged records, exports and saved benchmarks", records),
            Tally.of("records", "commands over damaged SQLite stores", stores),
        ]
        if tries >= _ENOUGH_FOR_ALL:
            no_files = [outcome for name in _NO_FILES for outcome in _over_no_file(name, folder)]
            tallies.append(
                Tally.of("records", "devices, pipes, links, folders, sockets in the place of a file", no_files)
            )
            vast = [outcome for name in _VAST for outcome in _over_a_vast_file(name, folder)]
            tallies.append(Tally.of("records", "vast, deep and bomb-like files, the memory bounded", vast))
        return tallies


@contextmanager
def _project() -> Iterator[Path]:
    """A folder with a whole file of each kind, in which the commands run."""
    with fresh_folder() as folder:
        (folder / "pyproject.toml").write_text(
            f'[tool.opml]\nstore = "sqlite:///{_STORE}"\n[tool.opml.gate]\nsize_mb.max = 10\naccuracy.max_drop = 0.05\n'
        )
        write_record(_runs()[0], folder / "good.json")
        with open_store(f"sqlite:///{folder / _STORE}") as store:
            store.extend(_runs(), [Release("full", START, "v1")])
        yield folder


def _runs() -> list[RunRecord]:
    full = run_of(
        "full",
        results=[make_result(), make_result("cluster-256", vs_reference=make_side_by_side())],
        failures=[make_failure("int8")],
        timings=[make_timing(size_mb=1.5)],
        commit=commit_of("a", authored=START),
        collected={"case": "test"},
        marker_budgets={"case": {"test": {"accuracy": {"min": 0.5}}}},
    )
    full = full.model_copy(update={"checks": judge_run(full, parse_gate({"size_mb": {"max": 10}}, "gate", ()))})
    return [full, run_of("small", 1, results=[make_result()]), run_of("timed", 2, results=[], timings=[make_timing()])]


_SAVED = {
    "version": "5.1.0",
    "datetime": "2026-01-02T03:04:05+00:00",
    "machine_info": {"processor": "x86_64", "system": "Linux", "release": "6", "machine": "x", "cpu": {"count": 2}},
    "commit_info": {"id": "a" * 40, "branch": "main", "dirty": False, "author_time": "2026-01-02T03:04:05+00:00"},
    "benchmarks": [
        {
            "fullname": "test_it.py::test_speed",
            "stats": {"median": 1.0, "mean": 1.0, "stddev": 0.1, "min": 0.9, "max": 1.2, "rounds": 5, "total": 5.0},
            "extra_info": {"accuracy": 0.5, "latency_ms": {"p50": 1.5}},
        }
    ],
}


def _contents(folder: Path) -> dict[str, bytes]:
    history = MemoryHistory(_runs())
    history.extend([], [Release("full", START, "v1")])
    export(history, folder / "export.jsonl")
    exported = (folder / "export.jsonl").read_bytes()
    return {"record": (folder / "good.json").read_bytes(), "export": exported, "saved": json.dumps(_SAVED).encode()}


# --- files


def _over_a_record(contents: dict[str, bytes], seed: int) -> Outcome:
    random = Random(seed)
    kind = random.choice(("record", "record", "record", "export", "saved"))
    content = _damaged(contents[kind], kind, random)
    packed = kind == "export" and random.random() < 0.3
    path = Path("hostile.json")
    path.write_bytes(gzip.compress(content) if packed else content)
    command = "import {} --store sqlite:///taken.db" if kind != "record" else random.choice(_OVER_RECORDS)
    return tried(f"{kind} {seed}", _filled(command, str(path)))


def _filled(command: str, path: str) -> list[str]:
    return [path if word == "{}" else word for word in command.split()]


def _damaged(content: bytes, kind: str, random: Random) -> bytes:
    match random.choice(("bytes", "place", "place", "text", "text", "form")):
        case "bytes":
            damaged = mutate_bytes(content, random.randrange(2**32))
        case "place" | "text" as what:
            lines = content.splitlines() if kind == "export" else [content]
            at = random.randrange(len(lines))
            document = json.loads(lines[at])
            for _ in range(random.choice((1, 1, 1, 2, 5))):
                fields = [(owner, name) for owner, name in places(document) if what == "place" or _is_text(owner, name)]
                container, key = random.choice(fields or list(places(document)))
                container[key] = random.choice(_VALUES)(random) if what == "place" else random.choice(_MARKS)
            lines[at] = as_json(document)
            damaged = b"\n".join(lines)
        case _:
            damaged = random.choice(_FORMS)(content)
    return resealed(damaged) if kind == "export" and random.random() < 0.7 else damaged


def _is_text(container: Any, key: Any) -> bool:
    return isinstance(container[key], str)


_MARKS = (
    "\x1b]0;title\x07",
    "a\r\nb",
    "\u202egnp.",
    "::error::x",
    "\n##vso[task]",
    "x\0y",
    "\ud800",
    "\x9b31m",
    "{{7*7}}",
)
_VALUES: tuple[Callable[[Random], Any], ...] = (
    lambda random: random.choice(HOSTILE),
    lambda random: random.choice(_MARKS),
    lambda random: random.choice((10**5, 10**18, -(10**18), 1e308, -1e308, 5e-324, 0.1 + 0.2)),
    lambda random: "x" * random.choice((100, 10_000, 1_000_000)),
    lambda random: [random.choice(HOSTILE)] * random.choice((1, 3, 1_000)),
    lambda random: {f"key {number}": None for number in range(random.choice((1, 600, 30_000)))},
)

_FORMS: tuple[Callable[[bytes], bytes], ...] = (
    lambda content: codecs.BOM_UTF8 + content,
    lambda content: content.decode().encode("utf-16"),
    lambda content: content.decode().encode("utf-32"),
    lambda content: content.replace(b"{", b'{"run_id": "other", "format_version": 2,', 1),
    lambda content: content.replace(b'"format_version":1', b'"format_version":99', 1).replace(b": 1", b": 99", 1),
    lambda content: content.replace(b": 1", b": 1" + b"0" * 5_000),
    lambda content: content.replace(b": 1", b": NaN"),
    lambda content: content.replace(b": 0", b": Infinity"),
    lambda content: content + b"\n" + content,
    lambda content: content.replace(b"\n", b"\r\n"),
    lambda content: content.replace(b" ", b"\xa0"),
    lambda content: b"[" * 100_000 + b"]" * 100_000,
    lambda content: b'{"a":' * 100_000,
    lambda content: content.replace(b"e", b"\\ud800", 1),
    lambda content: content.replace(b'"', b"'"),
    lambda content: b"null",
    lambda content: b" " * 1_000_000,
    lambda content: b"PK\x03\x04" + content,
    lambda content: gzip.compress(content)[:-5],
    lambda content: b"SQLite format 3\0" + content,
)


# --- stores


def _over_a_store(whole: bytes, seed: int) -> Outcome:
    random = Random(seed)
    damaged = mutate_bytes(whole, seed) if random.random() < 0.7 else _at_places(whole, random)
    for left in Path().glob(f"{_STORE}-*"):
        left.unlink()
    Path(_STORE).write_bytes(damaged)
    return tried(f"store {seed}", random.choice(_OVER_STORES).split())


def _at_places(whole: bytes, random: Random) -> bytes:
    """Other bytes at a few places, as a failing disk leaves them; or another version of the tables."""
    if random.random() < 0.2:
        return whole.replace(b"0001", random.choice((b"0000", b"0002", b"9999", b"\xff\xff\xff\xff")))
    damaged = bytearray(whole)
    for _ in range(random.choice((1, 10, 200))):
        damaged[random.randrange(len(damaged))] = random.randrange(256)
    return bytes(damaged)


# --- what is no file


@contextmanager
def _endless_pipe(path: Path) -> Iterator[None]:
    """A pipe through which blanks come for as long as somebody reads."""
    os.mkfifo(path)
    pipe, is_over = os.open(path, os.O_RDWR | os.O_NONBLOCK), threading.Event()

    def write() -> None:
        while not is_over.is_set():
            if select.select((), (pipe,), (), 0.01)[1]:
                os.write(pipe, b" " * 65_536)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        is_over.set()
        writer.join()
        os.close(pipe)


@contextmanager
def _socket(path: Path) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        yield


@contextmanager
def _made(make: Callable[[Path], object], path: Path) -> Iterator[None]:
    make(path)
    yield


def _held_pipe(path: Path) -> None:
    """A pipe that somebody holds open, and writes nothing to."""
    os.mkfifo(path)
    os.open(path, os.O_RDWR)  # until this process ends


_NO_FILES: dict[str, Callable[[Path], Any]] = {
    "a link to /dev/zero": lambda path: _made(lambda place: place.symlink_to("/dev/zero"), path),
    "a link to /dev/random": lambda path: _made(lambda place: place.symlink_to("/dev/random"), path),
    "a link to /dev/null": lambda path: _made(lambda place: place.symlink_to("/dev/null"), path),
    "a link to /dev/tty": lambda path: _made(lambda place: place.symlink_to("/dev/tty"), path),
    "a link to itself": lambda path: _made(lambda place: place.symlink_to(place), path),
    "a link to nothing": lambda path: _made(lambda place: place.symlink_to("nowhere"), path),
    "a folder": lambda path: _made(Path.mkdir, path),
    "a pipe that nobody writes to": lambda path: _made(os.mkfifo, path),
    "a pipe that somebody holds": lambda path: _made(_held_pipe, path),
    "a pipe without end": _endless_pipe,
    "a socket": _socket,
    "a file that is never ready (/proc/kmsg)": lambda path: _made(lambda place: place.symlink_to("/proc/kmsg"), path),
    "a link to /proc/self/mem": lambda path: _made(lambda place: place.symlink_to("/proc/self/mem"), path),
}
_OVER_NO_FILES = (*_OVER_RECORDS, "history --store sqlite:///{}", "gate good.json --config {}", "export {}")


def _over_no_file(name: str, folder: Path) -> Iterator[Outcome]:
    patience, input_file.PATIENCE_S = input_file.PATIENCE_S, 0.5
    try:
        for number, command in enumerate(_OVER_NO_FILES):
            path = folder / f"{number}-{name.rpartition('/')[2].replace(' ', '-')}.json"
            with _NO_FILES[name](path):
                outcome = tried(name, [word.replace("{}", str(path)) for word in command.split()])
                yield outcome
            if not path.is_symlink() and path.is_dir():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
    finally:
        input_file.PATIENCE_S = patience


# --- what is vast


def _blanks(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(200):
            file.write(b" " * 1_000_000)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3_000_000_000)


def _bomb(path: Path) -> None:
    with gzip.open(path, "wb", 1) as file:
        file.write(b'{"format":"pytest-opml history","format_version":1}\n')
        for _ in range(1_000):
            file.write(b" " * 1_000_000)


def _with(field: str, value: bytes) -> Callable[[Path], object]:
    """A record in which a field holds JSON that is written as it is."""

    def write(path: Path) -> None:
        document = json.loads(Path("good.json").read_bytes())
        document[field] = "HERE"
        path.write_bytes(json.dumps(document).encode().replace(b'"HERE"', value))

    return write


_VAST: dict[str, Callable[[Path], object]] = {
    "200 MB of blanks": _blanks,
    "3 GB of zeros": _sparse,
    "a bomb of gzip": _bomb,
    "100 MB in a string": _with("run_id", b'"' + b"x" * 100_000_000 + b'"'),
    "100 MB in a version": _with("format_version", b'"' + b"x" * 100_000_000 + b'"'),
    "40 million empty lists": _with("results", b"[" + b"[]," * 39_999_999 + b"[]]"),
    "a million empty results": _with("results", b"[" + b"{}," * 999_999 + b"{}]"),
    "a million empty checks": _with("checks", b"[" + b"{}," * 999_999 + b"{}]"),
    "a million budgets": _with("marker_budgets", b"{" + b",".join(b'"%d":{}' % n for n in range(1_000_000)) + b"}"),
    "a hundred thousand lists in each other": _with("results", b"[" * 100_000 + b"]" * 100_000),
    "a number of a million digits": _with("seconds", b"9" * 1_000_000),
}
_OVER_VAST = ("gate {}", "import {} --store sqlite:///taken.db", "report good.json --against {}")


def _over_a_vast_file(name: str, folder: Path) -> Iterator[Outcome]:
    """In processes of their own, whose memory is told."""
    path = folder / "vast.json"
    _VAST[name](path)
    for command in _OVER_VAST:
        code = "import sys; from pytest_opml.cli import main; main(sys.argv[1:])"
        started = subprocess.Popen(
            [sys.executable, "-c", code, *_filled(command, str(path))], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        title = f"{name}: {command}"
        watch = threading.Timer(120, started.kill)
        watch.start()
        assert started.stdout
        assert started.stderr
        output, errors = started.stdout.read(), started.stderr.read()
        _, status, usage = os.wait4(started.pid, 0)
        watch.cancel()
        started.returncode = os.waitstatus_to_exitcode(status)
        if usage.ru_maxrss * 1024 > _MOST_MEMORY:
            yield Outcome(title, WRONG, f"took {usage.ru_maxrss / 1e6:.1f} GB of memory")
        else:
            yield judged(title, started.returncode, output.decode(), errors.decode())
    path.unlink()
