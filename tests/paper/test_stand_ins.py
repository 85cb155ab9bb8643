from __future__ import annotations

import pytest

from pytest_opml.paper.figures import B0, CIFAR10, CIFAR100, RESNET50
from pytest_opml.paper.stand_ins import Counterpart, dataset_of, network_of, short_name, stand_ins
from pytest_opml.paper.suite.scales import DIGIT_PAIRS, LITE, NETWORKS


def test_a_network_is_the_papers_or_stands_for_one_of_it() -> None:
    assert network_of("resnet50") == Counterpart(RESNET50, is_itself=True)
    assert network_of(LITE) == Counterpart(B0, is_itself=False)
    assert network_of("small_cnn") is None
    assert all((counterpart := network_of(name)) and counterpart.is_itself for name in NETWORKS)


@pytest.mark.parametrize(
    ("name", "counterpart"),
    [
        ("cifar10", Counterpart(CIFAR10, is_itself=True)),
        ("cifar100", Counterpart(CIFAR100, is_itself=True)),
        ("digits", Counterpart(CIFAR10, is_itself=False)),
        (DIGIT_PAIRS, Counterpart(CIFAR100, is_itself=False)),
        ("mnist", None),
    ],
)
def test_a_data_set_is_the_papers_or_stands_for_one_of_it(name: str, counterpart: Counterpart | None) -> None:
    assert dataset_of(name) == counterpart


def test_what_stands_for_something_is_said() -> None:
    assert stand_ins({"resnet50", LITE}, {"digits", "cifar10"}) == [
        "efficientnet_lite0 stands for EfficientNet-B0",
        "digits stands for CIFAR-10",
    ]


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("resnet50", "resnet50"),
        ("pytest_opml.paper.suite.digit_pairs:load", "digit_pairs"),
        ("pytest_opml.paper.suite.small_networks:small", "small_networks:small"),
        ("models/cat.keras", "models/cat.keras"),
    ],
)
def test_a_long_name_is_shortened(name: str, short: str) -> None:
    assert short_name(name) == short
