from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pytest_opml import Case
from pytest_opml.errors import CaseDefinitionError
from pytest_opml.records.case_record import CaseRecord

NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="{},/"), min_size=1)
GONE = CaseRecord(
    dataset="stripes", model="petnet", technique="sign-0.5,layers=3+fold", size=16, seed=3, weights="none"
)


@given(st.builds(CaseRecord, dataset=NAMES, model=NAMES, technique=NAMES, seed=st.integers(0, 2**31 - 1)))
def test_an_id_names_its_case_whatever_is_registered(case: CaseRecord) -> None:
    assert CaseRecord.parse(case.id) == case


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"dataset": "a\nb"}, "must not contain braces, commas or control characters"),
        ({"model": "a,b"}, "must not contain braces, commas or control characters"),
        ({"model": ""}, "must not be empty"),
        ({"technique": ""}, "must not be empty"),
        ({"technique": "a/b"}, "must not contain '/'"),
        ({"technique": "a\x1b[31m"}, "must not contain control characters"),
        ({"epochs": "3"}, "valid integer"),
        ({"batch": 0}, "greater than or equal to 1"),
        ({"unfreeze": -1}, "at least 0"),
        ({"size": 4}, "from 8 to 2048"),
        ({"split": "70-20"}, "add up to 100"),
        ({"label_skew": 1.0, "quantity_skew": 2.0}, "cannot both be set"),
        ({"clients": 0}, "greater than or equal to 1"),
        ({"devices": 0}, "greater than or equal to 1"),
        ({"devices": 65}, "less than or equal to 64"),
        ({"client": 0}, "client = 0: write clients= too"),
        ({"client_label_skew": 0.1}, r"client_label_skew = 0\.1: write clients= too, how many clients there are"),
        ({"client_quantity_skew": 0.1}, r"client_quantity_skew = 0\.1: write clients= too"),
        ({"clients": 10, "client": 10}, "client = 10: must be from 0 to 9, of 10 clients"),
        ({"clients": 10, "client": -1}, "greater than or equal to 0"),
        ({"clients": 10, "client_label_skew": 0.0}, "greater than 0"),
        ({"clients": 2, "client_label_skew": 1.0, "client_quantity_skew": 1.0}, "cannot both be set"),
        ({"weights": "a,b"}, "without commas"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_the_form_of_its_fields_is_checked(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        CaseRecord(**{"dataset": "stripes", "model": "petnet"} | fields)


@pytest.mark.parametrize(
    "text", ["", "a/b", "a/b/top1", "a/b/top1/c/epochs=0", "a/b/top1/c/colour=red", "a,b/c/top1/d"]
)
def test_what_is_no_id_is_one_line(text: str) -> None:
    with pytest.raises(CaseDefinitionError) as caught:
        CaseRecord.parse(text)
    assert "\n" not in str(caught.value)


def test_a_case_and_its_record_are_equal_and_stand_for_one_another() -> None:
    case = Case(dataset="digits", model="small_cnn", technique="int8")
    record = CaseRecord.parse(case.id)
    assert case == record
    assert record == case
    assert {case: "here"}[record] == "here"
    assert record != record.reference
    assert case != case.id


def test_a_reference_is_of_the_same_class() -> None:
    case = Case(dataset="digits", model="small_cnn", technique="int8")
    assert (type(case.reference), type(GONE.reference)) == (Case, CaseRecord)
    assert case.reference == CaseRecord.parse(case.id).reference


def test_it_crosses_the_border_of_a_process() -> None:
    again = pickle.loads(pickle.dumps(GONE))
    assert (again, type(again), hash(again)) == (GONE, CaseRecord, hash(GONE))


def test_reading_one_loads_no_registry() -> None:
    code = "import sys, pytest_opml.records.case_record; sys.exit('pytest_opml.registry' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
