from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pytest_opml.datasets.images import prepare
from pytest_opml.domain.case import Case
from pytest_opml.domain.records import Result
from pytest_opml.errors import ModelFileError
from pytest_opml.making import Made, Maker, Options
from pytest_opml.pipeline import make_artifact, measure_artifact
from pytest_opml.runtimes.opening import open_artifact

MakeCase = Callable[..., Case]


def measured(case: Case, options: Options) -> Result:
    make_artifact(case, options)
    result = measure_artifact(case, options)
    assert result is not None
    return result


def made(case: Case, options: Options) -> Made:
    make_artifact(case, options)
    found = Maker(case, prepare(case, None), options).find()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def result(make_case: MakeCase, options: Options) -> Result:
    return measured(make_case(), options)


def test_every_figure_belongs_to_the_file(result: Result, make_case: MakeCase, options: Options) -> None:
    path = made(make_case(), options).path
    content = path.read_bytes()
    data = prepare(make_case(), None)
    predicted = open_artifact(path, threads=2).predict(data.x_test.take(np.arange(599))).argmax(axis=1)
    assert result.artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert result.artifact.size_bytes == len(content) == result.size_mb * 1e6
    assert result.artifact.deflated_bytes == pytest.approx(len(zlib.compress(content)), rel=0.01)
    assert result.accuracy.value == np.mean(predicted == data.y_test)
    assert result.test_samples == len(data.y_test)


def test_time_is_the_median_pass_scaled_to_the_reference_test_set(result: Result) -> None:
    assert len(result.passes_s) == 10
    scale = result.reference_samples / result.test_samples
    assert result.inference_s.value == pytest.approx(float(np.median(result.passes_s)) * scale)
    assert (
        min(result.passes_s) * scale
        <= result.inference_s.low
        <= result.inference_s.high
        <= max(result.passes_s) * scale
    )


def test_the_score_follows_from_the_three_axes(result: Result) -> None:
    score = math.log10((1 - result.accuracy.value) * result.inference_s.value * result.size_mb)
    assert result.op_score.value == pytest.approx(score)
    assert result.op_score.low < score < result.op_score.high


def test_latency_has_enough_samples_for_its_percentiles(result: Result) -> None:
    latency = result.latency_ms
    assert latency.samples == 662
    assert latency.p50 is not None
    assert latency.p90 is not None
    assert latency.p99 is not None
    assert 0 < latency.p50 <= latency.p90 <= latency.p99


def test_the_rest_is_there_too(result: Result) -> None:
    assert 0 < result.auc <= 1
    assert min(result.recall, result.precision, result.f1) > 0
    assert result.artifact.parameters > 10_000
    assert result.artifact.layers > 5
    assert result.memory.peak_bytes > result.memory.added_bytes >= 0
    assert (result.preparation_s, result.artifact.changes) == (0.0, {})
    assert len(result.training.epochs) == 2


def test_techniques_share_one_trained_model(make_case: MakeCase, options: Options) -> None:
    models = set(options.cache_dir.glob("entries/model-*"))
    clustered = made(make_case("cluster-16"), options)
    assert clustered.training == made(make_case(), options).training
    assert set(options.cache_dir.glob("entries/model-*")) == models
    assert clustered.preparation_s > 0


@pytest.mark.parametrize(
    "change", [{"epochs": 3}, {"seed": 1}, {"unfreeze": 2}, {"batch": 64}, {"split": "70-30"}, {"size": 8}]
)
def test_what_changes_the_model_changes_its_place_in_the_cache(
    make_case: MakeCase, options: Options, change: dict[str, object]
) -> None:
    assert made(make_case(**change), options).path != made(make_case(), options).path


def test_another_machine_trains_for_itself(make_case: MakeCase, options: Options) -> None:
    other = replace(options, device=options.device.model_copy(update={"cpu": "another"}))
    assert made(make_case(), other).path != made(make_case(), options).path


@pytest.mark.parametrize(
    ("weights", "seconds"),
    [
        ({"training": 1.0}, lambda r: r.training_s),
        ({"inference": 1.0, "training": 1.0}, lambda r: r.training_s + r.inference_s.value),
        ({"inference": 0.7, "training": 0.3}, lambda r: 0.3 * r.training_s + 0.7 * r.inference_s.value),
    ],
)
def test_the_score_can_take_another_time(
    make_case: MakeCase, options: Options, weights: dict[str, float], seconds: Callable[[Result], float]
) -> None:
    other = replace(options, time_weights=weights)
    result = measured(make_case(), other)
    assert result.op_score.log_seconds == pytest.approx(math.log10(seconds(result)))


def test_weights_that_are_not_there_are_named(make_case: MakeCase, options: Options) -> None:
    with pytest.raises(ModelFileError, match=r"weights /no/such/file: no such file"):
        make_artifact(make_case(weights="/no/such/file"), options)


def test_nothing_is_measured_that_was_not_made(make_case: MakeCase, options: Options) -> None:
    assert measure_artifact(make_case(seed=99), options) is None


@pytest.mark.parametrize(("technique", "megabytes"), [("baseline", 16.3), ("float16", 8.2), ("cluster-8192", 8.9)])
def test_the_papers_smallest_network_runs_under_each_of_its_techniques(
    technique: str, megabytes: float, options: Options
) -> None:
    common = {"dataset": "digits", "model": "efficientnetb0", "weights": "none", "size": 32, "subset": 60, "epochs": 1}
    result = measured(Case.model_validate(common | {"technique": technique}), options)
    assert result.size_mb == pytest.approx(megabytes, rel=0.05)
    assert bool(result.artifact.changes) == (technique != "baseline")
