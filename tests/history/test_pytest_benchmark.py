"""Files that pytest-benchmark really wrote, and what may be wrong with them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark import __version__

from pytest_opml.errors import StorageError
from pytest_opml.history.base import CALL_S, Added, History, Query
from pytest_opml.history.memory import MemoryHistory
from pytest_opml.history.pytest_benchmark import import_benchmarks, read_benchmarks
from pytest_opml.history.record_files import read_record
from pytest_opml.history.store import open_store
from tests.support.history_runs import run_of
from tests.support.projects import BENCH, TWO, Bench
from tests.support.saved_benchmarks import Saved


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "saved.json"


def document(saved: Saved) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(saved.autosaved.read_bytes())
    return found


# ---- what it wrote


@pytest.mark.parametrize("which", ["autosaved", "chosen"])
def test_each_benchmark_becomes_a_timing(saved: Saved, which: str) -> None:
    path: Path = getattr(saved, which)
    run = read_benchmarks(path)
    entries = json.loads(path.read_bytes())["benchmarks"]
    assert [timing.name for timing in run.timings] == ["test_speed.py::test_sum", "test_speed.py::test_sort"]
    for timing, entry in zip(run.timings, entries, strict=True):
        stats = entry["stats"]
        assert (timing.call_s, timing.mean_s, timing.stddev_s) == (stats["median"], stats["mean"], stats["stddev"])
        assert (timing.min_s, timing.max_s, timing.rounds) == (stats["min"], stats["max"], stats["rounds"])
    assert run.timings[0].figures == {"accuracy": 0.5, "latency_ms.p50": 1.5}
    assert run.timings[1].rounds == 4
    assert run.seconds == sum(entry["stats"]["total"] * entry["stats"]["iterations"] for entry in entries)
    assert (run.results, run.failures, run.checks) == ((), (), ())


def test_when_and_on_what_it_ran(saved: Saved) -> None:
    run, written = read_benchmarks(saved.autosaved), document(saved)
    assert run.started == datetime.fromisoformat(written["datetime"])
    assert timedelta() <= datetime.now(timezone.utc) - run.started < timedelta(hours=12)
    assert run.device.cpu == written["machine_info"]["cpu"]["brand_raw"]
    assert run.device.cores == run.device.threads == written["machine_info"]["cpu"]["count"]
    assert (run.device.profile, run.device.gpus, run.device.gpu) == ("cpu", (), None)
    assert run.device.platform.startswith("Linux-")
    assert run.versions == {"pytest-benchmark": __version__, "python": written["machine_info"]["python_version"]}
    assert run.commit is not None
    assert (run.commit.commit, run.commit.branch, run.commit.dirty) == (saved.commit, "main", False)
    assert run.commit.authored == datetime.fromisoformat(written["commit_info"]["author_time"])


def test_our_own_cases_bring_their_figures(bench: Bench) -> None:
    bench.file(BENCH % TWO)
    options = ("--benchmark-json=times.json", "--opml-json=record.json", "--opml-store=none")
    assert bench.run(*options).ret == 0
    record = read_record(bench.pytester.path / "record.json")
    run = read_benchmarks(bench.pytester.path / "times.json")
    assert [timing.name for timing in run.timings] == list(record.collected.values())
    for timing, result in zip(run.timings, record.results, strict=True):
        assert timing.min_s == pytest.approx(min(result.passes_s))
        assert timing.rounds == len(result.passes_s)
        assert timing.figures["accuracy"] == result.accuracy.value
        assert timing.figures["size_mb"] == result.size_mb
        assert timing.figures["op_score"] == result.op_score.value
        assert timing.figures["latency_ms.p50"] == result.latency_ms.p50
    assert run.timings[1].figures["time_ratio.value"] == record.results[1].vs_reference.offline.value  # type: ignore[union-attr]
    history = MemoryHistory([run])
    assert history.rows(Query(), 1, "best")[0].figures["accuracy"] is not None


# ---- importing


def test_importing_twice_changes_nothing(saved: Saved, url: str) -> None:
    with open_store(url) as store:
        assert import_benchmarks(store, [saved.folder]) == Added(1, 0, 0)
        assert import_benchmarks(store, [saved.autosaved, saved.chosen]) == Added(1, 1, 0)
        assert list(store.records()) == [read_benchmarks(path) for path in (saved.autosaved, saved.chosen)]
        (row,) = store.rows(Query(cases=("test_speed.py::test_sort",)), 1)
        assert row.figures[CALL_S] == read_benchmarks(saved.chosen).timings[1].call_s


def test_a_folder_is_read_in_the_order_of_the_sessions(saved: Saved, tmp_path: Path) -> None:
    for number, machine in ((3, "a"), (1, "b"), (2, "a")):
        found = document(saved) | {"datetime": f"2026-01-0{number}T00:00:00"}
        (tmp_path / machine).mkdir(exist_ok=True)
        (tmp_path / machine / f"000{number}_x.json").write_text(json.dumps(found))
    (tmp_path / "notes.txt").touch()
    history = MemoryHistory()
    assert import_benchmarks(history, [tmp_path]).runs == 3
    assert [run.started.day for run in history.records()] == [1, 2, 3]
    (tmp_path / "empty").mkdir()
    with pytest.raises(StorageError, match=r": no saved file of pytest-benchmark in this folder$"):
        import_benchmarks(history, [tmp_path / "empty"])


def test_nothing_is_imported_where_one_of_several_files_is_bad(saved: Saved, url: str, path: Path) -> None:
    path.write_text("{")
    with open_store(url) as store:
        store.append(run_of("before"))
        with pytest.raises(StorageError) as caught:
            import_benchmarks(store, [saved.autosaved, saved.chosen, path])
        assert str(caught.value).startswith(f"{path}: is not JSON: ")
        assert list(store.records()) == [run_of("before")]


def test_what_the_history_refuses_is_named_by_its_file(saved: Saved, path: Path) -> None:
    shutil.copy(saved.chosen, path)
    taken = run_of(read_benchmarks(path).run_id)
    with pytest.raises(StorageError) as caught:
        import_benchmarks(MemoryHistory([taken]), [saved.autosaved, path])
    assert str(caught.value) == f"{path}: memory: run {taken.run_id} is there already with another content"


# ---- other versions and machines

Change = Callable[[dict[str, Any]], Any]


def changed(saved: Saved, path: Path, change: Change) -> Path:
    found = document(saved)
    change(found)
    path.write_text(json.dumps(found))
    return path


def test_a_moment_without_a_time_zone_is_utc(saved: Saved, path: Path) -> None:
    """As versions before 5 wrote it."""
    run = read_benchmarks(changed(saved, path, lambda d: d.update(datetime="2026-11-25T03:58:26.441670")))
    assert run.started == datetime(2026, 11, 25, 3, 58, 26, 441_670, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("change", "commit", "branch"),
    [
        (lambda c: c.update(branch="(detached head)"), True, None),
        (lambda c: c.update(branch="(unknown)"), True, None),
        (lambda c: [c.pop(key) for key in ("branch", "author_time", "time", "project")], True, None),
        (lambda c: c.update(author_time=None, branch="topic"), True, "topic"),
        (lambda c: c.update(id="unversioned"), False, None),
        (lambda c: c.update(id="unknown", error="CalledProcessError()"), False, None),
        (lambda c: c.clear(), False, None),
    ],
)
def test_what_is_not_known_of_the_commit(
    saved: Saved, path: Path, change: Change, commit: bool, branch: str | None
) -> None:
    run = read_benchmarks(changed(saved, path, lambda d: change(d["commit_info"])))
    assert (run.commit is not None) is commit
    assert run.commit is None or run.commit.branch == branch


V100 = {"name": "Tesla V100-SXM2-16GB", "driver": "550.54"}


@pytest.mark.parametrize(
    ("gpus", "told", "profile", "gpu"),
    [
        ([V100], [None, None], "v100", "Tesla V100-SXM2-16GB"),
        ([V100], ["cpu", None], "cpu", None),
        ([V100], ["v100", "v100"], "v100", "Tesla V100-SXM2-16GB"),
        ([V100], ["t4", "cpu"], "v100", "Tesla V100-SXM2-16GB"),
        ([{"name": "Odd"}, V100], ["v100", "v100"], "v100", "Tesla V100-SXM2-16GB"),
        ([{"name": "Odd"}], [None, 1], "gpu", "Odd"),
        ([], ["t4", "t4"], "t4", None),
        ("the driver does not answer", [None, None], "cpu", None),
    ],
)
def test_the_kind_of_hardware(
    saved: Saved, path: Path, gpus: Any, told: list[Any], profile: str, gpu: str | None
) -> None:
    def change(found: dict[str, Any]) -> None:
        found["machine_info"]["gpus"] = gpus
        for entry, kind in zip(found["benchmarks"], told, strict=True):
            entry["extra_info"]["profile"] = kind

    device = read_benchmarks(changed(saved, path, change)).device
    assert (device.profile, device.gpu and device.gpu.name) == (profile, gpu)
    assert device.float16_in_hardware is (profile in ("v100", "t4"))


@pytest.mark.parametrize(
    ("cpu", "name", "cores"),
    [({"brand": "Old CPU", "count": 4}, "Old CPU", 4), ({}, "unknown", 0), (None, "unknown", 0)],
)
def test_what_is_not_known_of_the_machine(saved: Saved, path: Path, cpu: Any, name: str, cores: int) -> None:
    def change(found: dict[str, Any]) -> None:
        found["machine_info"] = {} if cpu is None else {"cpu": cpu}

    device = read_benchmarks(changed(saved, path, change)).device
    assert (device.cpu, device.cores, device.platform) == (name, cores, "")


# ---- what is refused


def _of_first(change: Change) -> Change:
    return lambda found: change(found["benchmarks"][0])


def _of_stats(**values: Any) -> Change:
    return _of_first(lambda entry: entry["stats"].update(values))


BY = f"is no file of pytest-benchmark {__version__} that can be read: "


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_of_first(lambda b: b.update(has_error=True)), BY + "benchmarks.0.has_error: must be False"),
        (_of_first(lambda b: b.pop("stats")), BY + "benchmarks.0.stats: is missing"),
        (_of_first(lambda b: b["stats"].pop("median")), BY + "benchmarks.0.stats.median: is missing"),
        (_of_stats(mean=float("nan")), BY + "benchmarks.0.stats.mean: must be a finite number"),
        (_of_stats(min="0.1"), BY + "benchmarks.0.stats.min: must be a number"),
        (_of_stats(max=-0.1), BY + "benchmarks.0.stats.max: must be at least 0"),
        (_of_stats(rounds=0), BY + "benchmarks.0.stats.rounds: must be at least 1"),
        (_of_stats(total=1e308, iterations=10**9), BY + "seconds: must be a finite number"),
        (_of_first(lambda b: b.update(fullname="")), BY + "benchmarks.0.fullname: must not be empty"),
        (lambda d: d.update(benchmarks=[]), BY + "benchmarks: must not be empty"),
        (lambda d: d.update(datetime="yesterday"), BY + "datetime: must be a moment such as"),
        (lambda d: d.update(datetime="0001-01-01T00:00:00"), BY + "started: must lie in the years"),
        (lambda d: d.update(version=5), "is no file of pytest-benchmark that can be read: version: must be"),
        (lambda d: d.pop("version"), "is no file of pytest-benchmark that can be read: version: is missing"),
        (lambda d: d.update(version="2.5", benchmarks=[{}]), "is no file of pytest-benchmark 2.5 that can be read: "),
        (lambda d: d.pop("benchmarks"), "is no saved file of pytest-benchmark"),
        (lambda d: d.pop("machine_info"), "is no saved file of pytest-benchmark"),
    ],
)
def test_a_file_that_is_not_as_it_should_be(saved: Saved, path: Path, change: Change, reason: str) -> None:
    history: History = MemoryHistory()
    changed(saved, path, change)
    with pytest.raises(StorageError) as caught:
        import_benchmarks(history, [saved.autosaved, path])
    assert str(caught.value).startswith(f"{path}: {reason}")
    assert "\n" not in str(caught.value)
    assert history.count() == 0


@pytest.mark.parametrize("content", ["[]", "null", '{"run_id": "a"}', "{}"])
def test_another_file_of_json(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(StorageError, match=r": is no saved file of pytest-benchmark$"):
        read_benchmarks(path)


def test_a_file_that_is_not_there(path: Path) -> None:
    with pytest.raises(StorageError, match=r"saved.json: cannot be read: No such file or directory$"):
        read_benchmarks(path)
