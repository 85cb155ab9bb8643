from __future__ import annotations

import numpy as np
import pytest

from pytest_opml.stats.answer_sheet import AnswerSheet
from pytest_opml.stats.evidence import PairedProportion, Proportion
from pytest_opml.stats.label_sets import LabelSets
from pytest_opml.stats.predictions import Predictions
from pytest_opml.stats.regression_errors import SquaredErrors

LABELS = (np.arange(100) % 4).astype(np.uint16)


def sheet(wrong: int) -> AnswerSheet:
    return AnswerSheet(Predictions(LABELS, np.where(np.arange(100) < wrong, (LABELS + 1) % 4, LABELS)))


def test_right_answers_are_a_share_with_the_exact_interval() -> None:
    figure = sheet(7).evidence("right")
    assert figure is not None
    assert figure.interval(0.05) == Proportion(93, 100).interval(0.05)


def test_two_sheets_of_the_same_examples_are_paired() -> None:
    figure = sheet(7).beside("right", sheet(2), 0.98)
    assert figure is not None
    low, high = PairedProportion((5, 0, 100)).interval(0.05)
    assert tuple(figure.interval(0.05)) == pytest.approx((0.98 + low, 0.98 + high))


def test_sheets_of_other_examples_are_not() -> None:
    elsewhere = AnswerSheet(Predictions(LABELS[::-1], LABELS[::-1]))
    assert sheet(7).beside("right", elsewhere, 1.0) is None
    assert sheet(7).error_ratio("right", elsewhere) is None
    assert sheet(7).beside("right", AnswerSheet(), 1.0) is None
    one, another = (AnswerSheet(errors=SquaredErrors(np.ones(9), guessed)) for guessed in (np.ones(9), np.arange(9.0)))
    assert one.beside("errors", another, 0.5) is None
    assert one.beside("errors", one, 0.0) is not None


def test_what_is_not_there_has_no_evidence() -> None:
    kinds = ("right", "figures", "recall", "auc", "errors")
    assert [AnswerSheet().evidence(kind) for kind in kinds] == [None] * 5
    assert AnswerSheet(errors=SquaredErrors(np.ones(3), np.zeros(3))).evidence("errors") is None
    none = np.zeros((3, 2), dtype=bool)
    assert AnswerSheet(label_sets=LabelSets(none, none)).evidence("f1") is None


def test_some_examples_are_chosen_of_all_that_there_is() -> None:
    full = AnswerSheet(figures=np.arange(4.0), errors=SquaredErrors(np.arange(4.0), np.ones(4)), area=(0.9, 0.1))
    part = full.chosen(np.array([False, True, True, False]))
    assert part.figures is not None
    assert part.errors is not None
    assert (part.figures.tolist(), part.errors.own.tolist(), part.area) == ([1, 2], [1, 2], None)
