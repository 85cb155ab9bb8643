"""A small network, trained by the run, as Keras and as TensorFlow Lite file."""

import pytest

from pytest_opml import matrix


@pytest.mark.parametrize(
    "case",
    matrix(
        models=["network:build"],
        dataset="./tumours.npz",
        techniques=["baseline", "tflite"],
        unfreeze=["all"],
        weights="none",
        epochs=30,
        batch=32,
        quality="balanced_accuracy",
    ),
    ids=str,
)
def bench_tumours(case, opml):
    opml(case)
