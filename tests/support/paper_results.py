"""Results for tests of the paper's claims: of any case, with answers that agree with their accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pytest_opml.paper.measured import Measured
from pytest_opml.records.result import Epoch, Result, SideBySide
from pytest_opml.stats.predictions import pack
from tests.support.builders import make_case, make_device, make_ratio, make_result, make_run

CLASSES = 10


def answers(accuracy: float, samples: int, classes: int = CLASSES) -> str:
    """Answers to balanced examples, the last of them wrong: a better model is right wherever a worse one is."""
    labels = np.arange(samples) % classes
    is_wrong = np.arange(samples) >= round(accuracy * samples)
    return pack(labels, np.where(is_wrong, (labels + 1) % classes, labels))


def paper_result(
    technique: str = "baseline",
    accuracy: float = 0.9,
    *,
    samples: int = 5000,
    seconds: float = 10.0,
    ratio: float | None = None,
    half_width: float = 0.01,
    profile: str = "cpu",
    layers: int = 50,
    arithmetic: dict[str, float] | None = None,
    epochs: Sequence[tuple[float, float]] = ((0.8, 0.7), (0.95, 0.9)),
    training_s: float = 60.0,
    mode: str = "full_forward",
    disturbed: str = "",
    fields: dict[str, Any] | None = None,
    **case: Any,
) -> Result:
    """A result of a case.

    Args:
        technique: of the case.
        accuracy: share of right answers.
        samples: test examples.
        seconds: of inference.
        ratio: of the time to the reference's, that were timed in turn; None: they were not.
        half_width: of that ratio's interval, as a share of it.
        profile: of the device.
        layers: of the artifact.
        arithmetic: what the hardware does for number formats.
        epochs: training and test accuracy of each.
        training_s: seconds of training.
        mode: of training.
        disturbed: what disturbed the training.
        fields: further ones of ``make_result``.
        case: further fields of the case.
    """
    given = make_case(technique, **{"epochs": len(epochs)} | case)
    times = None
    if ratio is not None:
        sides = make_ratio(ratio, half_width)
        times = SideBySide(reference=given.reference.id, offline=sides, single=sides)
    result = make_result(
        case=given,
        accuracy=accuracy,
        inference_s=seconds,
        test_samples=samples,
        predictions=answers(accuracy, samples),
        device=make_device(profile),
        vs_reference=times,
        training_s=training_s,
        **fields or {},
    )
    training = result.training.model_copy(
        update={
            "epochs": tuple(Epoch(train_accuracy=train, test_accuracy=test) for train, test in epochs),
            "training_mode": mode,
            "disturbed": disturbed,
        }
    )
    artifact = result.artifact.model_copy(update={"layers": layers, "arithmetic": arithmetic or {}})
    return result.model_copy(update={"training": training, "artifact": artifact})


def measured(*results: Result) -> Measured:
    """Results as those of one run, each on the device that it has."""
    return Measured([make_run().model_copy(update={"results": results})])
