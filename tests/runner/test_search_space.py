from __future__ import annotations

from typing import Any

import pytest

from pytest_opml.case import parse_chain
from pytest_opml.errors import SettingsError
from pytest_opml.runner import search_space
from pytest_opml.runner.search_space import BASELINE, default_space, find_space, kind_of, parse_space, steps_of


def test_stages_make_chains_with_at_most_one_step_of_each() -> None:
    table = {"stages": [["prune-0.5", "prune-0.8"], ["float16", "int8"]], "without": ["prune-0.8+f*"]}
    space = parse_space(table, "here", "small")
    assert space.name == "small"
    assert space.chains == (
        *(BASELINE, "float16", "int8", "prune-0.5", "prune-0.8"),
        *("prune-0.5+float16", "prune-0.5+int8", "prune-0.8+int8"),
    )
    assert parse_space(table | {"longest": 1}, "here").chains == space.chains[:5]


def test_a_list_is_a_space_too_and_the_baseline_is_in_each() -> None:
    assert parse_space(["int8", "int8", "prune-0.5+int8"], "here").chains == (BASELINE, "int8", "prune-0.5+int8")
    assert parse_space({"chains": ["int8"], "stages": [["float16"]]}, "here").chains == (BASELINE, "int8", "float16")
    assert parse_space({"chains": ["int8"], "rungs": [0.5, 0.1]}, "here").rungs == (0.1, 0.5)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("int8", "here: must be a list of chains or a table, not 'int8'"),
        ({"steps": []}, "here: unknown key 'steps'; known: chains, stages, without, longest, rungs"),
        ({"stages": ["int8"]}, "here.stages[0]: must be a list of texts, not 'int8'"),
        ({"stages": "int8"}, "here.stages: must be a list of lists of steps, not 'int8'"),
        ({"chains": [1]}, "here.chains: must be a list of texts, not [1]"),
        ({"chains": ["int8"], "longest": 0}, "here.longest: must be a whole number from 1, not 0"),
        ({"chains": ["int8"], "rungs": [1.0]}, "here.rungs: must be a list of shares above 0 and below 1, not [1.0]"),
        ([], "here: there is no chain to try"),
        (
            ["int8+prune-0.5"],
            "here: technique 'int8+prune-0.5': nothing can follow int8, it is no Keras model any more",
        ),
        (["nonsense"], "here: unknown technique 'nonsense'"),
        ({"stages": [["float16"] * 12] * 4}, "here: its stages make 28,561 chains; 2,000 at most"),
    ],
)
def test_what_is_no_space_is_refused(value: Any, text: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        parse_space(value, "here")
    assert str(refusal.value).startswith(text)


def test_a_space_is_named_and_the_default_one_may_be_replaced() -> None:
    spaces = {"mine": ["int8"], "default": ["float16"]}
    assert find_space("mine", spaces).chains == (BASELINE, "int8")
    assert find_space("default", spaces).chains == (BASELINE, "float16")
    with pytest.raises(SettingsError, match="no space is called 'other'; there are: default, mine"):
        find_space("other", spaces)
    with pytest.raises(SettingsError, match=r"tool\.opml\.search\.mine: there is no chain"):
        find_space("mine", {"mine": []})


def test_the_default_space_is_of_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    space = default_space()
    for chain in space.chains:
        steps = parse_chain(chain)
        assert not any(step.ends_chain for step in steps[:-1])
        assert len(steps_of(chain)) <= 3
    assert {"int8", "float16", "prune-0.5+int8"} <= set(space.chains)
    assert not [chain for chain in space.chains if "cluster" in chain and chain.endswith("int8")]
    monkeypatch.setattr(search_space, "find_spec", lambda name: None)
    assert not [chain for chain in default_space().chains if "onnx" in chain or "openvino" in chain]


def test_a_kind_is_the_technique_and_whether_it_ends_the_chain() -> None:
    assert kind_of("prune-0.5,epochs=1") == ("prune", False, True)
    assert kind_of("prune-0.5,epochs=0") == ("prune", False, False)
    assert kind_of("cluster-64,finetune=1") == ("cluster", False, True)
    assert kind_of("dynamic-int8") == ("dynamic-int8", True, False)
