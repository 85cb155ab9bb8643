"""Which models ``--opml-trust`` names."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml.errors import SettingsError
from pytest_opml.runner.trusted_models import idle_patterns, is_trusted, trust_notes
from pytest_opml.settings import Settings, build_settings
from tests.support.builders import make_case, make_result, make_run


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [("efficientnet_lite0", True), ("efficient*", True), ("EFFICIENT*", False), ("lite0", False), ("my-net", True)],
)
def test_a_pattern_is_of_the_model_or_the_name_as_written(pattern: str, matches: bool) -> None:
    case = make_case(model="efficientnet_lite0", name="my-net")
    assert is_trusted(case, ["other", pattern]) is matches
    assert not is_trusted(case, [])


def test_a_pattern_that_matches_no_model_is_said() -> None:
    run = make_run([make_result()])
    model = run.results[0].case.model
    assert idle_patterns(run, [model, "models/*", "models/*"]) == ["trust: 'models/*' matches no model of this run"]
    assert idle_patterns(run.model_copy(update={"interrupted": True}), ["models/*"]) == []


def test_what_a_model_is_trusted_with_is_a_note() -> None:
    assert trust_notes(()) == []
    assert trust_notes(("ReadFile", "WriteFile"))[0].endswith("reach outside it: ReadFile, WriteFile")


def settings(file: object, *options: str) -> Settings:
    return build_settings({"trust": file} if file is not None else {}, {"trust": options}, root=Path())


def test_patterns_of_the_file_and_of_the_command_line_add_up() -> None:
    assert settings(None).trust == ()
    assert settings(["a*"], "b", "c").trust == ("a*", "b", "c")
    for wrong in ("a*", [1], [""], {"a": 1}):
        with pytest.raises(SettingsError, match=r"tool\.opml\.trust: .*(list of patterns|must not be empty)"):
            settings(wrong)
