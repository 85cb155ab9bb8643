from __future__ import annotations

from typing import Any

from pytest_opml.reports.site.run_document import NO_RESULT, PASS, SITE_METRICS
from pytest_opml.reports.site.series import entry_of, in_order, steps_of, view_of, views_of

BRANCHES = [0, 0, 1, 0, 2, 3, 4, 5]


def row(run: int, score: float | None = 1.0, machine: int = 0, **figures: float) -> list[Any]:
    values: dict[str, float | None] = {"op_score": score, "quality": 0.9, "inference_s": 10.0, "size_mb": 14.0}
    values |= figures
    last = max(SITE_METRICS.index(name) for name in values)
    return [run, machine, PASS, *(values.get(name) for name in SITE_METRICS[: last + 1])]


def test_a_view_has_the_newest_row_and_the_change_to_the_one_before() -> None:
    view = view_of([row(0, 1.0), row(1, 1.5), row(2, 1.25)])
    assert view.plain() == [[2, 0, PASS, 1.25, 0.9, 10.0, 14.0], -0.25, [1.0, 1.5, 1.25], 0]


def test_a_change_is_between_results_of_one_machine() -> None:
    assert view_of([row(0, 1.0), row(1, 3.0, machine=1), row(2, 1.5)]).change == 0.5
    assert view_of([row(0, 1.0), row(1, 3.0, machine=1)]).change is None


def test_a_case_without_a_result_has_no_change() -> None:
    view = view_of([row(0, 1.0), [1, 0, NO_RESULT]])
    assert view.plain() == [[1, 0, NO_RESULT, None, None, None, None], None, [1.0], 0]


def test_a_benchmark_is_shown_by_the_time_of_a_call() -> None:
    bare = {"quality": None, "inference_s": None, "size_mb": None}
    rows = [row(number, None, call_s=0.1 * (number + 1), **bare) for number in range(2)]  # type: ignore[arg-type]
    call = SITE_METRICS.index("call_s")
    assert view_of(rows).plain() == [[1, 0, PASS, None, None, None, None, 0.2], 0.1, [0.1, 0.2], call]


def test_a_case_that_has_no_score_is_shown_by_its_time_or_else_its_quality() -> None:
    view = view_of([row(0, None), row(1, None, inference_s=12.0)])
    assert view == ([1, 0, PASS, None, 0.9, 12.0, 14.0], 2.0, [10.0, 12.0], SITE_METRICS.index("inference_s"))
    bare = {"inference_s": None, "size_mb": None}
    view = view_of([row(0, None, **bare)])  # type: ignore[arg-type]
    assert (view.spark, view.metric) == ([0.9], SITE_METRICS.index("quality"))


def test_a_case_whose_newest_run_has_no_result_is_still_shown_by_its_scores() -> None:
    view = view_of([row(0, 1.0), row(1, 2.0), [2, 0, NO_RESULT]])
    assert (view.change, view.spark, view.metric) == (None, [1.0, 2.0], 0)


def test_a_spark_has_the_last_thirty_values() -> None:
    assert view_of([row(number, float(number)) for number in range(50)]).spark == [float(one) for one in range(20, 50)]


def test_views_are_of_the_main_branch_and_of_those_with_the_newest_results() -> None:
    rows = [row(number) for number in range(8)]
    views = views_of(rows, BRANCHES.__getitem__, 0)
    assert [view[0] for view in views] == [0, 5, 4, 3, 2]
    assert [view[1][0] for view in views] == [3, 7, 6, 5, 4]
    assert [view[0] for view in views_of(rows, BRANCHES.__getitem__, None)] == [5, 4, 3, 2]


def test_rows_are_put_into_the_order_of_their_runs() -> None:
    assert [one[0] for one in in_order([row(0), row(1), row(2)], [2, 0, 1].__getitem__)] == [1, 2, 0]


def test_steps_are_searched_on_the_main_branch_where_the_case_has_results_there() -> None:
    rows = [row(number, size_mb=14.0 if number < 10 else 15.0) for number in range(20)]
    ((at, before, after, old, new, machine),) = steps_of(rows, lambda _: 0, 0)["size_mb"]
    assert (at, before, after, old, new, machine) == (10, 9, 10, 14.0, 15.0, None)
    assert "size_mb" not in steps_of(rows, lambda run: int(run >= 10), 0)
    assert "size_mb" in steps_of(rows, lambda _: 1, 0)


def test_the_entry_has_the_last_step_of_the_score() -> None:
    noise = [0.01, -0.01, 0.005, -0.004, 0.002]
    rows = [row(number, (1.0 if number < 20 else 2.0) + noise[number % 5]) for number in range(40)]
    steps = steps_of(rows, lambda _: 0, 0)
    entry = entry_of(rows, lambda _: 0, 0, steps)
    assert entry[5] is not None
    assert entry[5][0] == steps["op_score"][-1][0] == 20
    assert 0.9 < entry[5][1] < 1.1
    assert entry_of(rows[:3], lambda _: 0, 0, {})[5] is None
