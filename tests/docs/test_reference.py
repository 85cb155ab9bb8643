"""The pages of docs/reference/, which are made from the code."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "docs" / "make_reference.py"


@pytest.fixture(scope="module")
def program() -> Any:
    spec = importlib.util.spec_from_file_location("make_reference", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_those_of_the_code(program: Any) -> None:
    stale = program.stale_pages(program.pages())
    assert not stale, f"stale: {', '.join(stale)}; `python docs/make_reference.py` writes them, then look at the change"


def test_a_page_that_was_changed_is_stale(program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "FOLDER", tmp_path)
    (tmp_path / "a.md").write_text("old")
    assert program.stale_pages({"a.md": "new", "b.md": "new"}) == ["a.md", "b.md"]


def test_what_the_code_does_not_describe_must_be_described(program: Any) -> None:
    with pytest.raises(SystemExit, match=r"its rules are not those of the code: \['min'\]"):
        program._complete({"max": "text"}, ("max", "min"), "rules")
