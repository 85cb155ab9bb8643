from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_opml import registry
from pytest_opml.integrations.mlflow_runs import MlflowRun, case_runs, session_run
from pytest_opml.metrics import METRICS, Metric
from pytest_opml.records.run import Check, CiRun, Commit, RunRecord
from tests.support.builders import make_case, make_failure, make_result, make_run, make_side_by_side


def make_check(technique: str = "int8", metric: str = "size_mb", rule: str = "max", **fields: Any) -> Check:
    given: dict[str, Any] = {"limit": 5.0, "budget": "max = 5", "source": "tool.opml.gate", "value": 4.0}
    given |= {"verdict": "pass", "blocking": False}
    return Check(case_id=make_case(technique).id, metric=metric, rule=rule, **given | fields)


def full_run(**fields: Any) -> RunRecord:
    results = [make_result(), make_result("int8", 0.88, 4.0, 4.0, vs_reference=make_side_by_side(), notes=("a", "b"))]
    checks = [make_check(), make_check(metric="accuracy", rule="min", verdict="fail", reason="too low")]
    return make_run(results, [make_failure("float16", "timeout", "took too long")], checks, **fields)


def by_technique(record: RunRecord) -> dict[str, MlflowRun]:
    return {entry.params["technique"]: entry for entry in case_runs(record)}


def test_the_session_says_where_it_ran_and_what_came_of_it() -> None:
    entry = session_run(full_run())
    expected = {
        "opml.run_id": "20260102-030405-abcdef",
        "opml.profile": "v100",
        "opml.device": "Tesla V100",
        "opml.commit": "0123456789abcdef0123456789abcdef01234567",
        "opml.branch": "main",
        "opml.dirty": "false",
        "opml.version.keras": "3.15.1",
        "opml.results": "2",
        "opml.failures": "1",
        "opml.verdicts.pass": "1",
        "opml.verdicts.fail": "1",
        "opml.verdicts.not_judged": "0",
    }
    assert {name: entry.tags.get(name) for name in expected} == expected
    assert RunRecord.model_validate_json(entry.files["record.json"]) == full_run()
    assert entry.name == "v100 0123456789ab"


def test_every_case_says_where_it_ran_too() -> None:
    commit = Commit(commit="c" * 40, branch=None, dirty=True, ci=CiRun(service="github", url="https://ci/7"))
    for entry in case_runs(full_run(commit=commit)):
        assert (entry.tags["opml.commit"], entry.tags["opml.ci_url"]) == ("c" * 40, "https://ci/7")
        assert "opml.branch" not in entry.tags


def test_without_a_commit_the_session_is_named_by_its_id() -> None:
    entry = session_run(full_run(commit=None))
    assert entry.name == "v100 20260102-030"
    assert "opml.commit" not in entry.tags


def test_the_fields_of_the_case_and_the_artifact_are_parameters() -> None:
    result = make_result("int8")
    artifact = result.artifact.model_copy(update={"changes": {"quantised": 0.98, "layers": "all"}})
    (entry,) = case_runs(make_run([result.model_copy(update={"artifact": artifact})]))
    expected = {
        "model": "efficientnet_lite0",
        "technique": "int8",
        "unfreeze": "1",
        "batch": "128",
        "artifact.format": "tflite",
        "artifact.runtime": "litert",
        "artifact.changes.quantised": "0.98",
        "artifact.changes.layers": "all",
    }
    assert {name: entry.params.get(name) for name in expected} == expected
    assert "subset" not in entry.params  # has no value


def test_every_metric_that_has_a_value_is_there_with_its_interval() -> None:
    record = full_run()
    metrics = by_technique(record)["int8"].metrics
    result = record.results[1]
    values = {name: metric.read(result) for name, metric in METRICS.items()}
    assert {name: metrics[name] for name, value in values.items() if value is not None} == {
        name: value for name, value in values.items() if value is not None
    }
    assert "energy_j" not in metrics
    assert (metrics["accuracy.low"], metrics["accuracy.high"]) == (result.accuracy.low, result.accuracy.high)
    assert metrics["op_score.low"] < metrics["op_score"] < metrics["op_score.high"]
    assert metrics["inference_s.ratio"] == 0.5
    assert metrics["throughput.ratio"] == 2.0
    assert metrics["inference_s.ratio.low"] < 0.5 < metrics["inference_s.ratio.high"]


def test_rank_and_normalised_score_are_those_among_the_cases_on_the_same_test_set() -> None:
    others = [make_result(case=make_case(name, split="70-30")) for name in ("baseline", "cluster-16")]
    entries = {entry.name: entry for entry in case_runs(make_run([*full_run().results, others[0]]))}
    ranks = {name.split("/top1/")[1]: entry.metrics["rank"] for name, entry in entries.items()}
    assert ranks == {"int8": 1, "baseline": 2, "baseline/split=70-30": 1}
    first, second, alone = entries.values()
    assert 0 <= second.metrics["normalised_score"] < first.metrics["normalised_score"] <= 1
    assert "normalised_score" not in alone.metrics
    assert second.tags["opml.pareto"] == "true"
    assert (second.tags["opml.quality"], second.tags["opml.task"]) == ("accuracy", "classification")


def test_a_metric_of_ones_own_is_there_under_a_name_that_mlflow_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    record = make_run([make_result()])
    monkeypatch.setattr(registry, "names", lambda kind: ["layers/seen (all)"])
    monkeypatch.setattr(registry, "get", lambda kind, name: lambda: Metric(name, lambda result: result.artifact.layers))
    (entry,) = case_runs(record)
    assert entry.metrics["layers_seen _all_"] == 50


def test_a_case_has_the_verdict_of_each_check_and_the_worst_of_them() -> None:
    entries = by_technique(full_run())
    tags = entries["int8"].tags
    assert tags["opml.check.size_mb.max"] == "pass"
    assert tags["opml.check.accuracy.min"] == "fail: too low"
    assert tags["opml.verdict"] == "fail"
    assert tags["opml.notes"] == "a\nb"
    assert [check["metric"] for check in json.loads(entries["int8"].files["checks.json"])] == ["size_mb", "accuracy"]
    assert "opml.verdict" not in entries["baseline"].tags
    assert json.loads(entries["int8"].files["result.json"])["id"] == make_case("int8").id


def test_a_case_without_a_result_is_a_failure_with_its_message() -> None:
    entry = by_technique(full_run())["float16"]
    assert entry.failed
    assert (entry.tags["opml.failure"], entry.tags["opml.message"]) == ("timeout", "took too long")
    assert entry.metrics == {}
    assert json.loads(entry.files["failure.json"])["kind"] == "timeout"


def test_what_is_too_long_for_mlflow_is_cut_and_says_so() -> None:
    artifact = make_result().artifact.model_copy(update={"changes": {"k" * 300: "v" * 7_000}})
    (entry,) = case_runs(make_run([make_result(artifact=artifact, notes=("n" * 9_000,))]))
    key = next(name for name in entry.params if name.startswith("artifact.changes."))
    assert len(key) == 250
    assert len(entry.params[key]) == 6_000
    assert len(entry.tags["opml.notes"]) == 8_000
    assert entry.params[key].endswith("v … (cut)")
    assert entry.tags["opml.notes"].endswith("n … (cut)")
