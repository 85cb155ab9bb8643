from __future__ import annotations

import re

import pytest

from pytest_opml.metrics import METRICS
from pytest_opml.records.hardware_profiles import PROFILES
from pytest_opml.reports.terminal.names import metric_lines, profile_lines


@pytest.mark.parametrize(("width", "last"), [(160, "int8"), (100, "int8"), (80, "fp32"), (66, "GB")])
def test_the_table_of_gpus_shows_what_fits(width: int, last: str) -> None:
    lines = profile_lines(PROFILES, width)
    assert max(map(len, lines)) <= width
    assert lines[0].endswith(last)
    assert [line.split()[0] for line in lines[2 : 2 + len(PROFILES)]] == list(PROFILES)
    assert f"{last}: " in " ".join(lines)


def test_a_gpus_names_and_arithmetic() -> None:
    rows = {line.split()[0]: re.split(r"\s{2,}", line) for line in profile_lines(PROFILES, 80)[2 : 2 + len(PROFILES)]}
    assert rows["h100"][:4] == ["h100", "H100(?:L|XL|XM)? or H800", "9.0", "yes"]
    assert rows["p100"][3] == "no"
    assert rows["cpu"] == ["cpu", "(the processor)", "varies"]


def test_the_table_of_metrics_says_what_a_budget_may_say() -> None:
    rows = {line.split()[0]: line.split() for line in metric_lines(METRICS, 80)[2 : 2 + len(METRICS)]}
    assert rows["inference_s"] == ["inference_s", "s", "lower", "yes", "on", "one", "machine"]
    assert rows["op_score"] == ["op_score", "lower", "no", "on", "one", "machine"]
    assert rows["rank"][-3:] == ["in", "its", "run"]
