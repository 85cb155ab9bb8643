"""Sites of small histories: what is added, taken out and repaired, and that it costs no more than what is new."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_opml.errors import SettingsError, StorageError
from pytest_opml.history.base import Release, Removal
from pytest_opml.history.memory import MemoryHistory
from pytest_opml.history.store import open_store
from pytest_opml.reports.site import badge, data, files, pages, state
from pytest_opml.reports.site.build import SiteOptions, build_site, check_folder, check_url, size_of
from pytest_opml.storage.locks import try_exclusive
from tests.support.builders import make_case, make_device, make_failure, make_result
from tests.support.history_runs import START, make_timing
from tests.support.pages import HOSTILE, make_hostile
from tests.support.site_files import build, data_files, read_index, read_rows, site_run, view

BASELINE, INT8 = make_case().id, make_case("int8").id


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of three rows, so that few runs fill several."""
    monkeypatch.setattr(files.Segments.__init__, "__defaults__", (3,))
    monkeypatch.setattr(data, "_LIST_ROWS", 4)


def test_a_site_has_each_run_and_each_case(tmp_path: Path) -> None:
    runs = [site_run(number) for number in range(5)]
    built = build(tmp_path / "site", MemoryHistory(runs), title="Ours")
    assert (built.runs, built.added, built.removed, built.cases, built.is_new) == (5, 5, 0, 2, True)
    seen = view(tmp_path / "site")
    assert (seen["title"], seen["order"]) == ("Ours", [run.run_id for run in runs])
    newest = seen["series"][BASELINE, "cpu"]
    assert newest["newest"][0] == "run-004"
    assert newest["newest"][2] == 2  # the file is too large
    assert [budget[0] for budget in newest["facts"]["budgets"]] == ["accuracy", "size_mb"]
    assert [round(row[5], 3) for row in newest["rows"]] == [10, 11, 12, 10, 11]
    assert set(newest["views"]) == {"main", "topic"}
    assert seen["runs"]["run-004"][-1]["sentence"] == "1 of 4 budgets failed."
    for name in ("index.html", "case.html", "run.html", "compare.html", "devices.html", "assets/vega.js"):
        assert (tmp_path / "site" / name).stat().st_size > 0


@pytest.mark.usefixtures("small_files")
def test_what_is_added_makes_the_same_files_as_building_all(tmp_path: Path) -> None:
    runs = [site_run(number, failures=[make_failure("float16")] if number % 5 == 2 else []) for number in range(12)]
    history = MemoryHistory()
    for start, end in ((0, 1), (1, 2), (2, 7), (7, 12)):
        history.extend(runs[start:end])
        built = build(tmp_path / "grown", history)
        assert (built.runs, built.added) == (end, end - start)
    build(tmp_path / "whole", history)
    assert data_files(tmp_path / "grown") == data_files(tmp_path / "whole")
    assert len(list((tmp_path / "grown/data/g1/series/0").iterdir())) == 5


def test_a_build_with_nothing_new_writes_the_index_alone(tmp_path: Path) -> None:
    history = MemoryHistory([site_run(number) for number in range(3)])
    build(tmp_path, history)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    built = build(tmp_path, history)
    assert (built.added, built.is_new) == (0, False)
    written = {path.name for path, stamp in stamps.items() if path.stat().st_mtime_ns != stamp}
    assert written <= {"index.js", "state.json", ".lock"}


@pytest.mark.usefixtures("small_files")
def test_one_more_run_writes_only_the_last_file_of_its_cases(tmp_path: Path) -> None:
    history = MemoryHistory([site_run(number) for number in range(11)])
    build(tmp_path, history)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "data/g1").rglob("*.js")}
    history.append(site_run(11, [make_result()]))
    build(tmp_path, history)
    root = tmp_path / "data/g1"
    written = {path.relative_to(root).as_posix() for path, stamp in before.items() if path.stat().st_mtime_ns != stamp}
    assert written == {"series/0/3.js", "series/0/facts.js", "list/2.js"}
    assert (root / "runs/0/11.js").exists()


# --- what goes, moves and comes back


@pytest.mark.usefixtures("small_files")
def test_a_run_that_was_removed_is_gone_and_comes_back(tmp_path: Path) -> None:
    runs = [site_run(number) for number in range(8)]
    history = MemoryHistory(runs)
    build(tmp_path / "site", history)
    for run_id in ("run-007", "run-003"):
        history.remove(Removal(run_id, START, "a broken machine", "somebody"))
    built = build(tmp_path / "site", history)
    assert (built.runs, built.removed) == (6, 2)
    build(tmp_path / "anew", history)
    assert view(tmp_path / "site") == view(tmp_path / "anew")
    assert view(tmp_path / "site")["series"][BASELINE, "cpu"]["facts"]["run"] == "run-006"
    assert not (tmp_path / "site/data/g1/runs/0/3.js").exists()
    history.restore("run-003")
    assert build(tmp_path / "site", history).added == 1
    build(tmp_path / "again", history)
    assert view(tmp_path / "site") == view(tmp_path / "again")


def test_a_run_that_was_removed_and_restored_between_two_builds_has_its_new_place(tmp_path: Path) -> None:
    history = MemoryHistory([site_run(number) for number in range(4)])
    build(tmp_path / "site", history)
    history._order = ["run-001", "run-000", "run-002", "run-003"]
    built = build(tmp_path / "site", history)
    assert (built.runs, built.added, built.removed) == (4, 1, 1)
    build(tmp_path / "anew", history)
    assert view(tmp_path / "site") == view(tmp_path / "anew")


def test_a_case_whose_only_run_is_gone_is_gone_too(tmp_path: Path) -> None:
    history = MemoryHistory([site_run(0), site_run(1, [make_result("float16")])])
    build(tmp_path, history)
    assert len(list((tmp_path / "badges").iterdir())) == 3
    history.remove(Removal("run-001", START, "no", "me"))
    assert build(tmp_path, history).cases == 2
    assert len(list((tmp_path / "badges").iterdir())) == 2
    assert len(view(tmp_path)["series"]) == 2


def test_an_older_run_that_is_imported_later_has_its_place_among_the_others(tmp_path: Path) -> None:
    history = MemoryHistory([site_run(number) for number in (0, 1, 5, 6)])
    build(tmp_path / "site", history)
    history.extend([site_run(3)], merge=True)
    build(tmp_path / "site", history)
    build(tmp_path / "anew", history)
    assert view(tmp_path / "site")["order"] == ["run-000", "run-001", "run-003", "run-005", "run-006"]
    assert view(tmp_path / "site") == view(tmp_path / "anew")
    assert read_index(tmp_path / "site")["order"] == [[0, 1], [4, 4], [2, 3]]


def test_releases_come_and_go_with_a_build(tmp_path: Path) -> None:
    history = MemoryHistory([site_run(number) for number in range(3)])
    build(tmp_path, history)
    history.promote(Release("run-001", START, "v1"))
    build(tmp_path, history)
    assert view(tmp_path)["releases"] == [["run-001", int(START.timestamp()), "v1"]]
    history.withdraw("run-001")
    build(tmp_path, history)
    assert view(tmp_path)["releases"] == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
@pytest.mark.usefixtures("small_files")
def test_any_way_to_a_history_shows_the_same_site(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    folder, draw = tmp_path_factory.mktemp("site"), random.Random(seed)
    history, absent = MemoryHistory(), list(range(10))
    for _ in range(6):
        action = draw.random()
        present = history.run_ids()
        if action < 0.6 and absent:
            number = absent.pop(draw.randrange(len(absent)))
            history.extend([site_run(number)], merge=True)
        elif action < 0.8 and present:
            history.remove(Removal(draw.choice(present), START, "drawn", "me"))
        elif history.removals():
            history.restore(history.removals()[0].run_id)
        if draw.random() < 0.5:
            build(folder / "site", history)
    build(folder / "site", history)
    build(folder / "anew", history)
    assert view(folder / "site") == view(folder / "anew")


# --- builds that end early, damaged files


class _Killed(BaseException):
    """What ends a build here as SIGKILL would: nothing is cleaned up."""


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("writes", range(0, 30, 2))
def test_a_build_that_was_killed_leaves_the_site_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    history = MemoryHistory([site_run(number) for number in range(5)])
    build(tmp_path / "site", history)
    before = view(tmp_path / "site")
    history.extend([site_run(number) for number in range(5, 9)])
    left, write = writes, files.write_file

    def stop(path: Path, text: str) -> None:
        nonlocal left
        if not left:
            raise _Killed
        left -= 1
        write(path, text)

    with monkeypatch.context() as patch:
        for module in (files, badge, state, pages):
            patch.setattr(module, "write_file", stop)
        try:
            build(tmp_path / "site", history)
        except _Killed:
            seen = view(tmp_path / "site")
            assert [seen["order"], seen["runs"]] in (
                [before["order"], before["runs"]],
                [[f"run-{n:03d}" for n in range(9)], seen["runs"]],
            )
    assert build(tmp_path / "site", history).runs == 9
    build(tmp_path / "anew", history)
    assert view(tmp_path / "site") == view(tmp_path / "anew")
    assert len(list((tmp_path / "site/data").glob("*/runs/*/*.js"))) == 9  # nothing of the build that was killed stays


def _build_forever(folder: Path, url: str) -> None:
    with open_store(url, create=False) as history:
        build_site(folder, history, SiteOptions(rebuild=True))
        while True:
            build_site(folder, history, SiteOptions(rebuild=True))


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_a_site_that_the_next_build_completes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/history.db"
    with open_store(url) as history:
        history.extend(site_run(number) for number in range(6))
    draw = random.Random(0)
    for _ in range(5):
        process = multiprocessing.get_context("spawn").Process(target=_build_forever, args=(tmp_path / "site", url))
        process.start()
        while not (tmp_path / "site/state.json").exists() and process.is_alive():
            time.sleep(0.01)
        time.sleep(draw.random() / 4)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        with open_store(url, create=False) as history:
            build(tmp_path / "site", history)
        assert view(tmp_path / "site")["order"] == [f"run-{number:03d}" for number in range(6)]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "opmlSite.put(",
        'opmlSite.put("g1/list/0",[\n[0,"x"\n]);\n',
        "\0",
        'opmlSite.put("g1/runs/0/1",{"results":7});\n',
    ],
)
@pytest.mark.parametrize("name", ["list/0.js", "series/0/0.js", "series/0/facts.js", "runs/0/1.js"])
def test_a_damaged_file_of_the_data_is_built_anew_when_it_is_needed(tmp_path: Path, name: str, content: str) -> None:
    history = MemoryHistory([site_run(number) for number in range(3)])
    build(tmp_path / "site", history)
    (tmp_path / "site/data/g1" / name).write_text(content)
    history.remove(Removal("run-001", START, "no", "me"))
    history.append(site_run(3, [make_result("int8")]))
    build(tmp_path / "site", history)
    build(tmp_path / "anew", history)
    assert view(tmp_path / "site") == view(tmp_path / "anew")


def test_a_site_of_another_version_is_built_anew_beside_the_old_one(tmp_path: Path) -> None:
    history = MemoryHistory([site_run(0)])
    build(tmp_path, history)
    document = json.loads((tmp_path / "state.json").read_text())
    (tmp_path / "state.json").write_text(json.dumps(document | {"format": 0}))
    assert build(tmp_path, history).is_new
    assert [path.name for path in (tmp_path / "data").iterdir() if path.is_dir()] == ["g2"]
    assert build(tmp_path, history, rebuild=True).is_new
    assert read_index(tmp_path)["data"] == "g3"


def test_of_another_history_in_the_same_folder_nothing_stays(tmp_path: Path) -> None:
    build(tmp_path, MemoryHistory([site_run(number, [make_result("cluster-256")]) for number in range(3)]))
    built = build(tmp_path, MemoryHistory([site_run(7, [make_result("int8")])]))
    assert (built.runs, built.added, built.removed, built.is_new) == (1, 1, 3, True)
    assert read_index(tmp_path)["cases"] == [INT8]
    assert len(list((tmp_path / "badges").iterdir())) == 1
    assert b"cluster-256" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*.js*") if path.is_file())


# --- what is refused


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match="is not empty and holds no site of opml; give a new folder"):
        build(tmp_path, MemoryHistory([site_run(0)]))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("content", ["{", "[]", '{"program": "other"}', "\udcff"])
def test_a_state_of_another_program_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(StorageError, match=r"state\.json: is .*"):
        check_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("")
    with pytest.raises(StorageError, match="is no folder"):
        build(tmp_path / "site", MemoryHistory())


def test_a_link_to_nothing_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "site").symlink_to(tmp_path / "gone")
    with pytest.raises(StorageError, match="is a link to nothing; give a new folder"):
        build(tmp_path / "site", MemoryHistory())


def test_a_link_to_a_folder_is_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "site").symlink_to(tmp_path / "real")
    assert build(tmp_path / "site", MemoryHistory([site_run(0)])).is_new
    assert (tmp_path / "real/index.html").exists()
    assert (tmp_path / "site").is_symlink()


def test_the_size_of_a_site_leaves_out_what_another_build_removes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("four")
    look = Path.is_file

    def look_and_lose(path: Path) -> bool:
        is_there = look(path)
        if path.name == "b":
            path.unlink()
        return is_there

    monkeypatch.setattr(Path, "is_file", look_and_lose)
    assert size_of(tmp_path) == 4


def test_two_builds_at_once_are_one_too_many(tmp_path: Path) -> None:
    build(tmp_path, MemoryHistory())
    with try_exclusive(tmp_path / ".lock") as is_alone:
        assert is_alone
        with pytest.raises(StorageError, match="another `opml site` is building it; wait until it is done"):
            build(tmp_path, MemoryHistory())


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written: Not a directory"):
        build(tmp_path / "file/site", MemoryHistory())


def test_a_branch_that_no_run_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--branch: the history has no run of the branch 'gone'"):
        build(tmp_path, MemoryHistory([site_run(0)]), branch="gone")


@pytest.mark.parametrize("text", ["ftp://x", "https://a b/", "javascript:alert(1)", "https://x/?q", "https://x/(y)"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="--base-url"):
        check_url(text)


def test_an_address_ends_with_a_slash() -> None:
    assert [check_url(text) for text in ("", "https://a.example", "http://a.example:8/b/")] == [
        "",
        "https://a.example/",
        "http://a.example:8/b/",
    ]


# --- what may be in a history


def test_an_empty_history_has_a_site(tmp_path: Path) -> None:
    assert build(tmp_path, MemoryHistory()).runs == 0
    assert view(tmp_path)["order"] == []


def test_imported_benchmarks_and_runs_without_a_commit(tmp_path: Path) -> None:
    run = site_run(0, [make_result()], timings=[make_timing("tests/a.py::test_<b>", 0.25)], commit=None)
    build(tmp_path, MemoryHistory([run]))
    timed = view(tmp_path)["series"]["tests/a.py::test_<b>", "cpu"]
    assert timed["newest"][3:] == [None, None, None, None, 0.25]
    assert "0.25 s" in timed["badge"]
    assert read_rows(tmp_path, 1)[0][-1] == 0.25


def test_a_case_has_a_row_on_each_device(tmp_path: Path) -> None:
    results = [make_result(), make_result(device=make_device("t4"))]
    build(tmp_path, MemoryHistory([site_run(0, results)]))
    assert set(view(tmp_path)["series"]) == {(BASELINE, "cpu"), (BASELINE, "t4")}


def test_a_lasting_step_is_found_on_the_main_branch(tmp_path: Path) -> None:
    runs = [site_run(number, [make_result(size_mb=4.0 if number < 12 else 4.5)]) for number in range(24) if number % 4]
    history = MemoryHistory(runs)
    build(tmp_path, history)
    (step,) = view(tmp_path)["series"][BASELINE, "cpu"]["facts"]["steps"]["size_mb"]
    assert step == ["run-013", "run-011", "run-013", 4.0, 4.5, None]


def test_another_main_branch_changes_what_follows_from_it_for_all_cases(tmp_path: Path) -> None:
    history = MemoryHistory([site_run(1, [make_result("int8")]), site_run(4)])
    for branch in ("topic", "main", None):
        build(tmp_path / "site", history, branch=branch)
        build(tmp_path / f"anew-{branch}", history, branch=branch)
        assert view(tmp_path / "site") == view(tmp_path / f"anew-{branch}")
    assert view(tmp_path / "anew-topic") != view(tmp_path / "anew-main")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_data_and_nothing_else(tmp_path: Path, text: str) -> None:
    record = make_hostile(text)
    assert record.commit is not None
    run = record.model_copy(update={"commit": record.commit.model_copy(update={"commit": "5" * 40})})
    history = MemoryHistory([run])
    history.promote(Release(run.run_id, START + timedelta(days=1), text))
    build(tmp_path, history, title=text)
    for path in tmp_path.rglob("*"):
        if path.suffix in (".js", ".svg") and path.parent.name != "assets":
            written = path.read_text("utf-8")
            assert not set("\x1b\x00\u202e") & set(written)
            assert path.suffix == ".svg" or "<" not in written
    assert view(tmp_path)["runs"]
