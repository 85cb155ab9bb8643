from __future__ import annotations

import pytest

from pytest_opml.records.hardware_profiles import PROFILES
from pytest_opml.runner.fleet.node_kinds import ACCELERATOR_LABEL, kind_of, label_selector, label_values


@pytest.mark.parametrize(
    ("value", "kind"), [("V100", "v100"), ("A100-80G", "a100"), ("A10G", "a10"), ("TPU-V5E", "tpu-v5e"), ("", "cpu")]
)
def test_a_node_is_of_the_kind_that_its_label_names(value: str, kind: str) -> None:
    assert kind_of({ACCELERATOR_LABEL: value} if value else {}) == kind


def test_a_kind_is_selected_by_the_values_that_its_label_may_have() -> None:
    assert label_selector("v100") == {ACCELERATOR_LABEL: "V100"}
    assert label_selector("a100") == {ACCELERATOR_LABEL: "in(A100,A100-40G,A100-80G)"}
    assert label_selector("cpu")[ACCELERATOR_LABEL].startswith("!in(")


@pytest.mark.parametrize("kind", [*PROFILES, "auto"])
def test_a_node_with_a_selected_label_is_of_its_kind(kind: str) -> None:
    values = label_values(kind)
    assert values
    if kind == "cpu":
        assert "cpu" not in {kind_of({ACCELERATOR_LABEL: value}) for value in values}
    else:
        assert {kind_of({ACCELERATOR_LABEL: value}) for value in values} == {kind}
