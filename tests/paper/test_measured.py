from __future__ import annotations

from datetime import datetime, timezone

import pytest

from pytest_opml.paper.figures import B0, CIFAR10, CIFAR100, TRANSFER, Place
from pytest_opml.paper.measured import (
    Measured,
    is_untrained_transfer,
    place_of,
    technique_of,
    training_examples,
)
from tests.support.builders import make_run
from tests.support.paper_results import measured, paper_result


def test_of_a_case_in_several_runs_the_newest_counts() -> None:
    old, new = (
        make_run().model_copy(
            update={"results": (paper_result(accuracy=accuracy),), "started": datetime(year, 1, 1, tzinfo=timezone.utc)}
        )
        for year, accuracy in ((2025, 0.7), (2026, 0.8))
    )
    for runs in ((old, new), (new, old)):
        together = Measured(runs)
        assert [result.recall for result in together.results] == [0.8]
        assert together.runs == (old, new)


def test_a_result_is_beside_those_of_its_own_machine_only() -> None:
    result, elsewhere = paper_result("float16"), paper_result(profile="v100")
    assert measured(result, elsewhere).reference_of(result) is None
    reference = paper_result()
    together = measured(result, reference)
    assert together.reference_of(result) == reference
    assert together.reference_of(reference) is None
    assert together.beside(reference, technique="float16") == result


def test_the_name_that_a_user_gave_a_case_does_not_count() -> None:
    result, reference = paper_result("float16", name="ours"), paper_result()
    assert measured(result, reference).reference_of(result) == reference


def test_the_same_on_other_data_may_differ_in_what_the_data_ask_for() -> None:
    result = paper_result(dataset="cifar100", size=32)
    easier = [paper_result(dataset="cifar10", size=64), paper_result(dataset="digits", size=32)]
    together = measured(result, *easier, paper_result(dataset="cifar10", unfreeze=10))
    assert together.on_dataset(result, CIFAR10) == easier[0]
    assert together.on_dataset(result, CIFAR100) == result
    # what stands for the paper's data is beside what stands for them: digits, and pairs of them
    pairs = paper_result(dataset="pytest_opml.paper.suite.digit_pairs:load", size=64)
    assert measured(pairs, *easier).on_dataset(pairs, CIFAR10) == easier[1]
    assert measured(result, easier[1]).on_dataset(result, CIFAR10) is None


def test_answers_of_random_layers_count_for_nothing() -> None:
    fresh, frozen = (paper_result(weights="none", unfreeze=top) for top in ("all", 10))
    pretrained, guessing = paper_result(), paper_result(model="random", unfreeze=0, weights="none")
    together = measured(fresh, frozen, pretrained, guessing)
    assert together.results == (fresh, frozen, pretrained, guessing)
    assert together.trained.results == (fresh, pretrained, guessing)
    assert together.trained.beside(pretrained, weights="none", unfreeze=10) is None


def test_a_result_without_a_size_is_left_out() -> None:
    result = paper_result()
    empty = result.model_copy(update={"artifact": result.artifact.model_copy(update={"size_bytes": 0})})
    assert measured(empty).results == ()


def test_a_series_is_of_cases_that_are_alike_otherwise() -> None:
    results = [paper_result(f"cluster-{count}", unfreeze=top) for top in (1, 10) for count in (64, 256)]
    together = measured(*results, paper_result("cluster-64", profile="v100"))
    assert [len(series) for series in together.series("technique")] == [2, 2, 1]
    assert together.alike_but(results[0], "technique") == results[:2]


def test_the_same_on_other_hardware() -> None:
    result, other = paper_result(profile="v100"), paper_result(profile="p100")
    assert measured(result, other).on_profile(result, "p100") == other
    assert measured(result).on_profile(result, "p100") is None


def test_a_place_is_in_the_papers_words() -> None:
    result = paper_result("float16", unfreeze=10)
    assert place_of(result) == Place(B0, CIFAR10, "float16", 10, "own", "cpu")
    assert place_of(paper_result(model="small_cnn")) is None
    assert place_of(paper_result(clients=5, client=0, client_label_skew=0.1)) is None


@pytest.mark.parametrize(
    ("technique", "named", "is_untrained"),
    [
        ("layer-transfer:resnet101", TRANSFER, False),
        ("layer-transfer:resnet101,retrain=no", "layer-transfer:resnet101,retrain=no", True),
        ("cluster-64", "cluster-64", False),
    ],
)
def test_a_layer_transfer_is_one_before_or_after_retraining(technique: str, named: str, is_untrained: bool) -> None:
    case = paper_result(technique, model="resnet50").case
    assert technique_of(case) == named
    assert is_untrained_transfer(case) == is_untrained


@pytest.mark.parametrize(
    ("fields", "samples", "examples"),
    [
        ({"split": "90-10"}, 100, 900),
        ({"dataset": "cifar10"}, 10_000, 50_000),
        ({"dataset": "digits"}, 599, 1_198),
        ({"dataset": "cifar10", "subset": 600}, 100, 500),
        ({"dataset": "mnist"}, 100, None),
        ({"clients": 5}, 100, None),
    ],
)
def test_how_many_examples_a_model_was_trained_by(
    fields: dict[str, object], samples: int, examples: int | None
) -> None:
    result = paper_result(samples=samples, **fields)  # type: ignore[arg-type]
    assert training_examples(result) == examples
    told = result.model_copy(update={"training": result.training.model_copy(update={"examples": 77})})
    assert training_examples(told) == 77
