"""What a static site over a large history costs: its first build, one more run, and its size on the disk.

It fills a store with a million results (10,000 runs of 100 results and 200 checks; 1,000 cases with 1,000 results
each), builds the site, adds one run of 100 results and builds again. Rows go into the tables as the store itself writes
them, digests and places included, but a case has one record for all of its results: writing a million different ones
takes half an hour, and a site reads none of them. Times vary by 2 %; every tenth case has a lasting step.

Run as a program: ``python benchmarks/site.py``, or smaller: ``python benchmarks/site.py --points 100``. The figures and
the machine are in ``docs/site.md``.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, text

from pytest_opml.case import Case
from pytest_opml.history import checksums
from pytest_opml.history.base import Row
from pytest_opml.history.columns import dump, parts, summary
from pytest_opml.history.places import _GAP
from pytest_opml.history.sql import SqlHistory
from pytest_opml.history.store import open_store
from pytest_opml.history.tables import RESULT, RUN, column_of
from pytest_opml.records.run import Check, Commit, RunRecord

_TOGETHER = 100  # results of a run
_START = datetime(2024, 1, 1, tzinfo=timezone.utc)
_ROOT = Path(__file__).parents[1]
# A child's own peak: the system's figure of children begins with what their parent held.
_COMMAND = """
import atexit, sys
from pytest_opml.cli import main
def tell():
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(int(peak.split()[1]) / 1e3, file=sys.stderr)
atexit.register(tell)
main()
"""


class _Source:
    """Runs of one group of cases, of which each has all."""

    def __init__(self, group: int) -> None:
        from tests.support import builders  # of this checkout, which `pytest bench` imports this file without

        first = group * _TOGETHER
        cases = [
            Case(dataset="digits", model="efficientnet_lite0", technique=technique, unfreeze=10, seed=number)
            for number in range(first // 4, (first + _TOGETHER) // 4)
            for technique in ("baseline", "int8", "float16", "cluster-256")
        ]
        results = [builders.make_result(case=case) for case in cases]
        checks = [
            Check(
                case_id=case.id,
                profile="cpu",
                metric=metric,
                rule=rule,
                limit=limit,
                budget=f"{rule} = {limit}",
                source=f"tool.opml.gate.{metric}",
                value=value,
                verdict="pass",
                blocking=False,
            )
            for case in cases
            for metric, rule, limit, value in (("accuracy", "min", 0.88, 0.9), ("size_mb", "max", 20.0, 14.0))
        ]
        self.template: RunRecord = builders.make_run(results, checks=checks, profile="cpu")
        stored = parts(self.template)
        self._texts = [dump(part.content) for part in stored]
        self._contents = [checksums.of_text(text_) for text_ in self._texts]
        self._rows = [part.row for part in stored]

    def record(self, number: int) -> RunRecord:
        """The run of a number, with the results of the template."""
        branch = "main" if number % 4 else f"topic-{number % 97}"
        own = {
            "run_id": f"{number:032x}",
            "started": _START + timedelta(minutes=number),
            "commit": Commit(commit=f"{number:040x}", branch=branch, dirty=False),
        }
        return self.template.model_copy(update=own)

    def rows(self, record: RunRecord, noise: Any, progress: float) -> list[tuple[Row, str, str]]:
        """Its results as rows, each with the text of its record and the hash of that."""
        commit = record.commit
        changed = []
        for place, (row, factor) in enumerate(zip(self._rows, noise, strict=True)):
            times = float(factor) * (1.05 if place % 10 == 0 and progress > 0.8 else 1.0)
            shift = float(np.log10(times))
            figures = {
                name: value and (value + shift if name == "op_score" else value * times if name in _TIMES else value)
                for name, value in row.figures.items()
            }
            own = row._replace(
                run_id=record.run_id,
                started=record.started,
                commit=commit and commit.commit,
                branch=commit and commit.branch,
                figures=figures,
            )
            changed.append((own, self._texts[place], self._contents[place]))
        return changed


_TIMES = {"inference_s", "latency_ms.p50", "latency_ms.p90", "latency_ms.p95", "latency_ms.p99", "cold_start_s"}


def _insert(connection: Connection, record: RunRecord, rows: Sequence[tuple[Row, str, str]], number: int) -> None:
    short, place = summary(record), (number + 1) * _GAP
    written = dump(record)
    content = checksums.of_text(written)
    columns = short._asdict() | {
        "record": written,
        "content": content,
        "digest": checksums.of_columns(short, content),
        "place": place,
        "place_digest": checksums.of_place(record.run_id, place),
    }
    columns["commit_hash"] = columns.pop("commit")
    connection.execute(insert(RUN).values(key=number + 1, **columns))
    values = [
        {
            "run_key": number + 1,
            "position": row.position,
            "case_id": row.case_id,
            "profile": row.profile,
            "machine": row.machine,
            "started": row.started,
            "commit_hash": row.commit,
            "branch": row.branch,
            "place": place,
            "record": text_,
            "content": text_content,
            "digest": checksums.of_columns(row, text_content),
        }
        | {column_of(metric): value for metric, value in row.figures.items()}
        for row, text_, text_content in rows
    ]
    connection.execute(insert(RESULT), values)


def fill(url: str, runs: range, of: int, sources: Sequence[_Source]) -> None:
    """Add runs to a store; their cases take turns."""
    draw = np.random.default_rng(runs.start)
    with open_store(url) as store:
        assert isinstance(store, SqlHistory)
        with store._engine.connect() as connection:
            for pragma in ("synchronous = OFF", "cache_size = -500000"):
                connection.execute(text(f"PRAGMA {pragma}"))
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            for number in runs:
                source = sources[number % len(sources)]
                record = source.record(number)
                noise = np.exp(0.02 * draw.standard_normal(_TOGETHER))
                _insert(connection, record, source.rows(record, noise, number / of), number)
            connection.commit()


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _build(folder: Path, url: str) -> str:
    """Build the site by the command, in a process of its own; its seconds, its memory, and what it printed."""
    command = [sys.executable, "-c", _COMMAND, "site", str(folder / "site"), f"--store={url}"]
    started, processor = time.perf_counter(), _processor_seconds()
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(_ROOT)}, capture_output=True, text=True, check=False
    )
    seconds, processor = time.perf_counter() - started, _processor_seconds() - processor
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    megabytes = float(done.stderr.splitlines()[-1])
    return f"{seconds:.2f} s, {processor:.2f} s of a processor, {megabytes:.0f} MB at most ({done.stdout.strip()})"


def _files(folder: Path) -> Iterator[os.stat_result]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.stat()


def main() -> None:
    """Print what each build took, and how large the site is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000, help="results of each case")
    parser.add_argument("--cases", type=int, default=1_000, help="a multiple of 100")
    parser.add_argument("--dir", type=Path, help="leave store and site there; what is there is used again")
    given = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="bench-site-") as temporary:
        folder = given.dir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        url, groups = f"sqlite:///{folder / 'history.db'}", given.cases // _TOGETHER
        runs = groups * given.points
        sources = [_Source(group) for group in range(groups)]
        started = time.perf_counter()
        if not (folder / "history.db").exists():
            fill(url, range(runs), runs, sources)
        with open_store(url) as store:
            first = store.count()
        size = (folder / "history.db").stat().st_size
        filled = f"filled in {time.perf_counter() - started:.0f} s, {size / 1e9:.2f} GB"
        print(f"{first:,} runs, {first * _TOGETHER:,} results: {filled}", flush=True)
        print(f"first build: {_build(folder, url)}", flush=True)
        stats = list(_files(folder / "site"))
        apparent, on_disk = sum(stat.st_size for stat in stats), sum(stat.st_blocks * 512 for stat in stats)
        print(f"site: {len(stats):,} files, {apparent / 1e6:.0f} MB, {on_disk / 1e6:.0f} MB on the disk", flush=True)
        for more in range(3):
            fill(url, range(first + more, first + more + 1), first, sources)
            print(f"one more run: {_build(folder, url)}", flush=True)
        print(f"nothing new: {_build(folder, url)}")


if __name__ == "__main__":
    main()
