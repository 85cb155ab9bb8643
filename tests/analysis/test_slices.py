from __future__ import annotations

import numpy as np
import pytest

from pytest_opml.analysis.examples import SliceName
from pytest_opml.analysis.slices import examples_in, of_slice, of_slice_difference, slices_by, why_no_slice
from pytest_opml.measure.quality import assess
from pytest_opml.metrics import METRICS
from pytest_opml.stats.evidence import Proportion
from tests.support.builders import make_assessed, make_result

LABELS = np.arange(120) % 2
ROWS = np.eye(2, dtype=np.float32)[np.where(np.arange(120) < 30, 1 - LABELS, LABELS)]
RESULT = make_assessed(
    assess(ROWS, LABELS, "classification", ("cat", "dog"), columns={"day": np.repeat([1, 2, 3], 40)}), 120
)


def test_slices_are_those_of_the_classes_and_columns() -> None:
    assert slices_by(RESULT, "class") == (("class", "cat"), ("class", "dog"))
    assert [name.value for name in slices_by(RESULT, "day")] == ["1", "2", "3"]
    assert slices_by(RESULT, "night") == ()


def test_a_figure_of_a_slice_is_that_of_its_examples() -> None:
    first = SliceName("day", "1")
    assert of_slice(METRICS["accuracy"], RESULT, first).interval(0.05) == Proportion(10, 40).interval(0.05)
    assert examples_in(RESULT, None) is None
    examples = examples_in(RESULT, first)
    assert examples is not None
    assert examples.sum() == 40


def test_of_other_test_examples_nothing_is_paired() -> None:
    name, accuracy = SliceName("day", "1"), METRICS["accuracy"]
    paired = of_slice_difference(accuracy, RESULT, RESULT, name).interval(0.05)
    elsewhere = RESULT.model_copy(update={"data_digest": "e" * 64})
    apart = of_slice_difference(accuracy, RESULT, elsewhere, name).interval(0.05)
    assert apart.high - apart.low > paired.high - paired.low


def test_an_area_is_not_known_of_a_slice() -> None:
    assert why_no_slice(METRICS["auc"], RESULT, SliceName("day", "1")) == "auc means nothing on these examples alone"


def test_a_record_without_answers_has_no_slices() -> None:
    name = SliceName("class", "cat")
    bare = make_result(class_names=("cat", "dog"))
    assert why_no_slice(METRICS["accuracy"], bare, name) == "no test example has class=cat"
    with pytest.raises(ValueError, match="no test example has"):
        of_slice(METRICS["accuracy"], bare, name)
