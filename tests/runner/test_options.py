"""What the settings of a run make of building and measuring a case."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from pytest_opml.gate.budgets import Budget, parse_budgets
from pytest_opml.measure.memory import default_limit
from pytest_opml.runner.options import RunOptions
from pytest_opml.runner.plan import NO_OVERRIDES, CollectedRun
from pytest_opml.settings import build_settings
from pytest_opml.stats.sequential import TimeLimit
from pytest_opml.storage.shared_cache import SharedCache
from tests.support.builders import make_case, make_device, make_result, make_run

CASE = make_result().case


def options(plan: CollectedRun = CollectedRun(), **table: Any) -> RunOptions:  # noqa: B008 - it is frozen
    return RunOptions(settings=build_settings(table, {}, Path("/project")), device=make_device("cpu"), plan=plan)


def budgets(**table: Any) -> tuple[Budget, ...]:
    return parse_budgets(table, "test")


def test_folders_of_this_machine_are_in_one_place() -> None:
    told = options(cache_dir="cache", data_dir="data", release_dir="releases")
    paths = told.paths
    assert (paths.cache_dir, paths.data_dir) == (Path("/project/cache"), Path("/project/data"))
    assert (paths.release_dir, paths.case_dir) == (Path("/project/releases"), None)
    plan = told.measurement(budgets(inference_s={"max": 10.0}), make_result(), None)
    for travelling in (told.build, plan):
        assert "/project" not in repr(travelling)
        assert pickle.loads(pickle.dumps(travelling)) == travelling


def test_the_cache_is_opened_with_the_one_that_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert options(cache_dir=str(tmp_path / "mine")).paths.open_cache().shared is None
    monkeypatch.setenv("OPML_CACHE_KEY", "sixteen letters!")
    paths = options(cache_dir=str(tmp_path / "mine"), cache_shared=str(tmp_path / "shared")).paths
    opened = pickle.loads(pickle.dumps(paths)).open_cache()  # as in the process that builds
    assert opened.root == tmp_path / "mine"
    assert opened.shared == SharedCache(tmp_path / "shared", b"sixteen letters!")


def test_the_limits_of_a_test_replace_those_of_the_run() -> None:
    told = options(timeout=100.0, memory_mb=2000.0)
    assert told.limits(NO_OVERRIDES) == (100.0, 2e9, 0.0, "--opml-memory-mb", 1)
    assert told.limits(NO_OVERRIDES._replace(timeout_s=5.0)) == (5.0, 2e9, 0.0, "--opml-memory-mb", 1)
    by_default = options().limits(NO_OVERRIDES)
    assert (by_default.memory_bytes, by_default.memory_from) == default_limit()


def test_a_case_without_a_result_to_compare_with_is_measured_alone() -> None:
    told = options(compare_seconds=3.0)
    plan = told.measurement((), None, None)
    assert (plan.vs_reference.seconds, plan.release, dict(plan.on_times.limits)) == (0.0, None, {})
    assert told.measurement_alone.vs_reference.seconds == 0.0
    assert told.measurement((), make_result(), None).vs_reference.seconds == 3.0


def test_absolute_limits_are_decided_alone_and_relative_ones_side_by_side() -> None:
    held_to = budgets(inference_s={"max": 10.0, "max_increase": "10%", "max_regression": "20%"})
    run = make_run([make_result()])
    stored = {"run_id": "a", "started": run.started, "commit": None, "device": run.device, "result": make_result()}
    from pytest_opml.records.run import Baseline

    for remeasured in (False, True):
        plan = options().measurement(held_to, make_result(), Baseline(**stored, remeasured=remeasured))
        assert [limit.limit for limit in plan.on_times.limits["inference_s"]] == [10.0]
        assert [limit.limit for limit in plan.vs_reference.limits["offline"]] == [pytest.approx(1.1)]
        assert (plan.release is not None) == remeasured
        # beside the reference, whose time is known, as a limit on what follows from it
        assert [limit.limit for limit in plan.vs_reference.limits["inference_s"]] == [10.0]
        assert plan.reference == make_result()
    assert plan.release is not None
    assert [limit.limit for limit in plan.release.sampling.limits["offline"]] == [pytest.approx(1.2)]
    assert plan.release.stored == make_result()
    assert set(plan.release.sampling.limits) == {"offline", "single"}


def test_limits_on_times_of_those_beside_a_case_rest_on_its_own() -> None:
    int8, other = (make_case(technique, **fields).id for technique, fields in (("int8", {}), ("int8", {"epochs": 7})))
    gate = {
        "inference_s": {"max": 10.0, "max_increase": "10%"},
        "latency_ms": {"p50": {"max": 5.0}, "p99": {"max": 6.0}},
        "case": [{"match": other, "inference_s": {"max": 1.0}}],
    }
    collected = CollectedRun(cases={CASE.id: "test", int8: "test", other: "test"})
    told = options(collected, gate=gate)
    assert [(budget.metric.name, budget.limit) for budget in told.budgets_by_times_of(CASE.id)] == [
        ("inference_s", 10.0),
        ("latency_ms.p50", 5.0),
    ]
    assert told.budgets_by_times_of(int8) == ()
    assert options(collected, gate=gate, compare_seconds=0.0).budgets_by_times_of(CASE.id) == ()


def test_one_family_of_checks_shares_the_error_among_those_that_were_collected() -> None:
    gate = {"multiple": "holm", "size_mb": {"max": 10.0}, "accuracy": {"min": 0.5}}
    collected = CollectedRun(cases={CASE.id: "test"})
    each = options(collected, gate=gate | {"multiple": "each"}).terms
    assert options(collected, gate=gate).terms.error == pytest.approx(each.error / 2)
    assert options(gate=gate).terms.error == pytest.approx(each.error)


def test_the_time_of_the_score_is_that_of_the_settings() -> None:
    plan = options(score={"time": "total", "reference_samples": 500}).measurement_alone
    assert (dict(plan.time_weights), plan.reference_samples) == ({"inference": 1.0, "training": 1.0}, 500)


def test_a_reference_on_whose_time_the_limits_of_others_rest_is_timed_precisely() -> None:
    candidate = make_result("int8").case
    gate = {"case": [{"match": "*/int8", "throughput": {"min": 10.0}}]}
    both = CollectedRun(cases={CASE.id: "test", candidate.id: "test"})
    told = options(both, gate=gate, compare_precision=0.03)
    on_times = told.measurement((), None, None, CASE.id).on_times
    assert on_times.precision == 0.03
    assert on_times.others == (TimeLimit(1_000.0, above=True),)  # the seconds for 10,000 examples at 10 a second
    # though it was not collected itself
    only = options(CollectedRun(cases={candidate.id: "test"}), gate=gate, compare_precision=0.03)
    assert only.measurement((), None, None, CASE.id).on_times.precision == 0.03
    # not a candidate, nor where no limit is on a time that follows from it, or nothing follows
    assert told.measurement((), make_result(), None, candidate.id).on_times.precision == 0.0
    for others in (
        options(both, gate={"latency_ms": {"p50": {"max": 1.0}, "p99": {"max": 1.0}}}),
        options(both, gate={"inference_s": {"max_increase": "5%"}}),
        options(both, gate=gate, compare_seconds=0.0),
        options(CollectedRun(cases={CASE.id: "test"}), gate={"inference_s": {"max": 1.0}}),
    ):
        assert others.measurement((), None, None, CASE.id).on_times.precision == 0.0
