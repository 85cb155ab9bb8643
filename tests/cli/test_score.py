from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli, op_score


def run(*options: str) -> Result:
    return CliRunner().invoke(cli.main, ["score", *options])


GIVEN = ("--accuracy", "0.9", "--seconds", "10", "--mb", "20")


def test_the_parts_add_up_to_the_score() -> None:
    result = run(*GIVEN)
    assert result.exit_code == 0
    assert result.output.splitlines()[0] == "OpScore 1.301"
    plain = json.loads(run(*GIVEN, "--json").output)
    assert plain["value"] == pytest.approx(op_score(0.9, 10, 20).value)
    assert [round(plain[f"log_{axis}"], 3) for axis in ("error", "seconds", "megabytes")] == [-1.0, 1.0, 1.301]
    assert (plain["low"], plain["high"]) == (None, None)


def test_test_samples_give_an_interval() -> None:
    plain = json.loads(run(*GIVEN, "--samples", "100", "--json").output)
    wide = json.loads(run(*GIVEN, "--samples", "20", "--json").output)
    assert wide["low"] < plain["low"] < plain["value"] < plain["high"] < wide["high"]
    assert "95 % interval" in run(*GIVEN, "--samples", "100").output


def test_an_accuracy_of_one_is_floored_where_the_samples_are_known() -> None:
    given = ("--accuracy", "1", "--seconds", "1", "--mb", "1", "--samples", "500")
    plain = json.loads(run(*given, "--json").output)
    assert (plain["value"], plain["error_floored"]) == (pytest.approx(-3), True)
    assert "no test sample was wrong; the score takes half an error for it" in run(*given).output


def test_two_models_differ_by_axis() -> None:
    plain = json.loads(run(*GIVEN, "--against", "0.8,5,40", "--json").output)
    parts = plain["difference"]
    assert {axis: round(parts[axis], 3) for axis in parts} == {
        "error": -0.301,
        "time": 0.301,
        "size": -0.301,
        "total": -0.301,
    }
    lines = run(*GIVEN, "--against", "0.8,5,40").output.splitlines()
    assert next(line.split() for line in lines if line.startswith("size")) == [
        "size",
        "20",
        "MB",
        "40",
        "MB",
        "-0.301",
        "0.5",
    ]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--accuracy", "1.2"), "accuracy must be 0 to 1, not 1.2"),
        (("--accuracy", "nan"), "accuracy must be 0 to 1, not nan"),
        (("--accuracy", "1"), "an accuracy of 1.0 has no finite score; give the number of test samples"),
        (("--seconds", "0"), "seconds must be positive, not 0.0"),
        (("--seconds", "inf"), "seconds must be positive, not inf"),
        (("--mb", "-1"), "megabytes must be positive, not -1.0"),
        (("--samples", "0"), "samples must be at least 1, not 0"),
        (("--against", "1,2"), "--against: must be three numbers A,S,M"),
        (("--against", "0.9,fast,1"), "--against: must be three numbers A,S,M"),
        (("--against", "0.9,0,1"), "--against: seconds must be positive, not 0.0"),
    ],
)
def test_what_is_no_figure_is_one_line(options: tuple[str, ...], text: str) -> None:
    result = run(*GIVEN, *options)
    assert result.exit_code == 4
    assert len(result.output.splitlines()) == 1
    assert result.output.startswith(f"error: {text}")
