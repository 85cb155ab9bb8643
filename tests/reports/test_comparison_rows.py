from __future__ import annotations

import pytest

from pytest_opml.records.run import Baseline, RunRecord
from pytest_opml.reports.comparison_rows import comparisons
from pytest_opml.reports.terminal.comparison import comparison_lines
from tests.support.builders import make_device, make_result, make_run, make_side_by_side


@pytest.fixture
def record() -> RunRecord:
    """A run of three cases: one as stored, one measured again, one without a baseline."""
    run = make_run()
    then = [make_result(accuracy=0.96), make_result("int8", 0.955, 3.0, 4.0)]
    now = [
        make_result(accuracy=0.96),
        make_result("int8", 0.95, 3.1, 3.0, vs_baseline=make_side_by_side(1.04)),
        make_result("float16"),
    ]
    baselines = [
        Baseline(
            name="release",
            run_id="abcdef0123456789",
            started=run.started,
            commit=run.commit,
            device=make_device(),
            result=result,
            remeasured=again,
            remeasure_error=error,
        )
        for result, again, error in zip(then, (False, True), ("its artifact is not in .opml/releases", ""), strict=True)
    ]
    return make_run(now, baselines=baselines, baseline="release")


def test_the_output_says_how_each_case_was_compared(record: RunRecord) -> None:
    assert comparison_lines(record, 120) == [
        "Against the baseline release",
        "",
        "case             accuracy          time          size        OpScore",
        "               - baseline    / baseline    / baseline     - baseline    = error + time + size",
        "--------  ---------------  ------------  ------------  -------------  -----------------------  -------",
        "baseline  +0.0000 ±.0261   1.000 ±.028         1.000   +0.000 ±.280      +0.000 +0.000 +0.000  unclear",
        "int8      -0.0060 ±.0280   1.040 ±.010*        0.750*  -0.062 ±.257      +0.046 +0.017 -0.125  unclear",
        "",
        "baseline: run abcdef012345 of 2026-01-02 03:04, commit 0123456789, as it was stored; its artifact is not in",
        "  .opml/releases",
        "int8: run abcdef012345 of 2026-01-02 03:04, commit 0123456789, its artifact measured again in this session",
        "no baseline: float16",
        "±: half of the 95 % interval; *: a change that chance does not explain; the word at the end is on OpScore.",
    ]


def test_a_reference_that_was_not_asked_for_is_not_missed(record: RunRecord) -> None:
    float16 = record.results[2].id
    lines = comparison_lines(record.model_copy(update={"reference_only": (float16,)}), 120)
    assert not any("no baseline" in line for line in lines)


def test_of_another_machine_no_time_is_shown(record: RunRecord) -> None:
    elsewhere = record.baselines[0].model_copy(update={"device": make_device("cpu")})
    text = "\n".join(comparison_lines(record.model_copy(update={"baselines": (elsewhere,)}), 200))
    assert "n/a" in text
    assert (
        "as it was stored; its artifact is not in .opml/releases; n/a: measured on another machine (no GPU, not" in text
    )


def test_figures_by_other_settings_are_left_out_and_it_says_why(record: RunRecord) -> None:
    then = record.baselines[0]
    then = then.model_copy(update={"result": make_result(reference_samples=1_000)})
    lines = comparison_lines(record.model_copy(update={"baselines": (then,)}), 200)
    assert next(line for line in lines if line.startswith("baseline ")).split()[3:] == ["n/a", "1.000", "n/a"]
    assert any("n/a: worked out by other settings (for 1,000 examples, not 10,000)" in line for line in lines)


def test_it_says_which_baselines_could_not_be_read_and_why(record: RunRecord) -> None:
    float16 = record.results[2].id
    lines = comparison_lines(record.model_copy(update={"baseline_errors": {float16: "store: disk I/O error"}}), 120)
    assert "no baseline: float16 (store: disk I/O error)" in lines
    none = {
        "baselines": (),
        "baseline_errors": dict.fromkeys([result.id for result in record.results], "store: is gone"),
    }
    assert comparison_lines(record.model_copy(update=none), 120) == [
        "no baseline: baseline, int8, float16 (store: is gone)"
    ]


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal(record: RunRecord, width: int) -> None:
    lines = comparison_lines(record, width)
    assert max(map(len, lines)) <= width
    assert any("int8" in line and "unclear" in line for line in lines)


def test_a_run_without_baselines_shows_nothing_unless_it_was_asked_for_them() -> None:
    assert comparison_lines(make_run([make_result()]), 80) == []
    assert comparison_lines(make_run([make_result()], baseline="branch main"), 80) == [
        "No case has an earlier result for the baseline branch main on v100."
    ]


def test_what_the_run_measured_again_counts_more_than_what_is_stored_of_the_same_run(record: RunRecord) -> None:
    again = next(baseline for baseline in record.baselines if baseline.remeasured)
    stored = again.model_copy(update={"name": "main", "remeasured": False, "result": make_result("int8", 0.9, 99.0)})
    (compared,) = comparisons(record, {again.result.key: stored})
    assert compared.baseline == again.model_copy(update={"name": "main"})
    assert compared.time is not None
    assert compared.time.value == pytest.approx(1.04)
    (apart,) = comparisons(record, {again.result.key: stored.model_copy(update={"run_id": "another"})})
    assert apart.baseline.result == stored.result
    assert apart.time is not None
    assert apart.time.value == pytest.approx(3.1 / 99.0)
