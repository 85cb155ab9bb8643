from __future__ import annotations

import pytest

from pytest_opml.paper.figures import (
    CIFAR10,
    CIFAR100,
    FLOAT16,
    NETWORKS,
    RESNET50,
    TITLES,
    TRANSFER,
    UNITS,
    Place,
    figures_of,
    find_figure,
    read_table,
)

PRINTED = {1: 15, 2: 12, 3: 36, 4: 56, 5: 150, 6: 150, 7: 20}


@pytest.mark.parametrize("number", TITLES)
def test_every_printed_number_of_a_table_is_a_figure(number: int) -> None:
    figures = figures_of(number)
    assert len(figures) == PRINTED[number]
    cells = [cell for row in read_table(number) for cell in row.values()]
    assert all(figure.printed in cells and figure.value == float(figure.printed) for figure in figures)
    assert {figure.quantity for figure in figures} <= UNITS.keys()
    assert {figure.place.network for figure in figures} <= set(NETWORKS)
    assert len({(figure.place, figure.quantity) for figure in figures}) == len(figures)


@pytest.mark.parametrize(
    ("number", "quantity", "place", "value"),
    [
        (1, "size_mb", Place(RESNET50, technique=FLOAT16), 48),
        (2, "precision", Place(RESNET50, CIFAR100, unfreeze=10), 0.76),
        (3, "test_s", Place(RESNET50, CIFAR100, unfreeze=10, split="90-10", profile="v100"), 2.7),
        (4, "total_s", Place(RESNET50, CIFAR10, TRANSFER, 1, profile="p100"), 838),
        (5, "accuracy", Place(RESNET50, CIFAR10, FLOAT16, 10), 0.90),
        (6, "op_score", Place(RESNET50, CIFAR100, unfreeze=1), 3.06),
        (7, "clustering_s", Place(RESNET50, technique="cluster-512"), 398),
    ],
)
def test_a_figure_is_found_by_its_place(number: int, quantity: str, place: Place, value: float) -> None:
    figure = find_figure(number, quantity, place)
    assert figure is not None
    assert figure.value == value


def test_what_the_paper_has_not_is_none() -> None:
    assert find_figure(1, "size_mb", Place("small_cnn")) is None


def test_a_place_has_a_title() -> None:
    place = Place(RESNET50, CIFAR100, FLOAT16, 10, "90-10", "v100")
    assert place.title == "ResNet50 float16 Top-10 CIFAR-100 90-10 V100"
    assert Place(RESNET50).title == "ResNet50"
