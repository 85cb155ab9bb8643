"""Saved files of pytest-benchmark (``.benchmarks/*/0001_*.json``, ``--benchmark-json``) as runs of imported timings."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import StorageError
from ..printable import shows
from ..records.device import Device, Gpu
from ..records.hardware_profiles import PROFILES, has_fast_float16, profile_of
from ..records.run import Commit, RunRecord, Timing
from ..storage.input_file import read_input
from .base import LARGEST_RECORD, Added, History
from .columns import problem
from .record_files import json_of
from .transfer import merge

_NO_COMMIT = ("unversioned", "unknown")  # what it writes where there is no repository, or none that can be read
_MOST = 10**15  # of anything counted
_NO_BRANCH = ("(unknown)", "(detached head)")


_MARKS = {"benchmarks", "machine_info"}


class _Part(BaseModel):
    """The base of the parts of a saved file that we read; versions of pytest-benchmark differ in the rest."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class _Stats(_Part):
    """Seconds of one call; ``total`` is the sum over the rounds, of which each made ``iterations`` calls."""

    model_config = ConfigDict(strict=True)

    median: float = Field(ge=0)
    mean: float = Field(ge=0)
    stddev: float = Field(ge=0)
    min: float = Field(ge=0)
    max: float = Field(ge=0)
    rounds: int = Field(ge=1, le=_MOST)
    total: float = Field(default=0.0, ge=0)
    iterations: int = Field(default=1, ge=1, le=_MOST)


class _Benchmark(_Part):
    fullname: str = Field(min_length=1)
    stats: _Stats
    extra_info: dict[str, Any] = {}
    has_error: Literal[False] = False


class _Cpu(_Part):
    brand_raw: str | None = None
    brand: str | None = None  # before py-cpuinfo 6
    count: int = Field(default=0, ge=0, le=_MOST)


class _Gpu(_Part):
    name: str
    driver: str = ""


class _Machine(_Part):
    processor: str = ""
    system: str = ""
    release: str = ""
    machine: str = ""
    python_version: str = ""
    cpu: _Cpu = _Cpu()
    gpus: tuple[_Gpu, ...] | str = Field(default=(), description="ours; a text says why they are not known")


class _CommitInfo(_Part):
    id: str = _NO_COMMIT[0]
    branch: str | None = None
    dirty: bool | None = None
    author_time: datetime | None = None


class _Saved(_Part):
    version: str
    datetime: datetime
    machine_info: _Machine
    commit_info: _CommitInfo = _CommitInfo()
    benchmarks: tuple[_Benchmark, ...] = Field(min_length=1)


def import_benchmarks(history: History, paths: Iterable[Path]) -> Added:
    """Add a run for each saved file, all or nothing; one that is there already is left as it is.

    Args:
        history: that they are added to.
        paths: files, or folders with files in them at any depth.

    Raises:
        StorageError: one of the files cannot be read or is no saved file of pytest-benchmark, a folder has none, or the
            history cannot be written. The text names the file.
    """
    files = list(_files(paths))
    at = files[0] if files else Path()

    def runs() -> Iterator[RunRecord]:
        nonlocal at
        for at in files:
            yield read_benchmarks(at)

    return merge(history, lambda: str(at), runs())


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        files = sorted(
            path.rglob("*.json"), key=lambda file: (file.name, file)
        )  # numbered in the order of the sessions
        if not files:
            raise StorageError(f"{path}: no saved file of pytest-benchmark in this folder")
        yield from files


def is_saved(path: Path) -> bool:
    """Tell whether a path is of files of pytest-benchmark: a folder, or a file that looks like one of them."""
    if path.is_dir():
        return True
    try:
        if path.exists() and not path.is_file():
            return False  # a pipe is read once
        document = json_of(read_input(path, LARGEST_RECORD), str(path), finite=False)
    except (OSError, StorageError):
        return False
    return isinstance(document, dict) and document.keys() >= _MARKS


def read_benchmarks(path: Path) -> RunRecord:
    """Return the run that a saved file describes: it has no results, and a timing for each benchmark.

    Its id follows from the file's content. What the file does not say of the machine is 0 or empty.

    Raises:
        StorageError: the file cannot be read, or is no saved file of pytest-benchmark that holds benchmarks.
    """
    try:
        data = read_input(path, LARGEST_RECORD)
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}") from error
    document = json_of(data, str(path), finite=False)  # what a test left in extra_info may be no number
    if not isinstance(document, dict) or not document.keys() >= _MARKS:
        raise StorageError(f"{path}: is no saved file of pytest-benchmark")
    try:
        return _run(_Saved.model_validate(document), hashlib.sha256(data).hexdigest())
    except ValidationError as error:
        version = document.get("version")
        by = f" {version}" if isinstance(version, str) and shows(version) else ""
        raise StorageError(f"{path}: is no file of pytest-benchmark{by} that can be read: {problem(error)}") from error


def _run(saved: _Saved, digest: str) -> RunRecord:
    started = _in_utc(saved.datetime)
    machine = saved.machine_info
    versions = {"pytest-benchmark": saved.version, "python": machine.python_version}
    return RunRecord(
        run_id=f"benchmark-{digest[:32]}",
        started=started,
        seconds=sum(one.stats.total * one.stats.iterations for one in saved.benchmarks),
        device=_device(machine, [one.extra_info for one in saved.benchmarks]),
        versions={name: version for name, version in versions.items() if version},
        commit=_commit(saved.commit_info),
        results=(),
        failures=(),
        checks=(),
        reference_only=(),
        timings=tuple(map(_timing, saved.benchmarks)),
    )


def _in_utc(moment: datetime) -> datetime:
    """Return a moment with its time zone: before version 5, pytest-benchmark wrote UTC without saying so."""
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment


def _timing(benchmark: _Benchmark) -> Timing:
    stats = benchmark.stats
    return Timing(
        name=benchmark.fullname,
        call_s=stats.median,
        mean_s=stats.mean,
        stddev_s=stats.stddev,
        min_s=stats.min,
        max_s=stats.max,
        rounds=stats.rounds,
        figures=dict(_figures(benchmark.extra_info)),
    )


def _figures(info: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the finite numbers with their names; the names of what is within another are joined by a dot."""
    for key, value in info.items():
        if isinstance(value, dict):
            yield from _figures(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
            yield f"{prefix}{key}", float(value)


def _device(machine: _Machine, infos: Iterable[Mapping[str, Any]]) -> Device:
    gpus = tuple(
        Gpu(
            index=index,
            uuid="",
            name=gpu.name,
            profile=profile_of(gpu.name),
            memory_bytes=None,
            driver=gpu.driver,
        )
        for index, gpu in enumerate(() if isinstance(machine.gpus, str) else machine.gpus)
    )
    told = {info["profile"] for info in infos if isinstance(info.get("profile"), str)}
    profile = told.pop() if len(told) == 1 else gpus[0].profile if gpus else "cpu"
    parts = (machine.system, machine.release, machine.machine)
    return Device(
        profile=profile,
        cpu=machine.cpu.brand_raw or machine.cpu.brand or machine.processor or "unknown",
        cores=machine.cpu.count,
        threads=machine.cpu.count,
        memory_bytes=0,
        gpus=gpus,
        gpu=next((gpu for gpu in gpus if gpu.profile == profile), None),
        float16_in_hardware=profile in PROFILES and has_fast_float16(profile),
        platform="-".join(filter(None, parts)),
    )


def _commit(info: _CommitInfo) -> Commit | None:
    if info.id in _NO_COMMIT:
        return None
    return Commit(
        commit=info.id,
        branch=None if info.branch in _NO_BRANCH else info.branch,
        dirty=info.dirty,
        authored=info.author_time and _in_utc(info.author_time),
    )
