from __future__ import annotations

import numpy as np
import pytest

from pytest_opml.analysis import figures
from pytest_opml.analysis.examples import SliceName, answer_sheet, examples_of, kind_of, of_examples, same_examples
from pytest_opml.measure.quality import Quality, assess
from pytest_opml.metrics import METRICS
from pytest_opml.records.result import Result
from pytest_opml.stats.evidence import SumOf
from pytest_opml.stats.example_figures import pack_rows
from tests.support.builders import make_assessed, make_result, make_side_by_side

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, 6, 400)
LOGITS = 3 * np.eye(6)[LABELS] + RANDOM.normal(0, 1.2, (400, 6))
LABEL_SETS = (RANDOM.random((400, 3)) < 0.4).astype(np.uint8)
TARGETS = RANDOM.normal(size=400)


def graded(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.take_along_axis(rows, labels[:, None], axis=1)[:, 0]


def of_task(task: str, noise: float, name: str | None) -> Quality:
    random = np.random.default_rng(1)
    if task == "regression":
        return assess(TARGETS + (0.3 + noise) * random.normal(size=400), TARGETS, "regression", ("y",), quality=name)
    if task == "multilabel":
        rows = LABEL_SETS - 0.5 + (0.4 + noise) * random.normal(size=LABEL_SETS.shape)
        return assess(rows, LABEL_SETS, "multilabel", ("a", "b", "c"), quality=name)
    rows = (LOGITS + noise * random.normal(size=LOGITS.shape)).astype(np.float32)
    return assess(rows, LABELS, "classification", tuple("abcdef"), quality=name)


def pair(task: str, name: str | None) -> tuple[Result, Result]:
    reference = make_assessed(of_task(task, 0.0, name), 400)
    candidate = make_assessed(of_task(task, 0.5, name), 400, "int8", vs_reference=make_side_by_side())
    return candidate, reference


OF_CLASSES = ("accuracy", "balanced_accuracy", "f1", "auc", "top2", f"{__name__}:graded")
QUALITIES = [
    *(("classification", name) for name in OF_CLASSES),
    *(("multilabel", name) for name in ("exact_match", "f1", "auc")),
    ("regression", "r2"),
]


@pytest.mark.parametrize(("task", "name"), QUALITIES)
def test_every_quality_has_its_value_in_an_interval_from_the_record(task: str, name: str) -> None:
    candidate, _ = pair(task, name)
    figure = figures.of_value(METRICS["quality"], candidate, candidate.quality.value)
    assert figure.value == pytest.approx(candidate.quality.value)
    low, high = figure.interval(0.05)
    assert (low, high) == pytest.approx((candidate.quality.low, candidate.quality.high))
    assert low < figure.value < high


@pytest.mark.parametrize(("task", "name"), QUALITIES)
def test_a_worse_model_is_found_to_be_worse_and_by_the_pair_if_there_is_one(task: str, name: str) -> None:
    candidate, reference = pair(task, name)
    metric = METRICS["quality"]
    now, then = candidate.quality.value, reference.quality.value
    figure = figures.of_difference(metric, candidate, now, reference, then, None)
    low, high = figure.interval(0.05)
    assert figure.value == pytest.approx(now, abs=1e-6)
    assert low < now < high
    assert name == "auc" or high < then
    if name != "auc":
        alone = candidate.quality, reference.quality
        widths = [one.high - one.low for one in alone]
        assert high - low < np.hypot(*widths)


@pytest.mark.parametrize(("task", "name"), QUALITIES)
def test_the_score_is_judged_by_the_error_of_the_quality(task: str, name: str) -> None:
    candidate, reference = pair(task, name)
    times = figures.times_beside(candidate, reference)
    metric = METRICS["op_score"]
    figure = figures.of_difference(
        metric, candidate, candidate.op_score.value, reference, reference.op_score.value, times
    )
    assert isinstance(figure, SumOf)
    axes = figures.score_axes(candidate, reference, times)
    assert figure.value == pytest.approx(reference.op_score.value + axes.total, abs=1e-6)
    low, high = figure.interval(0.05)
    assert low < figure.value < high


def test_each_kind_of_figure_is_told_by_its_metric() -> None:
    result, _ = pair("classification", "top2")
    kinds = {name: kind_of(METRICS[name], result) for name in ("quality", "accuracy", "f1", "auc", "inference_s")}
    assert kinds == {"quality": "figures", "accuracy": "right", "f1": "f1", "auc": "auc", "inference_s": None}


def test_examples_are_the_same_where_the_data_are() -> None:
    candidate, reference = pair("regression", None)
    assert same_examples(candidate, reference)
    assert not same_examples(candidate, reference.model_copy(update={"data_digest": "e" * 64}))


def test_a_slice_is_a_mask_of_the_examples() -> None:
    candidate, _ = pair("multilabel", None)
    name = SliceName(candidate.slices[1].by, candidate.slices[1].value)
    examples = examples_of(candidate, name)
    assert examples is not None
    assert (examples == LABEL_SETS[:, 1]).all()


def test_parts_of_different_examples_say_nothing() -> None:
    result, _ = pair("classification", "top2")
    shorter = result.model_copy(update={"figures": pack_rows(np.ones(399))})
    assert answer_sheet(shorter).lengths == set()
    assert answer_sheet(result).lengths == {400}
    assert of_examples("right", result, np.ones(399, dtype=bool)) is None


def test_a_record_without_answers_has_an_empty_sheet() -> None:
    sheet = answer_sheet(make_result())
    assert (sheet.right, sheet.labels, sheet.errors) == (None, None, None)
    assert sheet.evidence("f1") is None
