from __future__ import annotations

import json

import jsonschema
import pytest
from click.testing import CliRunner

from pytest_opml import cli, registry


def output(*arguments: str) -> str:
    result = CliRunner().invoke(cli.main, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_schema_is_one() -> None:
    schema = json.loads(output("schema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert {"format_version", "device", "results", "checks"} <= set(schema["properties"])


@pytest.mark.parametrize("kind", registry.KINDS)
def test_names_are_listed(kind: str) -> None:
    assert output("list", f"{kind}s").split() == registry.names(kind)


def test_an_unknown_kind_is_a_usage_error() -> None:
    result = CliRunner().invoke(cli.main, ["list", "colours"])
    assert result.exit_code == 2
    assert "'datasets', 'models', 'techniques'" in result.output


def test_the_papers_one_error_is_shown_as_what_it_is() -> None:
    text = output("paper")
    assert "32 of 32 scores follow" in text
    assert "31 of 32 scores follow" in text
    assert text.count("differs") == 1
    assert "Resnet-50 Top-1: published 3.06, its columns give 2.37; 3.06 follows from the training time" in text
