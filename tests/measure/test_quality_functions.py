from __future__ import annotations

import numpy as np
import pytest

from pytest_opml import registry
from pytest_opml.errors import CaseDefinitionError
from pytest_opml.measure.quality_functions import DEFAULTS, declared_quality, quality_function

ROWS = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], dtype=np.float32)


@pytest.mark.parametrize("task", DEFAULTS)
def test_each_task_has_a_quality_of_its_own(task: str) -> None:
    labels = np.array([0, 1])
    assert declared_quality(None, task, ROWS, labels).name == DEFAULTS[task]  # type: ignore[arg-type,index]


@pytest.mark.parametrize("name", registry.names("quality"))
def test_every_quality_is_of_a_task(name: str) -> None:
    task = "regression" if name == "r2" else "classification"
    declared = declared_quality(name, task, ROWS, np.array([0, 1]))  # type: ignore[arg-type]
    assert (declared.figures is None) == (declared.kind != "figures")


def test_a_quality_of_another_task_is_refused_before_anything_is_measured() -> None:
    assert quality_function("r2", "regression")
    with pytest.raises(CaseDefinitionError, match="'exact_match': means nothing for regression; choose among r2"):
        quality_function("exact_match", "regression")


def test_a_class_is_among_the_first_or_not() -> None:
    assert declared_quality("top2", "classification", ROWS, np.array([1, 0])).figures == pytest.approx([1, 0])
