from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml import Preprocess
from pytest_opml.errors import SettingsError
from pytest_opml.records.case_record import CaseRecord
from pytest_opml.records.model_sections import FIELD_KEYS, MODEL_KEYS, parse_sections
from pytest_opml.registry import is_path


def parsed(table: Any, root: Path) -> Any:
    return parse_sections(table, "tool.opml.model", root, is_path)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (3, "tool.opml.model: must be a table, not 3"),
        ({"prod": 3}, "tool.opml.model.prod: must be a table, not 3"),
        (
            {"prod": {"path": "a.onnx", "colour": 1}},
            "tool.opml.model.prod: unknown key 'colour'; known: path, model, dataset, size, unfreeze, preprocess, "
            "classes, output, quality, provider, precision",
        ),
        (
            {"prod": {"path": "a.onnx", "model": "b"}},
            "tool.opml.model.prod: path and model are the same, write one of them",
        ),
        ({"prod": {"path": ""}}, "tool.opml.model.prod.path: must be a text that is not empty, not ''"),
        ({"prod": {"dataset": 3}}, "tool.opml.model.prod.dataset: must be a text that is not empty, not 3"),
        (
            {"a,b": {"path": "a.onnx"}},
            'tool.opml.model."a,b": the name must be a text without / { } = , or control characters, and without '
            "blanks at its ends",
        ),
        (
            {"a.onnx": {"size": 4}},
            "tool.opml.model.\"a.onnx\".size: must be 'own', a whole number from 8 to 2048 (pixels), or height x width "
            "such as '96x128', not 4",
        ),
        (
            {"prod": {"path": "a.onnx", "classes": [1]}},
            "tool.opml.model.prod.classes: must be a list with the class of each output, or a table from an output's "
            "name to its class, not [1]",
        ),
        (
            {"prod": {"path": "a.onnx", "preprocess": {"std": 0}}},
            "tool.opml.model.prod.preprocess: std = 0: must not be 0",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(table: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        parsed(table, tmp_path)
    assert str(caught.value) == text


def test_paths_start_from_the_project_and_are_said_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    table = {
        "prod": {"path": "models/prod.onnx", "dataset": "data/pets.npz"},
        "named": {"model": "package.nets:build", "dataset": "digits"},
        "whole.onnx": {},
        "saved": {"path": "saved"},
        "there": {"path": "/models/there.onnx"},
    }
    monkeypatch.chdir(tmp_path)
    sections = parsed(table, tmp_path)
    assert [one.model for one in sections.values()] == [
        *("models/prod.onnx", "package.nets:build", "whole.onnx", "./saved", "/models/there.onnx")
    ]
    assert sections["prod"].fields == {"dataset": "data/pets.npz"}
    assert sections["named"].fields == {"dataset": "digits"}
    assert [one.name for one in sections.values()] == ["prod", "named", None, "saved", "there"]
    monkeypatch.chdir(tmp_path / "inner")
    assert parsed(table, tmp_path)["prod"].model == "../models/prod.onnx"
    assert parsed(table, tmp_path)["prod"].is_of(str(tmp_path / "models" / "prod.onnx"))


def test_fields_are_as_a_case_has_them(tmp_path: Path) -> None:
    table = {"path": "a.onnx", "size": "32x32", "classes": ["a", "b"], "preprocess": {"mean": [1, 2, 3]}}
    fields = parsed({"prod": table}, tmp_path)["prod"].fields
    assert fields == {"size": 32, "classes": ("a", "b"), "preprocess": Preprocess(mean=(1, 2, 3))}


KEYS = st.sampled_from([*MODEL_KEYS, *FIELD_KEYS, *Preprocess.model_fields, "prod", "a/b.onnx", "own", "96x128"])
TEXTS = KEYS | st.text(max_size=4)
LEAVES = st.booleans() | st.integers(-1, 3_000) | st.floats() | TEXTS
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(TEXTS, VALUES, max_size=3))
def test_any_table_is_read_or_refused_in_one_line(table: dict[str, Any]) -> None:
    try:
        sections = parsed(table, Path("/project"))
    except SettingsError as error:
        text, sections = str(error), {}
    else:
        text = "tool.opml.model"
    assert text.startswith("tool.opml.model")
    assert "\n" not in text
    for section in sections.values():
        case = CaseRecord(**{"dataset": "any", "name": section.name, **section.fields, "model": section.model})
        assert CaseRecord.model_validate_json(case.model_dump_json()) == case
