from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_opml.paper.comparison import Cell, Row, compare
from pytest_opml.paper.figures import TITLES, UNITS, figures_of
from pytest_opml.paper.measured import Measured
from tests.support.paper_results import measured, paper_result

NETWORKS = ("resnet50", "resnet101", "vgg16", "vgg19", "efficientnetb0", "efficientnet_lite0", "small_cnn")


def row_of(number: int, title: str, together: Measured) -> Row:
    (row,) = (row for row in compare(number, together).rows if row.title == title)
    return row


def cells_of(row: Row) -> dict[str, Cell]:
    return {cell.quantity: cell for cell in row.cells}


@st.composite
def cases(draw: Any) -> dict[str, Any]:
    return {
        "technique": draw(st.sampled_from(["baseline", "float16", "cluster-8192", "int8"])),
        "model": draw(st.sampled_from(NETWORKS)),
        "dataset": draw(st.sampled_from(["digits", "cifar10", "cifar100", "mnist"])),
        "unfreeze": draw(st.sampled_from([1, 2, 3, 10, "all"])),
        "split": draw(st.sampled_from(["own", "50-50", "90-10"])),
        "profile": draw(st.sampled_from(["cpu", "p100", "v100"])),
    }


@settings(max_examples=25, deadline=None)
@given(st.lists(cases(), max_size=8), st.sampled_from(sorted(TITLES)))
def test_every_published_figure_stands_there_once_whatever_was_measured(
    given_: list[dict[str, Any]], number: int
) -> None:
    together = measured(*[paper_result(samples=500, **fields) for fields in given_])
    table = compare(number, together)
    published = [(cell.quantity, cell.published) for row in table.rows for cell in row.cells if cell.published]
    assert sorted(published) == sorted((figure.quantity, figure.printed) for figure in figures_of(number))
    for row in table.rows:
        assert row.result is None or row.result in together.results
        for cell in row.cells:
            assert cell.unit == UNITS[cell.quantity]
            assert cell.measured is None or row.result is not None
            if cell.ratio is not None and cell.value is not None:
                assert cell.ratio * cell.value == pytest.approx(cell.measured)
    assert {one.key for one in table.results} == {row.result.key for row in table.rows if row.result}


def test_the_papers_own_network_and_data_come_before_what_stands_for_them() -> None:
    lite, own = paper_result(dataset="cifar10"), paper_result(model="efficientnetb0", dataset="digits")
    title = "EfficientNet-B0 Top-1"
    assert row_of(5, title, measured(lite)).result == lite
    assert row_of(5, title, measured(lite, own)).result == own
    both = paper_result(model="efficientnetb0", dataset="cifar10")
    assert row_of(5, title, measured(both, lite, own)).result == both
    assert row_of(6, title, measured(both, lite, own)).result is None


def test_a_network_of_random_layers_stands_in_for_sizes_and_times_and_not_for_answers() -> None:
    untrained = {"dataset": "cifar10", "model": "efficientnetb0", "unfreeze": 10, "weights": "none"}
    stand_in = paper_result(accuracy=0.8, dataset="cifar10", model="efficientnet_lite0", unfreeze=10)
    together = measured(paper_result(accuracy=0.1, **untrained), stand_in)
    assert row_of(5, "EfficientNet-B0 Top-10", together).result == stand_in
    row = row_of(1, "EfficientNet-B0", together)
    assert row.result is not None
    assert row.result.case.weights == "none"
    assert all(row.result is None for row in compare(5, measured(paper_result(**untrained))).rows)


def test_other_networks_and_the_random_reference_stand_below_table_2() -> None:
    ours = paper_result(dataset="digits", model="efficientnet_lite0", unfreeze=10)
    reference = paper_result(accuracy=0.1, dataset="digits", model="random", unfreeze=0)
    client = paper_result(dataset="digits", model="efficientnet_lite0", unfreeze=10, clients=5, client=0)
    rows = compare(2, measured(ours, reference, client, paper_result(dataset="digits"))).rows
    assert [(row.title, row.result) for row in rows if row.result] == [
        ("efficientnet_lite0 digits", ours),
        ("random digits", reference),
    ]
    (row,) = (row for row in rows if row.result == ours)
    assert [(cell.quantity, cell.published, cell.measured) for cell in row.cells] == [
        ("recall", "", ours.recall),
        ("precision", "", ours.precision),
        ("f1", "", ours.f1),
    ]


def test_the_papers_own_gpu_comes_before_other_hardware() -> None:
    cpu, gpu = (
        paper_result(model="resnet50", dataset="cifar100", unfreeze=10, profile=profile) for profile in ("cpu", "p100")
    )
    assert row_of(4, "ResNet50 Top-10 CIFAR-100 P100", measured(gpu, cpu)).result == gpu
    assert row_of(4, "ResNet50 Top-10 CIFAR-100 V100", measured(cpu)).result == cpu


def test_in_a_table_of_times_other_data_stand_for_the_papers() -> None:
    result = paper_result(model="resnet50", dataset="digits", unfreeze=10, split="50-50")
    assert row_of(3, "ResNet50 Top-10 50-50 V100", measured(result)).result == result
    own = paper_result(model="resnet50", dataset="cifar100", unfreeze=10, split="50-50")
    assert row_of(3, "ResNet50 Top-10 50-50 V100", measured(result, own)).result == own


def test_times_are_scaled_to_as_many_images_as_the_paper_has() -> None:
    result = paper_result(dataset="cifar10", samples=10_000, training_s=80.0, seconds=7.0)  # of two epochs
    cells = cells_of(row_of(5, "EfficientNet-B0 Top-1", measured(result)))
    assert cells["training_s_per_epoch"].measured == pytest.approx(40)
    assert cells["inference_s"].measured == pytest.approx(7)
    assert cells["inference_s"].ratio == pytest.approx(7 / 6.06)
    assert cells["op_score"].ratio is None
    halves = paper_result(
        model="resnet50", dataset="cifar100", unfreeze=10, split="50-50", samples=300, training_s=2.0, seconds=10.0
    )
    cells = cells_of(row_of(3, "ResNet50 Top-10 50-50 P100", measured(halves)))
    assert cells["train_s"].measured == pytest.approx(100)  # 1 s an epoch for 300 images
    assert cells["test_s"].measured == pytest.approx(30)
    assert cells["total_s"].measured == pytest.approx(130)


def test_a_time_beyond_all_measure_is_none() -> None:
    endless = paper_result(dataset="cifar10", samples=10_000)
    endless = endless.model_copy(update={"inference_s": endless.inference_s.scaled(1e300), "reference_samples": 1e-10})
    assert cells_of(row_of(5, "EfficientNet-B0 Top-1", measured(endless)))["inference_s"].measured is None


def test_a_time_of_unknown_many_images_is_none() -> None:
    result = paper_result(subset=600, samples=600, dataset="cifar10")
    cells = cells_of(row_of(5, "EfficientNet-B0 Top-1", measured(result)))
    assert cells["training_s_per_epoch"].measured is None
    assert cells["training_s_per_epoch"].ratio is None
    assert cells["inference_s"].measured is not None


def test_techniques_that_the_paper_has_not_stand_below_its_rows() -> None:
    results = [paper_result(technique) for technique in ("baseline", "int8")]
    *_, last = compare(5, measured(*results)).rows
    assert (last.title, last.result) == ("EfficientNet-B0 int8 Top-1", results[1])
    assert {cell.published for cell in last.cells} == {""}
    assert compare(6, measured(*results)).results == ()
