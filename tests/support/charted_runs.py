"""Runs that every chart has something to show of."""

from __future__ import annotations

from pytest_opml.records.result import ConfusionMatrix, Epoch, Result, Slice
from pytest_opml.records.run import RunRecord
from tests.support.builders import make_case, make_device, make_estimate, make_result, make_run

CLASSES = ("cat", "dog", "horse", "lorry")
# Accuracy, seconds, megabytes by technique, as trained with the top layer alone.
TECHNIQUES = {
    "baseline": (0.93, 3.2, 14.2),
    "float16": (0.929, 9.8, 7.1),
    "int8": (0.92, 0.9, 4.0),
    "cluster-16": (0.71, 3.2, 2.6),
    "cluster-64": (0.88, 3.3, 3.4),
    "cluster-256": (0.925, 3.25, 4.7),
    "palettize-4": (0.75, 3.2, 2.1),
    "palettize-6": (0.89, 3.3, 2.9),
    "prune-0.5+cluster-64": (0.86, 3.3, 2.5),
}
TOPS: dict[int | str, float] = {1: 0.0, 5: 0.012, 10: 0.021, "all": 0.016}


def _epochs(accuracy: float) -> tuple[Epoch, ...]:
    """Ten epochs that approach an accuracy."""
    return tuple(
        Epoch(train_accuracy=accuracy + 0.04 - 0.3 * 0.6**n, test_accuracy=accuracy - 0.25 * 0.7**n) for n in range(10)
    )


def _slices(accuracy: float) -> tuple[Slice, ...]:
    return tuple(
        Slice(by=by, value=value, samples=100 + 20 * number, quality=make_estimate(accuracy - 0.03 * number, 0.03))
        for number, (by, value) in enumerate([*(("class", name) for name in CLASSES), ("light", "dim")])
    )


def _confusion(accuracy: float) -> ConfusionMatrix:
    counts = tuple(
        tuple(round(100 * (accuracy if label == answer else (1 - accuracy) / 3)) for answer in range(4))
        for label in range(4)
    )
    return ConfusionMatrix(labels=CLASSES, answers=CLASSES, counts=counts)


def _result(technique: str, top: int | str, model: str, profile: str, split: str) -> Result:
    accuracy, seconds, megabytes = TECHNIQUES[technique]
    accuracy += TOPS[top] - (0.03 if model == "resnet50" else 0.0)
    speed = 1.8 if profile == "p100" else 1.0
    larger = 3.0 if model == "resnet50" else 1.0
    shares = {"own": 1.0, "50-50": 0.6, "90-10": 1.1}
    result = make_result(
        case=make_case(technique, unfreeze=top, model=model, split=split),
        accuracy=accuracy,
        inference_s=seconds * speed * larger,
        size_mb=megabytes * larger,
        training_s=60 * speed * larger * shares[split],
        preparation_s=0.0 if technique == "baseline" else 2.0 + len(technique),
        device=make_device(profile),
        slices=_slices(accuracy),
        confusion=_confusion(accuracy),
    )
    # techniques come after a training, which all cases of a model share
    training = result.training.model_copy(update={"epochs": _epochs(0.93 + TOPS[top] - 0.01 * (model == "resnet50"))})
    return result.model_copy(update={"training": training})


def make_charted(profiles: tuple[str, ...] = ("v100", "p100"), splits: tuple[str, ...] = ("own",)) -> RunRecord:
    """A run on several devices of two models, many techniques, several numbers of clusters and of unfrozen layers."""
    results = [
        _result(technique, top, model, profile, split)
        for profile in profiles
        for split in splits
        for model in ("efficientnet_lite0", "resnet50")
        for technique in TECHNIQUES
        for top in (TOPS if technique in ("baseline", "int8") else (1,))
    ]
    return make_run(results)
