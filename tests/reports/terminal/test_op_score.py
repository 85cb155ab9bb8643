from __future__ import annotations

from pytest_opml.analysis.op_score import op_score, sampled_score
from pytest_opml.reports.terminal.op_score import score_lines, score_table

INT8, BASELINE = op_score(0.95, 0.9, 4.0), op_score(0.96, 3.6, 16.0)


def test_a_score_by_its_axes() -> None:
    assert score_lines(INT8, None, 80) == [
        "OpScore -0.745",
        "",
        "           value    log10",
        "-------  -------  -------",
        "error       0.05   -1.301",
        "time       0.9 s   -0.046",
        "size        4 MB    0.602",
        "OpScore            -0.745",
        "",
        "Lower is better; 0.301 is a factor of two on any one axis.",
    ]


def test_two_scores_and_what_each_axis_changes() -> None:
    lines = score_lines(INT8, BASELINE, 80)
    assert [line.split()[-2:] for line in lines[4:8]] == [
        ["+0.097", "1.25"],
        ["-0.602", "0.25"],
        ["-0.602", "0.25"],
        ["-1.107", "0.0781"],
    ]
    table = score_table(INT8, BASELINE)
    assert round(sum(table["difference"][axis] for axis in ("error", "time", "size")), 9) == round(
        table["difference"]["total"], 9
    )


def test_an_interval_is_shown_where_there_is_one() -> None:
    score = sampled_score(0.95, 0.9, 4.0, 1000)
    assert score_lines(score, None, 80, samples=1000)[0] == (
        f"OpScore -0.745, 95 % interval {score.low:.3f} to {score.high:.3f}, from 1,000 test samples"
    )
    assert score_table(INT8, None)["low"] is None
    assert score_table(score, None, samples=1000)["low"] == score.low
