"""Quotas of processor time, in folders that look as Linux shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml.measure import cgroup, cpu_load
from pytest_opml.measure.cgroup import read_cpu_quota, read_memory_limit, read_throttled_seconds


def tree(folder: Path, own: str, **files: str) -> tuple[Path, Path]:
    """The mounted groups and the file that names our own; of a file's name, two underscores stand for a slash."""
    (folder / "own").write_text(own)
    groups = folder / "groups"
    groups.mkdir()
    for name, text in files.items():
        path = groups / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(path.name.replace("cpu_", "cpu.", 1)).write_text(text)
    return groups, folder / "own"


@pytest.mark.parametrize(
    ("own", "files", "quota", "stopped"),
    [
        ("0::/\n", {"cpu_max": "max 100000\n"}, None, None),
        ("0::/\n", {"cpu_max": "150000 100000\n", "cpu_stat": "nr_throttled 3\nthrottled_usec 2500000\n"}, 1.5, 2.5),
        # the tightest of those around
        ("0::/a/b\n", {"a__b__cpu_max": "max 100000", "a__cpu_max": "50000 100000"}, 0.5, None),
        ("0::/a/b\n", {"a__b__cpu_max": "200000 100000", "a__cpu_max": "400000 100000"}, 2.0, None),
        # a path of the machine, which is not mounted in the container
        ("0::/system.slice/docker-1\n", {"cpu_max": "300000 100000"}, 3.0, None),
        (
            "5:memory:/m\n4:cpu,cpuacct:/docker/1\n",
            {
                "cpu__docker__1__cpu_cfs_quota_us": "250000",
                "cpu__docker__1__cpu_cfs_period_us": "100000",
                "cpu__docker__1__cpu_stat": "nr_periods 4\nnr_throttled 2\nthrottled_time 1500000000\n",
            },
            2.5,
            1.5,
        ),
        ("4:cpu:/\n", {"cpu__cpu_cfs_quota_us": "-1", "cpu__cpu_cfs_period_us": "100000"}, None, None),
        ("", {}, None, None),
        ("nonsense", {"cpu_max": "x y"}, None, None),
    ],
)
def test_the_quota_and_what_it_cost(
    tmp_path: Path, own: str, files: dict[str, str], quota: float | None, stopped: float | None
) -> None:
    groups, file = tree(tmp_path, own, **files)
    assert read_cpu_quota(groups, file) == quota
    assert read_throttled_seconds(groups, file) == (None if stopped is None else pytest.approx(stopped))


@pytest.mark.parametrize(("quota", "cores"), [(None, 8), (1.5, 2), (0.2, 1), (64.0, 8)])
def test_a_quota_counts_as_the_number_of_cores(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, cores: int
) -> None:
    monkeypatch.setattr(cgroup, "usable_cores", lambda: list(range(8)))
    monkeypatch.setattr(cgroup, "read_cpu_quota", lambda: quota)
    assert cgroup.available_cores() == cores


def test_what_the_quota_stopped_is_in_the_load_and_the_work_on_cores_that_it_leaves_free_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped = iter([2.0, 3.5])
    monkeypatch.setattr(cpu_load, "read_throttled_seconds", lambda: next(stopped))
    monkeypatch.setattr(cpu_load, "usable_cores", lambda: list(range(64)))
    monkeypatch.setattr(cpu_load, "available_cores", lambda: 2)
    clock = iter([(0.0, 0.0, 0.0, 0.0), (10.0, 400.0, 0.0, 20.0)])
    monkeypatch.setattr(cpu_load.LoadWatch, "_now", lambda _: next(clock))
    load = cpu_load.LoadWatch().load()
    assert (load.cores, load.quota_stops_s) == (0.0, 1.5)  # 38 cores of others, 62 that we may not use at once


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        ("0::/a\n", {"a__memory.max": "max\n", "memory.max": "4000000000\n"}, 4_000_000_000),
        ("0::/a\n", {"a__memory.max": "max\n"}, None),
        ("4:memory:/docker/1\n", {"memory__docker__1__memory.limit_in_bytes": "2000000000\n"}, 2_000_000_000),
        # what version 1 says where there is none
        ("4:memory:/\n3:cpu:/\n", {"memory__memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ("", {}, None),
    ],
)
def test_a_limit_of_memory_is_the_tightest_of_those_around(
    tmp_path: Path, own: str, files: dict[str, str], limit: int | None
) -> None:
    assert read_memory_limit(*tree(tmp_path, own, **files)) == limit
