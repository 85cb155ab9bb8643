from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_opml import metrics
from pytest_opml.errors import SettingsError
from pytest_opml.metrics import METRICS, Metric, find, get, placeholder
from pytest_opml.records.device import GpuUse
from pytest_opml.records.result import Result
from pytest_opml.registry import register
from tests.support.builders import make_conditions, make_result


def on_gpu(technique: str = "baseline") -> Result:
    """A result that has every metric: forty passes over 500 images took 80 J, so 10,000 take 40."""
    use = GpuUse(seconds=2.0, samples=12, energy_j=80.0, energy_source="counter")
    return make_result(technique, conditions=make_conditions().model_copy(update={"gpu_use": use}))


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("accuracy", 0.9, "0.9000"),
        ("recall", 0.9, "0.9000"),
        ("precision", 0.9, "0.9000"),
        ("f1", 0.9, "0.9000"),
        ("auc", 0.95, "0.9500"),
        ("inference_s", 10.0, "10 s"),
        ("latency_ms.p50", 1.0, "1 ms"),
        ("latency_ms.p90", 1.5, "1.5 ms"),
        ("latency_ms.p95", 1.75, "1.75 ms"),
        ("latency_ms.p99", 2.0, "2 ms"),
        ("training_s", 60.0, "60 s"),
        ("preparation_s", 0.5, "0.5 s"),
        ("size_mb", 14.0, "14 MB"),
        ("deflated_mb", 12.6, "12.6 MB"),
        ("peak_memory_mb", 800.0, "800 MB"),
        ("throughput", 1000.0, "1000 examples/s"),
        ("cold_start_s", 0.5, "0.5 s"),
        ("energy_j", 40.0, "40 J"),
        ("op_score", math.log10(0.1 * 10.0 * 14.0), "1.146"),
    ],
)
def test_a_metric_is_read_from_a_result_and_shown_with_its_unit(name: str, value: float, shown: str) -> None:
    metric = METRICS[name]
    found = metric.read(on_gpu())
    assert found == pytest.approx(value)
    assert metric.format(found) == shown


def test_every_metric_is_known_by_its_own_name() -> None:
    assert [metric.name for metric in METRICS.values()] == list(METRICS)
    assert len(METRICS) == 22


def test_a_metric_that_was_not_measured_is_shown_as_such() -> None:
    metric = METRICS["latency_ms.p99"]
    assert metric.format(metric.read(make_result(p99=None))) == "n/a"


def test_an_unknown_metric_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError) as caught:
        find("acuracy", "gate")
    assert str(caught.value).startswith(f"gate: unknown metric 'acuracy'; known: {', '.join(METRICS)}")


def test_a_metric_of_the_user_s_own_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_opml.registry._registered", {})
    register("metric", "wrong_per_mb")(wrong_per_mb)
    metric = find("wrong_per_mb", "gate")
    assert (metric.name, metric.read(make_result(accuracy=0.9, size_mb=10.0))) == ("wrong_per_mb", pytest.approx(0.01))
    assert metrics.names()[-1] == "wrong_per_mb"


def test_a_metric_s_function_must_return_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_opml.registry._registered", {})
    register("metric", "no_metric")(no_metric)
    with pytest.raises(SettingsError, match=r"^metric 'no_metric': its function must return a Metric, not 3$"):
        find("no_metric", "gate")


def wrong_per_mb() -> Metric:
    return Metric("any", lambda result: (1 - result.accuracy.value) / result.size_mb)


def no_metric() -> int:
    return 3


@pytest.mark.parametrize("value", [4e-7, 12.0, 999.0, 1234.0, 98_765.4, 2e9])
def test_a_value_has_no_exponent_from_its_number_of_digits(value: float) -> None:
    assert "e+" not in METRICS["inference_s"].format(value)


@pytest.mark.parametrize("name", ["layers_seen", "no.such.package:metric"])
def test_of_a_metric_that_is_not_here_only_the_name_is_known(name: str) -> None:
    assert get(name) is None
    metric = placeholder(name)
    assert (metric.name, metric.registered, metric.read(make_result())) == (name, False, None)
    assert placeholder("accuracy") == METRICS["accuracy"]


ONE_MORE_ROW = """
import sys
from pytest_opml import metrics
metrics.METRICS["latency_ms.p75"] = metrics.percentile(75)

import numpy as np
from click.testing import CliRunner
from pytest_opml import cli
from pytest_opml.gate.budgets import parse_budgets
from pytest_opml.gate.sampling_limits import time_limits
from pytest_opml.gate.verdict import JudgedResult, judge
from pytest_opml.history.base import Query
from pytest_opml.history.store import open_store
from pytest_opml.measure.timing import summarise_latency
from pytest_opml.stats.sequential import TimeLimit
from tests.support.builders import make_result, make_run

latency = summarise_latency(list(np.linspace(0.001, 0.002, 700)))
result = make_result(latency_ms=latency)
budgets = parse_budgets({"latency_ms": {"p75": {"max": 1.9}}}, "gate")
assert time_limits(budgets, 10_000) == {"latency_ms.p75": (TimeLimit(1.9, above=True),)}
(check,) = judge(budgets, JudgedResult(result))
assert (check.metric, check.verdict) == ("latency_ms.p75", "pass") and check.low < 1.75 < check.high, check
assert summarise_latency([0.001] * 23).p75 is None
with open_store("sqlite:///" + sys.argv[1]) as store:
    store.append(make_run([result]))
    assert store.rows(Query(), 1)[0].figures["latency_ms.p75"] == latency.p75
listed = CliRunner().invoke(cli.main, ["list", "metrics"]).output
assert "latency_ms.p75" in listed, listed
"""


def test_a_metric_is_one_row_of_the_table(tmp_path: Path) -> None:
    """Budgets, sampling, verdicts, the record, the history's columns and lists follow from the row."""
    done = subprocess.run(
        [sys.executable, "-c", ONE_MORE_ROW, str(tmp_path / "history.db")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_each_percentile_of_the_table_is_asked_for() -> None:
    assert metrics.percentiles() == {"p50": 50, "p90": 90, "p95": 95, "p99": 99}


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("inference_s", "inference_s"),
        ("throughput", "inference_s"),
        ("latency_ms.p95", "latency_ms.p95"),
        ("cold_start_s", None),
        ("size_mb", None),
    ],
)
def test_a_metric_says_from_which_samples_its_time_is(name: str, time: str | None) -> None:
    assert METRICS[name].sampled_time == time
