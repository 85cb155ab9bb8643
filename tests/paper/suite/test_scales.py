"""The cases of each experiment at each scale; nothing is measured."""

from __future__ import annotations

from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest

import pytest_opml.paper.suite
from pytest_opml import Case
from pytest_opml.paper.suite.experiments import EXPERIMENTS as TITLES
from pytest_opml.paper.suite.scales import DIGIT_PAIRS, SCALES, Scale, reference_case, tops_of

FOLDER = Path(pytest_opml.paper.suite.__file__).parent
EXPERIMENTS = sorted(file.stem for file in FOLDER.glob("bench_*.py"))


def cases_of(experiment: str, scale: str) -> list[Case]:
    module = import_module(f"pytest_opml.paper.suite.{experiment}")
    cases: list[Case] = module.cases(SCALES[scale])
    return cases


def ids_of(*experiments: str, scale: str = "smoke") -> set[str]:
    return {case.id for case in chain.from_iterable(cases_of(name, scale) for name in experiments)}


def test_every_experiment_of_the_command_marks_a_file_and_the_other_way_round() -> None:
    marks: set[str] = set()
    for name in EXPERIMENTS:
        written = import_module(f"pytest_opml.paper.suite.{name}").pytestmark
        names = {mark.name for mark in (written if isinstance(written, list) else [written])}
        assert name.removeprefix("bench_") in names
        marks |= names
    assert marks == set(TITLES)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_has_cases_by_the_papers_recipe_and_none_twice(experiment: str, scale: str) -> None:
    cases = cases_of(experiment, scale)
    assert cases
    assert len({case.id for case in cases}) == len(set(cases)) == len(cases)
    assert all(case.recipe == "paper" or case.model == "random" for case in cases)
    if experiment != "bench_clients":  # whose clients have fewer examples than the paper's batch
        assert {case.batch for case in cases} == {128}


@pytest.mark.parametrize("scale", SCALES)
def test_a_case_of_two_experiments_is_the_same_case(scale: str) -> None:
    by_id: dict[str, Case] = {}
    for case in chain.from_iterable(cases_of(name, scale) for name in EXPERIMENTS):
        assert by_id.setdefault(case.id, case) == case
    assert ids_of("bench_figure3", scale=scale) <= ids_of("bench_table5", "bench_table6", scale=scale)
    assert ids_of("bench_table5", "bench_figure4", scale=scale) & ids_of("bench_table6", scale=scale)
    if scale == "full":
        others = ids_of("bench_table4", "bench_table5", scale=scale)
        assert ids_of("bench_table1", scale=scale) <= others


def test_smoke_needs_neither_a_download_nor_trained_networks() -> None:
    for case in chain.from_iterable(cases_of(name, "smoke") for name in EXPERIMENTS):
        assert case.dataset in ("digits", DIGIT_PAIRS)
        assert case.weights == "none" or case.model in ("efficientnet_lite0", "random")


def test_small_has_the_whole_of_cifar_10() -> None:
    cases = [case for case in cases_of("bench_table5", "small") if case.dataset == "cifar10"]
    assert [(case.unfreeze, case.technique) for case in cases] == [
        (top, technique) for top in (1, 10) for technique in ("baseline", "float16", "cluster-8192", "int8")
    ]
    assert cases[0].id == "cifar10/efficientnet_lite0/top1/baseline/size=96,recipe=paper"


def test_full_is_what_the_paper_measured_and_int8() -> None:
    cases = cases_of("bench_table6", "full")
    assert {case.model for case in cases} == {"resnet50", "resnet101", "vgg16", "vgg19", "efficientnetb0"}
    assert {(case.dataset, case.size, case.epochs, case.weights) for case in cases} == {
        ("cifar100", 224, 10, "imagenet")
    }
    assert {case.technique for case in cases} == {"baseline", "float16", "cluster-8192", "int8"}
    assert {case.unfreeze for case in cases if case.model.startswith("vgg")} == {2, 3}
    assert {case.unfreeze for case in cases if not case.model.startswith("vgg")} == {1, 10}


def test_what_each_table_compares() -> None:
    assert {case.split for case in cases_of("bench_table3", "full")} == {"50-50", "70-30", "90-10"}
    assert {case.technique for case in cases_of("bench_table7", "full")} == {
        "baseline",
        *(f"cluster-{count}" for count in (512, 1_024, 2_048, 4_096, 8_192, 16_384)),
    }
    assert {"cluster-512", "cluster-16384"} <= {case.technique for case in cases_of("bench_table7", "smoke")}
    transfers = {case.technique for case in cases_of("bench_figure4", "full") if "transfer" in case.technique}
    assert transfers == {"layer-transfer:resnet101", "layer-transfer:resnet101,retrain=no"}
    assert {case.unfreeze for case in cases_of("bench_figure5", "full")} == {1, 2, 3, 5, 10, 20}
    assert len([case for case in cases_of("bench_table2", "full") if case.model == "random"]) == 2


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_layers_are_transferred_between_relatives_of_the_scale(scale: Scale) -> None:
    setups = (*scale.qualities, *scale.totals, *scale.relatives)
    transfers = [case for setup in setups for case in setup.transfers(retrained=(False, True))]
    assert transfers
    assert all(case.technique.startswith("layer-transfer:") for case in transfers)


def test_a_setup_gives_the_networks_and_fields_that_are_asked_for() -> None:
    setup = SCALES["full"].cifar10[0]
    (case,) = setup.cases(networks=["vgg19"], tops=["all"], split="70-30")
    assert (case.model, case.unfreeze, case.split, case.technique) == ("vgg19", "all", "70-30", "baseline")
    assert [tops_of(name) for name in ("vgg16", "resnet50")] == [(2, 3), (1, 10)]
    reference = reference_case(SCALES["smoke"].cifar100[0])
    assert (reference.model, reference.unfreeze, reference.subset) == ("random", 0, None)
