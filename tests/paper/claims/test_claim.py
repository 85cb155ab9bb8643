"""Every claim on results made up for it: where it must pass, where it must fail, and where nothing is decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.paper.claims import CLAIMS, CheckedClaim, Claim, check
from pytest_opml.paper.claims.claim import (
    ABOVE_ONE,
    ABOVE_ZERO,
    BELOW_ONE,
    BELOW_ZERO,
    Region,
    judge,
)
from pytest_opml.paper.measured import Measured
from pytest_opml.paper.quantities import Quantity
from pytest_opml.records.result import Result
from tests.support.builders import make_estimate, make_passes
from tests.support.paper_results import measured, paper_result

R = paper_result
Results = tuple[Result, ...]
BY_ID = {claim.id: claim for claim in CLAIMS}
UNMEASURED = {"optimiser-leaves-time-alone"}
TRANSFER = "layer-transfer:resnet101"
CLIENT: dict[str, Any] = {"clients": 5, "client": 0, "client_label_skew": 0.1}
EXACT: Results = ()  # a claim about sizes, of which nothing is in doubt


def sized(technique: str, megabytes: float, **case: Any) -> Result:
    return R(technique, fields={"size_mb": megabytes}, **case)


def pair(technique: str, accuracy: float, reference: float = 0.9, samples: int = 5000) -> Results:
    return R(technique, accuracy, samples=samples), R(accuracy=reference, samples=samples)


def timed(technique: str, ratio: float, half_width: float = 0.01, device: dict[str, Any] | None = None) -> Results:
    on = device or {}
    return R(technique, ratio=ratio, half_width=half_width, **on), R(**on)


def networks(accuracies: dict[str, float], samples: int = 5000, technique: str = "baseline") -> Results:
    return tuple(R(technique, accuracy, samples=samples, model=model) for model, accuracy in accuracies.items())


def tops(model: str, shallow: float, deep: float, samples: int = 5000) -> Results:
    return R(accuracy=shallow, samples=samples, model=model), R(
        accuracy=deep, samples=samples, model=model, unfreeze=10
    )


def data(hard: float, easy: float, samples: int = 5000) -> Results:
    sides = {"cifar100": hard, "cifar10": easy}
    return tuple(R(accuracy=accuracy, samples=samples, dataset=dataset) for dataset, accuracy in sides.items())


def transfers(*accuracies: tuple[str, float], samples: int = 5000) -> Results:
    return tuple(R(technique, accuracy, samples=samples, model="resnet50") for technique, accuracy in accuracies)


def resnets(deep_s: float, shallow_s: float, disturbed: str = "", profile: str = "cpu") -> Results:
    """Four pairs of trainings, which differ in their split."""
    return tuple(
        R(model=model, training_s=seconds, seconds=seconds, split=split, disturbed=disturbed, profile=profile)
        for split in ("own", "50-50", "70-30", "90-10")
        for model, seconds in (("resnet101", deep_s), ("resnet50", shallow_s))
    )


def splits(shares: dict[str, float], disturbed: str = "") -> Results:
    """Trainings of 50,000 images in all, of which the split has a part."""
    return tuple(
        R(
            split=split,
            training_s=seconds,
            disturbed=disturbed,
            seconds=20.0,
            samples=500 * int(split.split("-")[1]),
            epochs=((0.8, 0.7),),
        )
        for split, seconds in shares.items()
    )


def clustered(seconds: dict[int, float]) -> Results:
    return tuple(R(f"cluster-{count}", fields={"preparation_s": one}) for count, one in seconds.items())


def random_model(accuracy: float, auc: float = 0.5, samples: int = 5000) -> Results:
    fields = {"auc": auc, "auc_error": 0.005 if samples > 1000 else 0.1}
    return (R(accuracy=accuracy, samples=samples, model="random", unfreeze=0, fields=fields),)


def curves(*accuracies: tuple[float, float], samples: int = 5000) -> Results:
    return (R(epochs=accuracies, samples=samples),)


def by_epoch(shallow: list[float], deep: list[float], samples: int = 5000) -> Results:
    sides = {1: shallow, 10: deep}
    return tuple(
        R(epochs=[(one, one) for one in accuracies], samples=samples, unfreeze=top) for top, accuracies in sides.items()
    )


def lopsided(result: Result, share: float) -> Result:
    """The same result with so many of its answers in one class, which parts precision from recall."""
    from numpy import arange, where

    from pytest_opml.stats.predictions import pack

    labels = arange(result.test_samples) % 10
    taken = arange(result.test_samples) % 100 < 100 * share
    accuracy = float((taken & (labels == 0)).sum() + (~taken).sum()) / result.test_samples
    right = make_estimate(accuracy)
    text = pack(labels, where(taken, 0, labels))
    return result.model_copy(update={"predictions": text, "accuracy": right, "recall": accuracy})


def quality(name: str, technique: str, **case: Any) -> Result:
    return R(technique, fields={"size_mb": {"best": 5.0, "near": 14.0, "worst": 40.0}[name]}, **case)


def ranked(order: str) -> Results:
    """Six networks on two data sets, whose order in the second is as good as ``order`` says."""
    models = ("resnet50", "resnet101", "vgg16", "vgg19", "efficientnetb0", "efficientnet_lite0")
    sizes = {"same": range(6), "other": range(5, -1, -1), "mixed": (1, 0, 3, 2, 5, 4)}[order]
    return tuple(
        R(model=model, dataset=dataset, fields={"size_mb": 10.0 * 2**place})
        for dataset, places in (("cifar10", range(6)), ("cifar100", sizes))
        for model, place in zip(models, places, strict=True)
    )


def costly(seconds: list[float]) -> Results:
    models = ("resnet50", "resnet101", "vgg16", "vgg19", "efficientnetb0")
    return tuple(
        R(model=model, accuracy=0.5 + 0.05 * place, seconds=one)
        for place, (model, one) in enumerate(zip(models, seconds, strict=True))
    )


def on_gpus(new_s: float, old_s: float, margin: float = 0.01) -> Results:
    sides = {"v100": new_s, "p100": old_s}
    return tuple(
        R(profile=profile, fields={"passes_s": make_passes(0.05, margin)}, seconds=one)
        for profile, one in sides.items()
    )


def unpaired(first: dict[str, Any], second: dict[str, Any], seconds: tuple[float, float], margin: float) -> Results:
    return tuple(
        R(**case, fields={"passes_s": make_passes(0.05, margin)}, seconds=one)
        for case, one in zip((first, second), seconds, strict=True)
    )


def per_image(model: str, milliseconds: float, margin: float = 0.01) -> Results:
    return unpaired({"model": model, "profile": "p100"}, {"model": "vgg16"}, (10 * milliseconds, 1.0), margin)[:1]


def totals(profile: str, seconds: float) -> Results:
    """Float16 on two data sets with two depths, beside 100 seconds in float32."""
    return tuple(
        R(technique, profile=profile, training_s=one, seconds=one, dataset=dataset, unfreeze=top)
        for dataset in ("cifar10", "cifar100")
        for top in (1, 10)
        for technique, one in (("float16", seconds), ("baseline", 100.0))
    )


ON_V100: dict[str, Any] = {"profile": "v100", "arithmetic": {"tensorflow float16": 0.5}}
ON_CPU: dict[str, Any] = {"arithmetic": {"tensorflow float16": 1.7}}
SMALL = 60  # test examples, of which an accuracy is hardly known

# Results with which a claim passes, fails, and is inconclusive.
SCENARIOS: dict[str, tuple[Callable[[], Results], ...]] = {
    "float16-halves-size": (
        lambda: (sized("float16", 7.1), sized("baseline", 14.0)),
        lambda: (sized("float16", 14.0), sized("baseline", 14.0)),
        lambda: EXACT,
    ),
    "float16-same-layers": (
        lambda: (R("float16"), R()),
        lambda: (R("float16", layers=51), R()),
        lambda: EXACT,
    ),
    "clusters-shrink-file": (
        lambda: (sized("cluster-64", 4.0), sized("baseline", 14.0)),
        lambda: (sized("cluster-64", 14.0), sized("baseline", 14.0)),
        lambda: EXACT,
    ),
    "fewer-clusters-smaller": (
        lambda: (sized("cluster-64", 4.0), sized("cluster-128", 5.0), sized("cluster-256", 6.0)),
        lambda: (sized("cluster-64", 4.0), sized("cluster-128", 3.9), sized("cluster-256", 6.0)),
        lambda: EXACT,
    ),
    "clusters-save-60-percent": (
        lambda: (sized("cluster-512", 5.6), sized("baseline", 14.0)),
        lambda: (sized("cluster-512", 9.0), sized("baseline", 14.0)),
        lambda: EXACT,
    ),
    "resnet101-larger": (
        lambda: (sized("baseline", 174.0, model="resnet101"), sized("baseline", 100.0, model="resnet50")),
        lambda: (sized("baseline", 184.0, model="resnet101"), sized("baseline", 100.0, model="resnet50")),
        lambda: EXACT,
    ),
    "resnet-size-by-layers": (
        lambda: (R(model="resnet101", layers=98), R(model="resnet50", layers=100)),
        lambda: (R(model="resnet101", layers=200), R(model="resnet50", layers=100)),
        lambda: EXACT,
    ),
    "efficientnet-smallest": (
        lambda: (sized("baseline", 16.0), sized("baseline", 59.0, model="vgg16")),
        lambda: (sized("baseline", 40.0), sized("baseline", 59.0, model="vgg16")),
        lambda: EXACT,
    ),
    "classes-alike": (
        lambda: (R(),),
        lambda: (R(samples=15),),
        lambda: EXACT,
    ),
    "float16-loses-under-2-percent": (
        lambda: pair("float16", 0.895),
        lambda: pair("float16", 0.85),
        lambda: pair("float16", 0.885, samples=400),
    ),
    "smaller-costs-accuracy": (
        lambda: (R("float16", 0.8, fields={"size_mb": 7.0}), R()),
        lambda: (R("float16", 0.95, fields={"size_mb": 7.0}), R()),
        lambda: (R("float16", 0.9, samples=SMALL, fields={"size_mb": 7.0}), R(samples=SMALL)),
    ),
    "clusters-lose-more-than-float16": (
        lambda: (R("cluster-8192", 0.8), R("float16", 0.9)),
        lambda: (R("cluster-8192", 0.9), R("float16", 0.8)),
        lambda: (R("cluster-8192", 0.9, samples=SMALL), R("float16", 0.9, samples=SMALL)),
    ),
    "clusters-lose-6-percent": (
        lambda: pair("cluster-8192", 0.84),
        lambda: pair("cluster-8192", 0.9),
        lambda: pair("cluster-8192", 0.87),
    ),
    "fewer-clusters-less-accurate": (
        lambda: (R("cluster-1024", 0.6), R("cluster-8192", 0.9)),
        lambda: (R("cluster-1024", 0.95), R("cluster-8192", 0.9)),
        lambda: (R("cluster-1024", 0.9, samples=SMALL), R("cluster-8192", 0.9, samples=SMALL)),
    ),
    "fewer-clusters-lose-30-percent": (
        lambda: (R("cluster-1024", 0.6), R("cluster-8192", 0.9)),
        lambda: (R("cluster-1024", 0.89), R("cluster-8192", 0.9)),
        lambda: (R("cluster-1024", 0.7), R("cluster-8192", 0.9)),
    ),
    "top10-beats-top1": (
        lambda: tops("resnet50", 0.8, 0.9),
        lambda: tops("resnet50", 0.9, 0.8),
        lambda: tops("resnet50", 0.9, 0.9, SMALL),
    ),
    "resnet-gains-from-depth": (
        lambda: tops("resnet50", 0.8, 0.9),
        lambda: tops("resnet50", 0.9, 0.8),
        lambda: tops("resnet50", 0.9, 0.9, SMALL),
    ),
    "vgg-gains-nothing-from-depth": (
        lambda: tops("vgg16", 0.9, 0.89),
        lambda: tops("vgg16", 0.8, 0.9),
        lambda: tops("vgg16", 0.9, 0.92, SMALL),
    ),
    "transfer-worst-before-retraining": (
        lambda: transfers((f"{TRANSFER},retrain=no", 0.5), ("baseline", 0.9), ("cluster-8192", 0.8)),
        lambda: transfers((f"{TRANSFER},retrain=no", 0.85), ("baseline", 0.9), ("cluster-8192", 0.8)),
        lambda: transfers((f"{TRANSFER},retrain=no", 0.8), ("cluster-8192", 0.8), samples=SMALL),
    ),
    "retrained-transfer-beats-clusters": (
        lambda: transfers((TRANSFER, 0.85), ("cluster-8192", 0.8)),
        lambda: transfers((TRANSFER, 0.75), ("cluster-8192", 0.8)),
        lambda: transfers((TRANSFER, 0.8), ("cluster-8192", 0.8), samples=SMALL),
    ),
    "transfer-below-the-original": (
        lambda: transfers((TRANSFER, 0.75), ("baseline", 0.8)),
        lambda: transfers((TRANSFER, 0.85), ("baseline", 0.8)),
        lambda: transfers((TRANSFER, 0.8), ("baseline", 0.8), samples=SMALL),
    ),
    "cifar100-harder": (lambda: data(0.7, 0.9), lambda: data(0.9, 0.7), lambda: data(0.9, 0.9)),
    "resnet101-hardly-better": (
        lambda: networks({"resnet101": 0.905, "resnet50": 0.9}),
        lambda: networks({"resnet101": 0.95, "resnet50": 0.9}),
        lambda: networks({"resnet101": 0.9, "resnet50": 0.9}, SMALL),
    ),
    "vgg19-better-than-vgg16": (
        lambda: networks({"vgg19": 0.95, "vgg16": 0.9}),
        lambda: networks({"vgg19": 0.85, "vgg16": 0.9}),
        lambda: networks({"vgg19": 0.9, "vgg16": 0.9}, SMALL),
    ),
    "efficientnet-most-accurate": (
        lambda: networks({"efficientnetb0": 0.9, "vgg16": 0.9, "resnet50": 0.8}),
        lambda: networks({"efficientnetb0": 0.8, "vgg16": 0.9}),
        lambda: networks({"efficientnetb0": 0.9, "vgg16": 0.9}, SMALL),
    ),
    "vgg19-less-accurate": (
        lambda: networks({"efficientnetb0": 0.9, "vgg19": 0.8}),
        lambda: networks({"efficientnetb0": 0.8, "vgg19": 0.9}),
        lambda: networks({"efficientnetb0": 0.9, "vgg19": 0.9}, SMALL),
    ),
    "random-accuracy": (lambda: random_model(0.1), lambda: random_model(0.3), lambda: random_model(0.1, samples=SMALL)),
    "random-area": (
        lambda: random_model(0.1, 0.5),
        lambda: random_model(0.1, 0.7),
        lambda: random_model(0.1, 0.5, SMALL),
    ),
    "recall-and-precision-alike": (
        lambda: (R(),),
        lambda: (lopsided(R(), 0.3),),
        lambda: (lopsided(R(samples=SMALL), 0.05),),
    ),
    "clients-part-precision-from-recall": (
        lambda: (lopsided(R(**CLIENT), 0.3), R(clients=5)),
        lambda: (R(**CLIENT), lopsided(R(clients=5), 0.3)),
        lambda: (lopsided(R(samples=SMALL, **CLIENT), 0.02), R(samples=SMALL, clients=5)),
    ),
    "clients-lose-recall": (
        lambda: (R(accuracy=0.6, **CLIENT), R(clients=5)),
        lambda: (R(accuracy=0.95, **CLIENT), R(clients=5)),
        lambda: (R(samples=SMALL, **CLIENT), R(samples=SMALL)),
    ),
    "clients-lose-accuracy": (
        lambda: (R(accuracy=0.6, **CLIENT), R(clients=5)),
        lambda: (R(accuracy=0.95, **CLIENT), R(clients=5)),
        lambda: (R(samples=SMALL, **CLIENT), R(samples=SMALL)),
    ),
    "training-gains": (
        lambda: curves((0.6, 0.6), (0.9, 0.9)),
        lambda: curves((0.9, 0.9), (0.6, 0.6)),
        lambda: curves((0.9, 0.9), (0.9, 0.9)),
    ),
    "ten-epochs-suffice": (
        lambda: curves(*[(0.5, 0.5)] * 7, *[(0.999, 0.9)] * 3),
        lambda: curves(*[(0.5, 0.5)] * 9, (0.9, 0.9)),
        lambda: curves(*[(0.9, 0.9)] * 10, samples=SMALL),
    ),
    "training-above-test": (
        lambda: curves((0.95, 0.9)),
        lambda: curves((0.85, 0.9)),
        lambda: curves((0.9, 0.9)),
    ),
    "top10-converges-faster": (
        lambda: by_epoch([0.5, 0.7, 0.8, 0.93], [0.5, 0.95, 0.97, 0.98]),
        lambda: by_epoch([0.5, 0.95, 0.97, 0.98], [0.5, 0.7, 0.8, 0.93]),
        lambda: by_epoch([0.5, 0.8, 0.9, 0.98], [0.5, 0.9, 0.97, 0.98], SMALL),
    ),
    "float16-faster-in-hardware": (
        lambda: timed("float16", 0.7, device=ON_V100),
        lambda: timed("float16", 1.2, device=ON_V100),
        lambda: timed("float16", 1.0, device=ON_V100),
    ),
    "float16-slower-without-hardware": (
        lambda: timed("float16", 1.3, device=ON_CPU),
        lambda: timed("float16", 0.8, device=ON_CPU),
        lambda: timed("float16", 1.0, device=ON_CPU),
    ),
    "float16-slower-for-each": (
        lambda: timed("float16", 1.3),
        lambda: timed("float16", 0.8),
        lambda: timed("float16", 1.0),
    ),
    "float16-25-percent-faster": (
        lambda: totals("v100", 72.0),
        lambda: totals("v100", 130.0),
        lambda: totals("v100", 82.0),
    ),
    "float16-30-percent-slower": (
        lambda: totals("p100", 130.0),
        lambda: totals("p100", 80.0),
        lambda: totals("p100", 118.0),
    ),
    "clusters-leave-time-alone": (
        lambda: timed("cluster-8192", 1.0),
        lambda: timed("cluster-8192", 1.3),
        lambda: timed("cluster-8192", 1.0, 0.1),
    ),
    "clusters-cost-preparation": (
        lambda: (R("cluster-8192", training_s=60.0, fields={"preparation_s": 30.0}),),
        lambda: (R("cluster-8192", training_s=60.0, fields={"preparation_s": 0.1}),),
        lambda: (R("cluster-8192", training_s=60.0, fields={"preparation_s": 3.0}),),
    ),
    "preparation-grows-with-clusters": (
        lambda: clustered({512: 1.0, 1024: 1.7, 2048: 3.0}),
        lambda: clustered({512: 3.0, 1024: 1.7, 2048: 1.0}),
        lambda: clustered({512: 1.0, 1024: 3.0, 2048: 1.1}),
    ),
    "transfer-as-fast-as-clusters": (
        lambda: tuple(R(technique, ratio=1.0, model="resnet50") for technique in (TRANSFER, "cluster-8192")),
        lambda: (R(TRANSFER, ratio=1.7, model="resnet50"), R("cluster-8192", ratio=1.0, model="resnet50")),
        lambda: tuple(R(t, ratio=1.0, half_width=0.1, model="resnet50") for t in (TRANSFER, "cluster-8192")),
    ),
    "resnet101-trains-longer": (
        lambda: resnets(170.0, 100.0),
        lambda: resnets(250.0, 100.0),
        lambda: resnets(170.0, 100.0, "other work took 1 of 2 cores"),
    ),
    "resnet101-tests-longer": (
        lambda: unpaired({"model": "resnet101"}, {"model": "resnet50"}, (170.0, 100.0), 0.01),
        lambda: unpaired({"model": "resnet101"}, {"model": "resnet50"}, (250.0, 100.0), 0.01),
        lambda: unpaired({"model": "resnet101"}, {"model": "resnet50"}, (170.0, 100.0), 0.2),
    ),
    "split-keeps-total-time": (
        lambda: splits({"50-50": 50.0, "70-30": 70.0, "90-10": 90.0}),
        lambda: splits({"50-50": 50.0, "90-10": 150.0}),
        lambda: splits({"50-50": 50.0, "90-10": 90.0}, "other work took 1 of 2 cores"),
    ),
    "more-data-train-longer": (
        lambda: splits({"50-50": 50.0, "90-10": 90.0}),
        lambda: splits({"50-50": 90.0, "90-10": 50.0}),
        lambda: splits({"50-50": 50.0, "90-10": 51.0}),
    ),
    "testing-faster-than-training": (
        lambda: (R(split="50-50", training_s=60.0, seconds=2.0),),
        lambda: (R(split="50-50", training_s=6.0, seconds=60.0),),
        lambda: (R(split="50-50", training_s=10.0, seconds=10.0),),
    ),
    "v100-45-percent-faster": (
        lambda: on_gpus(5.5, 10.0),
        lambda: on_gpus(9.0, 10.0),
        lambda: on_gpus(5.5, 10.0, 0.2),
    ),
    "resnet50-within-1-ms": (
        lambda: per_image("resnet50", 0.9),
        lambda: per_image("resnet50", 1.4),
        lambda: per_image("resnet50", 1.0, 0.2),
    ),
    "resnet101-above-1-ms": (
        lambda: per_image("resnet101", 1.4),
        lambda: per_image("resnet101", 0.9),
        lambda: per_image("resnet101", 1.0, 0.2),
    ),
    "same-time-on-both-data": (
        lambda: unpaired({"dataset": "cifar100"}, {"dataset": "cifar10"}, (10.0, 10.0), 0.01),
        lambda: unpaired({"dataset": "cifar100"}, {"dataset": "cifar10"}, (20.0, 10.0), 0.01),
        lambda: unpaired({"dataset": "cifar100"}, {"dataset": "cifar10"}, (10.0, 10.0), 0.2),
    ),
    "efficientnet-fastest": (
        lambda: unpaired({"model": "efficientnetb0"}, {"model": "resnet50"}, (6.0, 8.0), 0.01),
        lambda: unpaired({"model": "efficientnetb0"}, {"model": "resnet50"}, (9.0, 8.0), 0.01),
        lambda: unpaired({"model": "efficientnetb0"}, {"model": "resnet50"}, (8.0, 8.0), 0.01),
    ),
    "vgg19-slowest": (
        lambda: unpaired({"model": "vgg19"}, {"model": "resnet50"}, (29.0, 8.0), 0.01),
        lambda: unpaired({"model": "vgg19"}, {"model": "resnet50"}, (7.0, 8.0), 0.01),
        lambda: unpaired({"model": "vgg19"}, {"model": "resnet50"}, (8.0, 8.0), 0.01),
    ),
    "float16-best-score": (
        lambda: (quality("best", "float16"), quality("near", "baseline"), quality("near", "cluster-8192")),
        lambda: (quality("worst", "float16"), quality("near", "baseline"), quality("near", "cluster-8192")),
        lambda: (quality("near", "float16"), quality("near", "baseline"), quality("near", "cluster-8192")),
    ),
    "scores-within-0-and-5": (
        lambda: (R(),),
        lambda: (R(fields={"size_mb": 0.001}),),
        lambda: (R(accuracy=0.9, fields={"size_mb": 1.0}),),
    ),
    "scores-higher-on-cifar100": (
        lambda: data(0.3, 0.9),
        lambda: data(0.9, 0.3),
        lambda: data(0.9, 0.9),
    ),
    "order-alike-on-both-data": (lambda: ranked("same"), lambda: ranked("other"), lambda: ranked("mixed")),
    "efficientnet-float16-best": (
        lambda: (quality("best", "float16", model="efficientnetb0"), quality("worst", "float16", model="vgg16")),
        lambda: (quality("worst", "float16", model="efficientnetb0"), quality("best", "float16", model="vgg16")),
        lambda: (quality("near", "float16", model="efficientnetb0"), quality("near", "float16", model="vgg16")),
    ),
    "accuracy-costs-time": (
        lambda: costly([1.0, 2.0, 3.0, 4.0, 5.0]),
        lambda: costly([5.0, 4.0, 3.0, 2.0, 1.0]),
        lambda: costly([3.0, 1.0, 5.0, 2.0, 4.0]),
    ),
}
CASES = [
    pytest.param(claim_id, verdict, scenario, id=f"{claim_id}-{verdict}")
    for claim_id, scenarios in SCENARIOS.items()
    for verdict, scenario in zip(("pass", "fail", "inconclusive"), scenarios, strict=True)
]


@pytest.mark.parametrize(("claim_id", "verdict", "scenario"), CASES)
def test_a_claim_is_judged_by_its_interval(claim_id: str, verdict: str, scenario: Callable[[], Results]) -> None:
    results = scenario()
    checked = check(BY_ID[claim_id], measured(*results))
    assert checked.verdict == (verdict if results else "not_measured"), checked.findings
    assert all(set(finding.cases) <= {result.case.id for result in results} for finding in checked.findings)


def test_every_claim_has_its_scenarios() -> None:
    assert SCENARIOS.keys() | UNMEASURED == BY_ID.keys()
    assert len(BY_ID) == len(CLAIMS)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_what_was_not_measured_says_what_it_needs(claim: Claim) -> None:
    checked = check(claim, Measured([]))
    assert checked.verdict == "not_measured"
    assert checked.claim.needs
    assert bool(checked.claim.command) == (checked.claim.id not in UNMEASURED)


@pytest.mark.parametrize(
    ("region", "text"),
    [
        (Region(0.45, 0.55), "0.45 to 0.55"),
        (Region(low=-0.02), "at least -0.02"),
        (Region(high=0.01), "at most 0.01"),
        (Region(low=ABOVE_ZERO), "above 0"),
        (Region(high=BELOW_ZERO), "below 0"),
        (Region(low=ABOVE_ONE), "above 1"),
        (Region(0, BELOW_ONE), "0 to 1"),
    ],
)
def test_a_range_is_told_in_words(region: Region, text: str) -> None:
    assert region.text == text


@given(
    st.tuples(*[st.floats(-10, 10)] * 3).map(sorted),
    st.tuples(st.floats(-10, 10), st.floats(-10, 10)).map(sorted),
)
def test_a_verdict_is_that_of_the_whole_interval(interval: list[float], ends: list[float]) -> None:
    low, value, high = interval
    region = Region(*ends)
    verdict = judge(Quantity(value, low, high), region)
    inside = [region.low <= one <= region.high for one in (low, value, high)]
    assert (verdict == "pass") == (inside[0] and inside[2])
    if verdict == "fail":
        assert not any(inside)
    if verdict == "inconclusive":
        assert not all(inside)


def test_a_claim_fails_where_it_fails_somewhere_and_passes_where_it_passes_everywhere() -> None:
    good, bad = (measured(*timed("cluster-64", ratio)) for ratio in (1.0, 1.5))
    claim = BY_ID["clusters-leave-time-alone"]
    one, another = check(claim, good).findings[0], check(claim, bad).findings[0]
    assert CheckedClaim(claim, (one, one)).verdict == "pass"
    assert CheckedClaim(claim, (one, another)).verdict == "fail"
    assert CheckedClaim(claim, (one, another._replace(verdict="inconclusive"))).verdict == "inconclusive"
    assert CheckedClaim(claim, ()).verdict == "not_measured"
    assert CheckedClaim(claim, (one, another)).of_verdict("fail") == (another,)


def test_a_model_that_guesses_decides_nothing() -> None:
    checked = check(BY_ID["float16-loses-under-2-percent"], measured(*pair("float16", 0.1, reference=0.1)))
    assert checked.verdict == "inconclusive"
    assert "no better than guessing" in checked.findings[0].note


def test_answers_of_random_layers_are_no_finding_and_their_sizes_and_times_are() -> None:
    untrained = measured(*(R(technique, weights="none", ratio=2.0) for technique in ("baseline", "float16")))
    assert check(BY_ID["float16-loses-under-2-percent"], untrained).verdict == "not_measured"
    assert check(BY_ID["float16-best-score"], untrained).verdict == "not_measured"
    assert len(check(BY_ID["float16-halves-size"], untrained).findings) == 1
    assert len(check(BY_ID["float16-slower-for-each"], untrained).findings) == 1


def test_scores_on_two_sets_are_compared_with_images_of_one_size() -> None:
    hard, easy = R(accuracy=0.3, dataset="cifar100", size=64), R(dataset="cifar10", size=32)
    assert check(BY_ID["scores-higher-on-cifar100"], measured(hard, easy)).verdict == "not_measured"
    (finding,) = check(BY_ID["cifar100-harder"], measured(hard, easy)).findings
    assert "images of 64 and 32 pixels" in finding.subject


def test_the_random_reference_is_no_model_whose_data_are_harder() -> None:
    sides = (R(accuracy=1 / 10, dataset=dataset, model="random", unfreeze=0) for dataset in ("cifar100", "cifar10"))
    assert check(BY_ID["cifar100-harder"], measured(*sides)).verdict == "not_measured"


def test_a_training_that_is_mostly_its_start_decides_nothing() -> None:
    short = [
        R(model=model, training_s=seconds, split="50-50", samples=300, epochs=((0.8, 0.7),))
        for model, seconds in (("resnet101", 17.0), ("resnet50", 10.0))
    ]
    (finding,) = check(BY_ID["resnet101-trains-longer"], measured(*short)).findings
    assert finding.verdict == "inconclusive"
    assert "fewer than 10,000 images" in finding.note


def test_the_command_names_scale_and_hardware() -> None:
    assert BY_ID["top10-beats-top1"].command == "opml paper run table5 table6"
    assert BY_ID["vgg-gains-nothing-from-depth"].command == "opml paper run figure5 --scale small"
    assert BY_ID["float16-25-percent-faster"].command == "opml paper run table4 --scale full --gpu v100"


def test_published_figures_stand_beside_those_of_the_same_place() -> None:
    (finding,) = check(
        BY_ID["float16-halves-size"], measured(*[R(t, model="resnet50") for t in ("float16", "baseline")])
    ).findings
    assert finding.published == pytest.approx(48 / 103)
