from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml import Case
from pytest_opml.records.case_ids import matches, named_id, reference_id

LONG = "digits/{models/x.onnx}/top0/int8/epochs=5,weights=a/b"


@pytest.mark.parametrize(
    ("case_id", "pattern", "is_for"),
    [
        (LONG, LONG, True),
        (LONG, "*/int8", True),
        (LONG, "*/int8/*", True),
        (LONG, "digits/{models/x.onnx}/top0/int8", True),
        (LONG, "digits/{models/x.onnx}/top0/int8/epochs=5", False),
        (LONG, "*/baseline", False),
        (LONG, "*", True),
        ("digits/x/top0/baseline", "digits/x/top0/baseline/*", False),
        ("prod", "prod", True),
        ("prod", "pro?", True),
        ("prod/int8", "prod", False),
        ("prod/int8", "prod/*", True),
        ("prod/int8", "*/int8", True),
        ("v1[2]", "v1[2]", True),
        ("bench_sort[10/20]", "*/20]", True),
    ],
)
def test_a_pattern_is_for_ids_with_and_without_their_options(case_id: str, pattern: str, is_for: bool) -> None:
    assert matches(case_id, pattern) is is_for


@pytest.mark.parametrize(
    ("case_id", "reference"),
    [
        (LONG, "digits/{models/x.onnx}/top0/baseline/epochs=5,weights=a/b"),
        ("digits/x/all/baseline", "digits/x/all/baseline"),
        ("digits/x/top1/float16+int8/preprocess=3f2a91", "digits/x/top1/baseline/preprocess=3f2a91"),
        ("prod", "prod"),
        ("prod/int8", "prod"),
    ],
)
def test_the_reference_follows_from_the_id(case_id: str, reference: str) -> None:
    assert reference_id(case_id) == reference


@given(
    technique=st.sampled_from(["baseline", "int8", "float16+cluster-8"]),
    name=st.sampled_from([None, "prod", "v1.2 of pets"]),
    seed=st.integers(0, 3),
    classes=st.sampled_from([None, ("a", "b"), {"a": "b"}]),
)
def test_it_is_the_id_of_the_cases_reference(technique: str, name: str | None, seed: int, classes: object) -> None:
    case = Case(dataset="a/b.npz", model="small_cnn", technique=technique, name=name, seed=seed, classes=classes)
    assert reference_id(case.id) == case.reference.id
    assert matches(case.id, case.id)


def test_a_name_stands_alone_for_what_was_trained() -> None:
    assert named_id("prod", "baseline") == "prod"
    assert named_id("prod", "float16+int8") == "prod/float16+int8"
