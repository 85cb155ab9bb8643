"""Every pair of model and technique of the paper's Table 5, and its layer transfer, with random weights.

Shows that each runs; times and sizes are real, accuracies are not, since no ImageNet weights are used.

    pytest bench/studies/bench_paper.py --opml-json=paper.json
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml import Case, Result, matrix

# the paper's quantisation is to float16, its clustering to 8,192 weights
TECHNIQUES = ["baseline", "float16", "cluster-8192"]
COMMON = {"dataset": "digits", "weights": "none", "size": 32, "subset": 300, "epochs": 1, "recipe": "paper"}

CASES = [
    *matrix(models=["efficientnetb0", "resnet50", "resnet101"], unfreeze=[1, 10], techniques=TECHNIQUES, **COMMON),
    *matrix(models=["vgg16", "vgg19"], unfreeze=[2, 3], techniques=TECHNIQUES, **COMMON),
    *matrix(
        models=["resnet50"],
        unfreeze=[1, 10],
        techniques=["layer-transfer:resnet101,retrain=no", "layer-transfer:resnet101"],
        **COMMON,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def bench_pair(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.classes == 10
    assert bool(result.artifact.changes) == (case.technique != "baseline")
