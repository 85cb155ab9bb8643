from __future__ import annotations

from pytest_opml.gate.best_case import select_best
from pytest_opml.reports.terminal.search import TrialReport, search_lines, trial_line
from pytest_opml.reports.terminal.styles import Style, parts
from tests.support.builders import make_result, make_run, make_side_by_side

BASELINE = make_result("baseline", 0.9, 10.0, 14.0)
INT8 = make_result("int8", 0.89, 5.0, 3.5, vs_reference=make_side_by_side(0.5))


def report(**fields: object) -> TrialReport:
    given = {"chain": "int8", "examples": 1797, "seconds": 12.4, "spent": 30.0, "most": 600.0, "score": 0.25,
             "gain": -1.1, "broken": ()}  # fmt: skip
    return TrialReport(**given | fields)  # type: ignore[arg-type]


def test_a_trial_is_a_line() -> None:
    text = "opml: [30 of 600 s] int8 on 1,797 examples: OpScore 0.250, 1.100 below the baseline (12 s)"
    assert trial_line(report()) == text
    assert trial_line(report(gain=0.2)).endswith("0.200 above the baseline (12 s)")
    assert trial_line(report(score=None, gain=None)).endswith("examples: no result (12 s)")
    assert trial_line(report(seconds=None)).endswith("(from the history)")
    assert "breaks size_mb max, accuracy min (12 s)" in trial_line(report(broken=("size_mb max", "accuracy min")))


def test_the_end_shows_the_front_the_best_chain_and_what_each_step_bought() -> None:
    record = make_run([BASELINE, INT8])
    (selection,) = select_best(record, ())
    lines = search_lines(selection, [(("int8",), BASELINE, INT8)], [(600, 6), (1797, 2)], 8, 100)
    text = "\n".join(lines)
    assert (
        lines[0] == "8 chains in the space, of which were tried: 6 chains on 600 examples; 2 chains on 1,797 examples"
    )
    rows = [line.split() for line in lines]
    assert rows[4][:3] == ["*", "int8", f"{INT8.op_score.value:.3f}"]
    assert rows[5][:2] == ["*", "baseline"]
    assert [part for line in lines for part, style in parts(line) if style is Style.STRONG] == ["int8"]
    assert "breaks a budget" not in text
    assert rows[-1] == ["int8", "+0.041", "-0.301", "-0.602", "-0.862"]


def test_without_a_chain_on_all_examples_there_is_no_table() -> None:
    assert search_lines(None, [], [(600, 1)], 8, 100) == [
        "8 chains in the space, of which were tried: 1 chain on 600 examples"
    ]
    assert search_lines(None, [], [], 8, 100)[0].endswith("tried: none")
