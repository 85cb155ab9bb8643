"""Models of tables (ONNX, four figures to one, two to a class): ``pip install surfaces-onnx-files onnx onnxruntime``.

Of the surrogates the package has the files alone: what they should answer says the reference implementation of onnx.
The classifier of irises is onnxruntime's own, takes three rows a call, and gives its probabilities as a dict a row.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import samples

from pytest_opml import Case, RawData, Result, register

_SURROGATES = samples.folder_of("surfaces_onnx_files", "surfaces-onnx-files")
_IRIS = samples.folder_of("onnxruntime", "onnxruntime") / "datasets" / "logreg_iris.onnx"
samples.folder_of("onnx", "onnx")


@register("dataset", "boosting")
def load_boosting(_: Path | None) -> RawData:
    rng = np.random.default_rng(0)
    rows = np.column_stack(
        [rng.integers(2, 11, 200), np.zeros(200), rng.integers(1, 26, 200), rng.integers(3, 150, 200)]
    )
    return _figures("gradient_boosting_regressor.onnx", rows)


@register("dataset", "neighbours")
def load_neighbours(_: Path | None) -> RawData:
    rng = np.random.default_rng(0)
    columns = (rng.integers(3, 150, 200), rng.integers(0, 4, 200), rng.integers(2, 11, 200), rng.integers(0, 3, 200))
    return _figures("k_neighbors_classifier.onnx", np.column_stack(columns))


def _figures(file: str, rows: samples.Array) -> RawData:
    rows = rows.astype(np.float32)
    return RawData(None, None, test_inputs=rows, test_labels=_answers(_SURROGATES / file, rows)[0][:, 0])


@register("dataset", "iris-in-threes")
def load_iris(_: Path | None) -> RawData:
    from onnxruntime import InferenceSession

    rows = np.random.default_rng(0).uniform(-8, 8, (200, 2)).astype(np.float32)
    session = InferenceSession(str(_IRIS), providers=["CPUExecutionProvider"])
    threes = np.concatenate([rows, rows[:1]]).reshape(-1, 3, 2)
    labels = np.concatenate([session.run(["label"], {"float_input": three})[0] for three in threes])
    return RawData(None, None, test_inputs=rows, test_labels=labels[: len(rows)])


def _answers(model: Path, rows: samples.Array) -> list[samples.Array]:
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(str(model))
    return list(evaluator.run(None, {evaluator.input_names[0]: rows}))


_FILES = {
    "boosting": _SURROGATES / "gradient_boosting_regressor.onnx",
    "neighbours": _SURROGATES / "k_neighbors_classifier.onnx",
    "iris-in-threes": _IRIS,
}
_OUTPUTS = {"iris-in-threes": "probabilities"}
CASES = [
    Case(dataset=dataset, model=str(file), unfreeze=0, output=_OUTPUTS.get(dataset), name=dataset)
    for dataset, file in _FILES.items()
]


@pytest.mark.parametrize("case", CASES, ids=str)
def bench_tables(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.test_samples == 200
    assert result.quality.value > 0.9999
