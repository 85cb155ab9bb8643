from __future__ import annotations

import pytest

from pytest_opml.paper.errata import errata
from pytest_opml.paper.figures import figures_of, find_figure

BY_PLACE = {erratum.where: erratum for erratum in errata()}


@pytest.mark.parametrize(
    ("where", "printed", "right"),
    [
        ("Table 1, size of EfficientNet-B0", "16 MB", "17 MB"),
        ("Table 2, recall of ResNet101 Top-10 CIFAR-10", "0.99", "0.93"),
        ("Table 3, total of ResNet50, P100 50-50", "64.6 s", "54.6 s"),
        ("Table 3, test time of ResNet101, V100 70-30", "20.6 s", "about 14 s"),
        ("Section 4.2, test time of ResNet101 to ResNet50", "1.6 to 1.8 at all splits", "1.46 to 2.54"),
        ("Section 4.4, float16 on the V100", "25 % faster", "21 to 34 % less time"),
        ("Table 6, score of Resnet-50 Top-1", "3.06", "2.37"),
        ("Table 6, MAX, accuracy", "0.07", "0.05"),
        ("Table 6, MAX, inference time", "29", "34"),
        ("Section 4.3, accuracy that float16 costs", "less than 0.02", "up to 0.52"),
        ("Table 7, size of ResNet101 with 8192 clusters", "130 MB", "115 MB in Tables 5 and 6"),
        ("Section 4.1, size of ResNet101 to ResNet50", "1.74", "1.75"),
        ("Section 4.5, numbers of clusters", "up to 16,384", "up to 8,192"),
    ],
)
def test_a_contradiction_is_named_with_the_right_figure(where: str, printed: str, right: str) -> None:
    assert (BY_PLACE[where].printed, BY_PLACE[where].right) == (printed, right)
    assert BY_PLACE[where].reason


def test_each_is_named_once() -> None:
    assert len(BY_PLACE) == len(errata()) == 28


def test_no_other_total_of_table_3_is_wrong() -> None:
    wrong = []
    for total in figures_of(3):
        if total.quantity == "total_s":
            parts = [find_figure(3, quantity, total.place) for quantity in ("train_s", "test_s")]
            if abs(sum(part.value for part in parts if part) - total.value) > 0.15:
                wrong.append(total.place.title)
    assert wrong == ["ResNet50 Top-10 CIFAR-100 50-50 P100"]
    assert sum("total of" in where for where in BY_PLACE) == 1


def test_the_rows_of_min_and_of_table_5_are_right() -> None:
    assert not [where for where in BY_PLACE if "MIN" in where or where.startswith("Table 5")]
