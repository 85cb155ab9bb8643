from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pytest_opml.records.case_record import CaseRecord


def record(**fields: Any) -> CaseRecord:
    return CaseRecord(dataset="stripes", model="petnet", **fields)


def test_the_recipe_of_a_case_stands_in_its_id_where_it_is_not_the_usual_one() -> None:
    assert record().id == "stripes/petnet/top1/baseline"
    case = record(augment="crop+flip", learning_rate=1e-5, warm_up=0.05, head_epochs=0, patience=2)
    extras = "augment=flip+crop,learning_rate=1e-05,warm_up=0.05,head_epochs=0,patience=2"
    assert case.id == f"stripes/petnet/top1/baseline/{extras}"
    assert CaseRecord.parse(case.id) == case
    assert CaseRecord.parse(record(recipe="paper").id).recipe == "paper"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"recipe": "own"}, "'standard' or 'paper'"),
        ({"augment": "blur"}, "must be 'none', 'auto', or of flip, crop"),
        ({"learning_rate": 0.0}, "greater than 0"),
        ({"label_smoothing": 1.0}, "less than 1"),
        ({"recipe": "paper", "augment": "flip"}, "recipe = 'paper' is Adam at a constant rate .*; leave augment out"),
        ({"recipe": "paper", "patience": 1}, "leave patience out"),
    ],
)
def test_what_no_recipe_has_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        record(**fields)
