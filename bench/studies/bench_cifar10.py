"""Every technique, and chains of them, on real CIFAR-10: the table of ``docs/techniques.md``.

    pytest bench/studies/bench_cifar10.py --opml-data-dir=DIR --opml-json=cifar10.json
    python bench/studies/table.py cifar10.json

DIR holds the folder ``cifar-10-batches-py``; without it Keras downloads the set. Takes about two hours on two cores.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml import Case, Result, matrix

TECHNIQUES = [
    "baseline",
    "float16,train=mixed",
    "float16-tflite",
    "dynamic-int8",
    "int8",
    "int16x8",
    "int8-tuned",
    "cluster-8192",
    "cluster-256",
    "cluster-64",
    "prune-0.5",
    "deep-compress",
    "filter-prune-0.3",
    "layer-transfer:efficientnet_lite0,top=20,retrain=no",
    "layer-transfer:efficientnet_lite0,top=20",
    "distill:efficientnet_lite0,top=20",
    "tfmot-cluster-64",
    "tfmot-prune-0.5",
    "tfmot-qat",
    "onnx",
    "onnx-int8",
    "cluster-64+float16",
    "prune-0.5+cluster-64",
    "prune-0.5+int8",
    "filter-prune-0.3+int8",
    "distill:efficientnet_lite0,top=20+int8",
]


@pytest.mark.parametrize(
    "case",
    # 10,000 training and 2,000 test images
    matrix(
        models=["efficientnet_lite0"], dataset="cifar10", unfreeze=[10], techniques=TECHNIQUES, size=96, subset=12_000
    ),
    ids=str,
)
def bench_technique(case: Case, opml: Callable[[Case], Result]) -> None:
    assert opml(case).test_samples == 2_000
