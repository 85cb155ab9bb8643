from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pytest_opml.records.validation import first_of, place_of, reason_of


class _Box(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (int, "x", "must be a whole number"),
        (int, 1.5, "must be a whole number"),
        (float, [], "must be a number"),
        (Annotated[float, Field(allow_inf_nan=False)], float("nan"), "must be a finite number"),
        (bool, "perhaps", "must be true or false"),
        (str, 1, "must be a text"),
        (_Box, 1, "must be an object"),
        (_Box, {}, "is missing"),
        (_Box, {"size": 1, "colour": 1}, "is not known here"),
        (tuple[int, ...], 1, "must be a list"),
        (datetime, "yesterday", "must be a moment such as 2026-01-31T12:00:00Z"),
        (AwareDatetime, "2026-01-31T12:00:00", "must be a moment such as 2026-01-31T12:00:00Z, with its time zone"),
        (Annotated[int, Field(ge=1)], 0, "must be at least 1"),
        (Annotated[int, Field(lt=2**31)], 2**31, "must be less than 2,147,483,648"),
        (Annotated[float, Field(gt=0, le=0.5)], 1, "must be at most 0.5"),
        (Annotated[str, Field(min_length=1)], "", "must not be empty"),
        (Annotated[str, Field(max_length=1_000)], "x" * 1_001, "must have at most 1,000 characters"),
        (Literal["a", "b"], "c", "must be 'a' or 'b'"),
        (bytes, 1, "must be a valid bytes"),
    ],
)
def test_what_a_value_must_be(kind: Any, value: Any, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    assert reason_of(first_of(caught.value)) == reason


def test_a_value_has_a_place() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(list[_Box]).validate_python([{"size": "x"}])
    assert place_of(first_of(caught.value), "boxes") == "boxes.0.size"
