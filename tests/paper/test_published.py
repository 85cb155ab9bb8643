from __future__ import annotations

import math

import pytest

from pytest_opml.analysis.ranking import Entry, bounds
from pytest_opml.paper.published import TABLES, PublishedRow, explain, published_table

ROWS = [(number, row) for number in TABLES for row in published_table(number)]


def test_63_of_the_64_published_scores_follow_from_their_own_columns() -> None:
    assert len(ROWS) == 64
    assert [(number, row.model) for number, row in ROWS if not row.consistent] == [(6, "Resnet-50 Top-1")]


def test_the_one_that_does_not_took_the_training_time() -> None:
    (row,) = (row for _, row in ROWS if not row.consistent)
    assert row.score == 3.06
    assert row.recomputed == pytest.approx(2.37, abs=0.005)
    assert row.from_training == pytest.approx(3.06, abs=0.005)
    assert explain(row) == (
        "Resnet-50 Top-1: published 3.06, its columns give 2.37; "
        "3.06 follows from the training time (40.06 s), used by mistake"
    )


@pytest.mark.parametrize("row", [row for _, row in ROWS if row.consistent], ids=lambda row: row.model)
def test_a_score_that_follows_needs_no_explanation(row: PublishedRow) -> None:
    assert explain(row) == ""


def test_a_score_that_nothing_explains_is_shown_without_a_cause() -> None:
    row = published_table(5)[1]._replace(score=9.0, consistent=False)
    assert explain(row) == "B0 Quant Top-10: published 9.00, its columns give 0.66"


@pytest.mark.parametrize("row", [row for _, row in ROWS], ids=lambda row: row.model)
def test_scores_are_recomputed_by_equation_1(row: PublishedRow) -> None:
    error_size = (1 - row.accuracy) * row.megabytes
    assert row.recomputed == pytest.approx(math.log10(error_size * row.inference_s))
    assert row.from_training == pytest.approx(math.log10(error_size * row.training_s))


@pytest.mark.parametrize("row", [row for _, row in ROWS if row.consistent], ids=lambda row: row.model)
def test_a_consistent_score_is_within_what_two_digits_of_accuracy_allow(row: PublishedRow) -> None:
    assert abs(row.score - row.recomputed) < 0.01 + math.log10((1 - row.accuracy + 0.005) / (1 - row.accuracy - 0.005))


@pytest.mark.parametrize(("number", "best", "score"), [(5, "B0 Quant Top-10", 0.67), (6, "B0 Quant Top-1", 1.15)])
def test_the_rows_stand_from_the_best_score_to_the_worst(number: int, best: str, score: float) -> None:
    rows = published_table(number)
    assert [row.score for row in rows] == sorted(row.score for row in rows)
    assert (rows[1].model, rows[1].score) == (best, score)


@pytest.mark.parametrize("number", TABLES)
def test_min_and_max_enclose_the_models(number: int) -> None:
    minimum, *models, maximum = published_table(number)
    assert (minimum.model, maximum.model) == ("MIN", "MAX")
    best, worst = bounds([Entry(r.model, r.accuracy, r.inference_s, r.megabytes, r.recomputed) for r in models])
    assert (minimum.accuracy, minimum.inference_s, minimum.megabytes) == best[1:4]
    # Table 6 prints 0.07 and 29 s for MAX, though B0 Cluster Top-1 has an accuracy of 0.05 and VGG19 Quant takes 34 s.
    printed = {5: worst[1:4], 6: (0.07, 29.0, 180.0)}[number]
    assert (maximum.accuracy, maximum.inference_s, maximum.megabytes) == printed
    assert worst[1:4] == {5: (0.21, 34.0, 180.0), 6: (0.05, 34.0, 180.0)}[number]
