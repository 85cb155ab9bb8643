"""What every history does: a file of SQLite, a database of PostgreSQL, and their twin in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_opml.errors import StorageError
from pytest_opml.history.base import CALL_S, COLUMNS, Added, History, Order, Query, Release, Removal
from pytest_opml.history.columns import parts, summary
from pytest_opml.history.memory import MemoryHistory
from pytest_opml.history.store import open_store
from pytest_opml.metrics import METRICS
from pytest_opml.records.run import CiRun, RunRecord
from tests.support.builders import make_case, make_device, make_failure, make_result, make_run
from tests.support.history_runs import START, commit_of, make_timing, run_of
from tests.support.pages import make_baselines

BASELINE, CLUSTER = make_case().id, make_case("cluster-256").id


def ids(runs: Any) -> list[str]:
    return [run.run_id for run in runs]


# ---- runs


def test_what_was_appended_comes_back_newest_first(history: History) -> None:
    runs = [run_of(f"run-{minute}", minute, failures=[make_failure("int8")]) for minute in range(3)]
    for index in (1, 0, 2):
        history.append(runs[index])
    assert history.newest(Query(), 10) == [runs[2], runs[1], runs[0]]
    assert history.newest(Query(), 2) == [runs[2], runs[1]]
    assert list(history.records()) == [runs[1], runs[0], runs[2]]
    assert history.count() == 3


def test_an_empty_history(history: History) -> None:
    assert (history.newest(Query(), 10), history.rows(Query(), 10), history.summaries(Query(), 10)) == ([], [], [])
    assert (list(history.records()), history.releases(), history.case_ids(), history.count()) == ([], [], [], 0)
    assert history.find(Query(cases=(BASELINE,))) is None
    assert history.profiles(BASELINE) == []


def test_a_run_of_failures_only_and_without_a_commit(history: History) -> None:
    run = make_run(failures=[make_failure()], commit=None)
    history.append(run)
    assert history.newest(Query(), 1) == [run]
    assert history.run(run.run_id) == run


def test_an_imported_benchmark_is_a_row_beside_the_results(history: History) -> None:
    run = run_of("imported", results=[make_result()], timings=[make_timing(call_s=0.02, size_mb=3.5)])
    history.append(run)
    assert history.run("imported") == run
    (row,) = history.rows(Query(cases=("tests/test_it.py::test_speed",)), 5)
    assert (row.position, row.figures[CALL_S], row.figures["size_mb"], row.figures["op_score"]) == (1, 0.02, 3.5, None)
    assert history.find(Query(cases=(row.case_id,))) is None
    assert history.rows(Query(cases=(row.case_id,)), 5, "best") == []


def test_an_imported_benchmark_with_an_op_score_is_no_result(history: History) -> None:
    history.append(run_of("imported", timings=[make_timing("digits", op_score=-9.0)]))
    assert [row.run_id for row in history.rows(Query(cases=("digits",)), 5, "best")] == ["imported"]
    assert history.find(Query(cases=("digits",)), "best") is None
    assert history.find(Query(cases=("digits",))) is None


def test_moments_are_compared_across_time_zones(history: History) -> None:
    east = timezone(timedelta(hours=3))
    early = run_of("early", started=datetime(2026, 1, 1, 12, tzinfo=east))
    late = run_of("late", started=datetime(2026, 1, 1, 10, tzinfo=timezone.utc))
    history.append(late)
    history.append(early)
    assert history.newest(Query(), 2) == [late, early]
    assert ids(history.summaries(Query(since=datetime(2026, 1, 1, 9, 30, tzinfo=timezone.utc)), 5)) == ["late"]


def test_a_run_is_stored_once_and_what_came_with_it_not_at_all(history: History) -> None:
    history.append(run_of("same"))
    with pytest.raises(StorageError, match="run same is there already"):
        history.extend([run_of("new"), run_of("same", minute=1)])
    assert list(history.records()) == [run_of("same")]
    assert history.known(["same", "new"]) == {"same"}


def test_a_source_that_fails_leaves_nothing_of_itself(history: History) -> None:
    def source() -> Iterator[RunRecord]:
        yield run_of("first")
        raise StorageError("line 2: torn")

    with pytest.raises(StorageError, match="line 2: torn"):
        history.extend(source())
    assert history.count() == 0


def test_a_run_is_found_by_what_its_id_begins_with(history: History) -> None:
    runs = [run_of(name) for name in ("abc", "abcd", "abd", "ü-1")]
    history.extend(runs)
    assert [history.run(name) for name in ("abc", "abcd", "abd", "ü")] == runs
    with pytest.raises(StorageError, match="'ab' begins more than one run: abc, abcd, abd"):
        history.run("ab")
    with pytest.raises(StorageError, match="no run 'b'; `opml history` lists them"):
        history.run("b")


def test_a_summary_counts_what_came_of_a_run(history: History) -> None:
    history.append(run_of("one", failures=[make_failure("int8")], commit=commit_of("a", "topic", dirty=True)))
    (found,) = history.summaries(Query(), 5)
    assert (found.run_id, found.started, found.profile, found.branch, found.dirty) == (
        *("one", START, "v100", "topic", True),
    )
    assert (found.results, found.failures, found.timings, found.passed) == (3, 1, 0, 0)
    assert found.machine == "Tesla V100, Example CPU 3 GHz, 8 cores, 8 threads"


def test_the_ids_of_all_runs_are_in_their_order(history: History) -> None:
    assert history.run_ids() == []
    for name, minute in (("b", 5), ("a", 1), ("c", 3)):
        history.append(run_of(name, minute))
    assert history.run_ids() == ["a", "c", "b"]
    history.remove(Removal("c", START, "no", "me"))
    assert history.run_ids() == ["a", "b"]


def test_an_outline_is_a_run_without_what_is_large(history: History) -> None:
    timed = run_of("timed", 1, results=[make_result()], timings=[make_timing()])
    failed = make_run(failures=[make_failure()], run_id="failed", commit=None)
    whole = run_of("whole", 2, failures=[make_failure("int8")], baselines=make_baselines(run_of("whole")))
    history.extend([timed, failed, whole])
    outlines = list(history.outlines(["whole", "gone", "timed", "failed"]))
    assert [outline.summary.run_id for outline in outlines] == ["whole", "timed", "failed"]
    for outline, run in zip(outlines, (whole, timed, failed), strict=True):
        assert outline.run == run.model_copy(update={"results": (), "timings": (), "baselines": ()})
        assert outline.rows == tuple(part.row for part in parts(run))
        assert outline.summary == summary(run)


def test_outlines_come_however_many_there_are(history: History) -> None:
    runs = [run_of(f"run-{number:03d}", number, results=[make_result()]) for number in range(120)]
    history.extend(runs)
    wanted = history.run_ids()[::-1]
    assert [outline.run.run_id for outline in history.outlines(iter(wanted))] == wanted


# ---- results


def test_the_newest_and_the_best_result_of_a_case_on_a_kind_of_hardware(history: History) -> None:
    case = make_case("cluster-256", unfreeze=10)
    old, new = (make_result(case=case, accuracy=accuracy) for accuracy in (0.9, 0.85))
    other = make_result(case=case, accuracy=0.95, device=make_device("cpu"))
    history.append(run_of("new", 5, results=[make_result(), new]))
    history.append(run_of("old", 0, results=[old]))
    history.append(run_of("other", 9, results=[other], profile="cpu"))

    def found(order: Order, **query: Any) -> Any:
        one = history.find(Query(cases=(case.id,), **query), order)
        return one and one.run.results

    assert found("newest", profile="v100") == (new,)
    assert found("best", profile="v100") == (old,)
    assert found("newest", profile="cpu") == (other,)
    assert found("best") == (other,)
    assert found("newest", profile="t4") is None
    assert history.profiles(case.id) == ["cpu", "v100"]


def test_a_result_comes_with_its_run_alone(history: History) -> None:
    run = run_of("one")
    history.append(run)
    found = history.find(Query(cases=(CLUSTER,), profile="v100"))
    assert found is not None
    assert found.run == run.model_copy(update={"results": (run.results[1],)})
    assert found.position == 1


def test_results_by_branch_commit_and_time(history: History) -> None:
    history.append(run_of("a", 0, commit=commit_of("a")))
    history.append(run_of("b", 1, commit=commit_of("b", "topic")))
    history.append(run_of("c", 2, commit=None))

    def found(**query: Any) -> list[str]:
        return ids(history.rows(Query(cases=(BASELINE,), **query), 10))

    assert found() == ["c", "b", "a"]
    assert found(branch="main") == ["a"]
    assert found(branch="topic", profile="v100") == ["b"]
    assert found(commit="b" * 40) == ["b"]
    assert found(commit="aaaa") == ["a"]
    assert found(commit="ab") == []
    assert found(since=START + timedelta(minutes=1)) == ["c", "b"]
    assert found(before=START + timedelta(minutes=1)) == ["a"]
    assert ids(history.summaries(Query(branch="topic"), 10)) == ["b"]
    assert ids(history.newest(Query(commit="aaaa"), 10)) == ["a"]


def test_accepted_runs_of_another_commit(history: History) -> None:
    clean, changed = commit_of("a"), commit_of("b", dirty=True)
    for minute, fields in enumerate(
        (
            {"commit": clean},
            {"commit": changed},
            {"commit": commit_of("c"), "exit_code": 1},
            {"commit": commit_of("d"), "interrupted": True},
            {"commit": commit_of("e"), "deselected": ("x",)},
            {"commit": None},
        )
    ):
        history.append(run_of(f"run-{minute}", minute, **fields))
    accepted = Query(accepted=True)
    assert ids(history.summaries(accepted, 9)) == ["run-5", "run-0"]
    assert [run.rejected_for for run in history.summaries(Query(), 9)] == [
        "",
        "has only a part of the cases",
        "was interrupted",
        "failed",
        "",
        "",
    ]
    assert ids(history.newest(accepted._replace(other_than="a" * 40), 9)) == ["run-5"]
    case = history.case_ids()[0]
    assert [row.run_id for row in history.rows(accepted._replace(cases=(case,)), 9)] == ["run-5", "run-0"]
    found = history.find(accepted._replace(cases=(case,), branch="main"))
    assert found is not None
    assert found.run.run_id == "run-0"


def test_a_row_holds_every_metric(history: History) -> None:
    result = make_result("int8", p99=None)
    history.append(run_of("only", results=[result]))
    (row,) = history.rows(Query(), 5)
    assert row.figures == {name: METRICS[name].read(result) for name in COLUMNS} | {CALL_S: None}
    assert row.figures["latency_ms.p99"] is None


def test_cases_are_listed_once_in_order(history: History) -> None:
    history.append(run_of("a", timings=[make_timing("zz")]))
    history.append(run_of("b", 1, profile="cpu"))
    assert history.case_ids() == sorted({result.case.id for result in run_of("a").results} | {"zz"})


def test_a_request_from_a_forks_own_main_is_not_of_main(history: History) -> None:
    ci = CiRun(service="GitHub Actions", pull_request="12", target="main")
    history.append(run_of("pushed", 0, commit=commit_of("a")))
    history.append(run_of("forked", 1, commit=commit_of("b", ci=ci)))
    history.append(run_of("topic", 2, commit=commit_of("c", "topic", ci=ci)))
    assert ids(history.rows(Query(cases=(BASELINE,), branch="main"), 5)) == ["pushed"]
    assert ids(history.summaries(Query(branch="main"), 5)) == ["pushed"]
    assert ids(history.summaries(Query(branch="topic"), 5)) == ["topic"]


# ---- releases


def test_the_release_that_was_promoted_last_comes_first(history: History) -> None:
    history.extend([run_of("a", 0), run_of("b", 1), run_of("c", 2, results=[make_result()])])
    history.promote(Release("b", START, "v1"))
    history.promote(Release("c", START + timedelta(days=1), "v2"))
    history.promote(Release("a", START + timedelta(days=2), "v3"))
    assert ids(history.releases()) == ["a", "c", "b"]
    assert ids(history.rows(Query(cases=(BASELINE,), released=True), 10)) == ["a", "c", "b"]
    assert ids(history.newest(Query(released=True), 10)) == ["a", "c", "b"]
    history.promote(Release("b", START + timedelta(days=3), "v1 again"))
    assert history.releases()[0] == Release("b", START + timedelta(days=3), "v1 again")
    history.withdraw("b")
    found = history.find(Query(cases=(CLUSTER,), profile="v100", released=True), "best")
    assert found is not None
    assert found.run.run_id == "a"


def test_a_run_that_is_not_there_is_not_promoted(history: History) -> None:
    history.append(run_of("abc"))
    history.promote(Release("ab", START))
    assert history.releases() == [Release("abc", START, "")]
    with pytest.raises(StorageError, match="no run 'x'"):
        history.promote(Release("x", START))
    with pytest.raises(StorageError, match="no run 'x'"):
        history.withdraw("x")
    history.withdraw("abc")
    with pytest.raises(StorageError, match="run abc is no release"):
        history.withdraw("abc")


def test_releases_come_with_the_runs_that_they_are_of(history: History) -> None:
    history.extend([run_of("a"), run_of("b")], [Release("b", START, "v1")])
    assert history.releases() == [Release("b", START, "v1")]
    with pytest.raises(StorageError, match="no run 'z'"):
        history.extend([run_of("c")], [Release("z", START)])
    assert history.known(["c"]) == set()


# ---- merging


def test_merging_adds_what_is_not_there_and_leaves_what_is(history: History) -> None:
    assert history.extend([run_of("a"), run_of("b")], [Release("a", START, "v1")]) == Added(2, 0, 1)
    runs = [run_of("a"), run_of("c", timings=[make_timing()]), run_of("c", timings=[make_timing()])]
    releases = [Release("a", START, "remeasured"), Release("b", START, "v2")]
    assert history.extend(runs, releases, merge=True) == Added(1, 2, 1)
    assert list(history.records()) == [run_of("a"), run_of("b"), runs[1]]
    assert history.releases() == [Release("b", START, "v2"), Release("a", START, "v1")]


def test_merging_leaves_the_newer_mark_of_a_release(history: History) -> None:
    later = START + timedelta(seconds=1)
    history.extend([run_of("a")], [Release("a", later, "later")])
    assert history.extend([], [Release("a", START, "earlier")], merge=True) == Added(0, 0, 0)
    assert history.releases() == [Release("a", later, "later")]
    assert history.extend([], [Release("a", later + timedelta(seconds=1), "last")], merge=True) == Added(0, 0, 1)
    assert history.releases()[0].label == "last"


@pytest.mark.parametrize(
    "other",
    [
        run_of("a", seconds=1.0),
        run_of("a", results=[make_result()]),
        run_of("a", timings=[make_timing()]),
        run_of("a", results=[make_result("int8"), *run_of("a").results[1:]]),
    ],
)
def test_merging_refuses_another_content(history: History, other: RunRecord) -> None:
    history.append(run_of("a"))
    with pytest.raises(StorageError, match=r"run a is there already with another content$"):
        history.extend([run_of("b"), other], merge=True)
    assert list(history.records()) == [run_of("a")]


def test_what_is_the_same_once_it_is_written_is_the_same(history: History) -> None:
    history.append(run_of("a", marker_budgets={"case": {"accuracy": {"min": [0.5, 1]}}}))
    assert history.extend([run_of("a", marker_budgets={"case": {"accuracy": {"min": (0.5, 1)}}})], merge=True).same == 1


# ---- the twin

_MOMENTS = st.integers(0, 4).map(lambda minute: START + timedelta(minutes=minute))
_TECHNIQUES = st.sampled_from(["baseline", "int8", "float16"])
_RESULTS = st.lists(st.tuples(_TECHNIQUES, st.sampled_from([2.0, 4.0, 8.0])), max_size=3, unique_by=lambda r: r[0])
_COMMITS = st.none() | st.builds(commit_of, st.sampled_from("abc"), st.sampled_from(["main", "topic", None]))
# the default one is that of the run
_DEVICES = st.sampled_from([make_device(), make_device("cpu")])


@st.composite
def _runs(draw: st.DrawFn) -> list[RunRecord]:
    return [
        run_of(
            f"run-{number}",
            started=draw(_MOMENTS),
            results=[make_result(name, size_mb=size, device=draw(_DEVICES)) for name, size in draw(_RESULTS)],
            commit=draw(_COMMITS),
            profile=draw(st.sampled_from(["cpu", "v100"])),
            timings=draw(st.lists(st.just(make_timing()), max_size=1)),
            exit_code=draw(st.sampled_from([None, 0, 1, 11])),
            interrupted=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 6)))
    ]


_QUERIES = st.builds(
    Query,
    cases=st.none() | st.lists(_TECHNIQUES.map(lambda name: make_case(name).id), max_size=3).map(tuple),
    profile=st.none() | st.sampled_from(["cpu", "v100"]),
    branch=st.none() | st.sampled_from(["main", "topic"]),
    commit=st.none() | st.sampled_from(["a", "bbbb", "c" * 40]),
    since=st.none() | _MOMENTS,
    before=st.none() | _MOMENTS,
    released=st.booleans(),
    accepted=st.booleans(),
    other_than=st.none() | st.sampled_from(["a" * 40, "c" * 40]),
)


@pytest.mark.slow
@given(runs=_runs(), query=_QUERIES, limit=st.integers(1, 8), order=st.sampled_from(["newest", "best"]), data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_database_and_its_twin_answer_alike(
    runs: list[RunRecord], query: Query, limit: int, order: Order, data: st.DataObject
) -> None:
    promoted = data.draw(st.lists(st.sampled_from(ids(runs)), unique=True) if runs else st.just([]))
    releases = [Release(name, data.draw(_MOMENTS)) for name in promoted]
    twin = MemoryHistory()
    with open_store("sqlite://") as store:
        for each in (twin, store):
            each.extend(runs, releases)
        assert store.newest(query, limit) == twin.newest(query, limit)
        assert store.summaries(query, limit) == twin.summaries(query, limit)
        assert store.rows(query, limit, order) == twin.rows(query, limit, order)
        assert store.find(query, order) == twin.find(query, order)
        assert store.releases() == twin.releases()
        assert store.case_ids() == twin.case_ids()
        assert list(store.records()) == list(twin.records()) == runs


def test_each_result_is_found_by_its_own_device(history: History) -> None:
    here, there = make_result(device=make_device("t4")), make_result(device=make_device("cpu"))
    history.append(make_run([here, there], run_id="both", profile="t4"))
    rows = history.rows(Query(cases=(BASELINE,)), 5)
    assert {(row.profile, row.machine) for row in rows} == {
        (one.device.profile, one.device.machine) for one in (here, there)
    }
    for result in (here, there):
        found = history.find(Query(cases=(BASELINE,), profile=result.device.profile))
        assert found is not None
        assert found.run.results == (result,)
    assert history.profiles(BASELINE) == ["cpu", "t4"]


# ---- what was removed


def test_a_removed_run_is_in_no_answer_and_its_reason_stays(history: History) -> None:
    history.extend([run_of("abc", 0), run_of("abd", 1)], [Release("abc", START, "v1")])
    removal = Removal("abd", START, "its clock was wrong", "ada at lab")
    history.remove(removal._replace(run_id="abd"[:3]))
    assert history.removals() == [removal]
    assert ids(history.summaries(Query(), 9)) == ids(history.newest(Query(), 9)) == ["abc"]
    assert {row.run_id for row in history.rows(Query(), 9)} == {"abc"}
    assert (history.count(), history.known(["abc", "abd"]), [run.run_id for run in history.records()]) == (
        *(1, {"abc"}, ["abc"]),
    )
    with pytest.raises(StorageError, match="no run 'abd'; `opml history` lists them"):
        history.run("abd")
    with pytest.raises(StorageError, match="no run 'abd'"):
        history.remove(removal)


def test_an_import_does_not_bring_a_removed_run_back(history: History) -> None:
    history.extend([run_of("a"), run_of("b", 1)])
    history.remove(Removal("b", START, "wrong", "ada"))
    added = history.extend([run_of("b", 1), run_of("c", 2)], [Release("b", START, "v1")], merge=True)
    assert added == Added(1, 0, 0, removed=1)
    assert ids(history.summaries(Query(), 9)) == ["c", "a"]
    with pytest.raises(StorageError, match=r"run b was removed$"):
        history.append(run_of("b", 1))
    assert history.restore("b") == "b"
    assert ids(history.newest(Query(), 9)) == ["c", "b", "a"]
    assert history.run("b") == run_of("b", 1)
    assert history.removals() == []
    with pytest.raises(StorageError, match="no removed run 'b'; `opml history --removed` lists them"):
        history.restore("b")


def test_a_release_is_not_removed(history: History) -> None:
    history.extend([run_of("a")], [Release("a", START, "v1")])
    with pytest.raises(
        StorageError, match="run a is the release v1: it can be removed after `opml release withdraw a`"
    ):
        history.remove(Removal("a", START, "wrong", "ada"))
    assert history.known(["a"]) == {"a"}
    assert history.removals() == []
