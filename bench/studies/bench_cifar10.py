"""Every technique, and chains of them, on real CIFAR-10: the table of ``docs/techniques.md``.

    pytest bench/studies/bench_cifar10.py --opml-data-dir=DIR --opml-timeout=7200 --opml-json=cifar10.json
    python bench/studies/table.py cifar10.json

DIR holds the folder ``cifar-10-batches-py``; without it Keras downloads the set. On two cores it takes most of a day;
``-k "all and prune"`` takes a part.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml import Case, Result, matrix

TECHNIQUES = [
    *("baseline", "tflite", "float16-tflite", "bfloat16", "onnx", "openvino"),
    *("dynamic-int8", "int8", "int8-tuned", "equalize+int8", "qat", "tfmot-qat", "onnx-int8", "openvino-int8"),
    *("int4", "int4-block-32", "mixed-4-8", "qat,weights=4"),
    *("cluster-8192", "cluster-256", "cluster-64", "palettize-6", "palettize-4", "tfmot-cluster-64"),
    *("prune-0.5", "prune-0.8", "tfmot-prune-0.5", "deep-compress", "prune-0.8+palettize-4"),
    *("filter-prune-macs-0.25", "filter-prune-macs-0.33", "filter-prune-macs-0.5", "filter-prune-latency-0.5"),
    *("low-rank-0.3", "resolution-80", "resolution-64"),
    *("layer-transfer:efficientnet_lite0,top=20", "distill:efficientnet_lite0,top=20"),
    *("prune-0.5+int8", "filter-prune-macs-0.33+int8", "filter-prune-macs-0.33+int4"),
    "filter-prune-macs-0.25+int4",
    "resolution-80+filter-prune-macs-0.33+int4",
]


# 10,000 training and 2,000 test images
COMMON = {"dataset": "cifar10", "size": 96, "subset": 12_000, "batch": 64, "augment": "auto"}
# with one rate for all layers, half of the recipe's highest, the model was as good as with the recipe's own
RECIPES = {10: {}, "all": {"learning_rate": 0.0005, "layer_decay": 1.0}}


@pytest.mark.parametrize(
    "case",
    [
        case
        for unfreeze, recipe in RECIPES.items()
        for case in matrix(
            models=["efficientnet_lite0"], unfreeze=[unfreeze], techniques=TECHNIQUES, **COMMON, **recipe
        )
    ],
    ids=str,
)
def bench_technique(case: Case, opml: Callable[[Case], Result]) -> None:
    assert opml(case).test_samples == 2_000


def bench_50_000_images(opml: Callable[[Case], Result]) -> None:
    """The top layers on all 50,000 training images, each in four ways."""
    common = {"dataset": "cifar10", "model": "efficientnet_lite0", "technique": "baseline", "batch": 64}
    assert opml(Case(unfreeze=10, size=160, augment="auto", **common)).test_samples == 10_000
