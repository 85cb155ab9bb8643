"""The main job on the embedded default: a pretrained model on real images, as trained and optimised.

The budgets that these eight cases must pass are in ``pyproject.toml``, each with the figure it was chosen from.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml import Case, Result, matrix


@pytest.mark.parametrize(
    "case",
    matrix(
        models=["efficientnet_lite0"],
        dataset="digits",
        unfreeze=[1, 10],
        techniques=["baseline", "float16", "int8", "cluster-256"],
    ),
    ids=str,
)
def bench_digits(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.test_samples == 599
