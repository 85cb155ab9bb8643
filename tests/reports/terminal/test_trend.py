from __future__ import annotations

import random
import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest

from pytest_opml.analysis.trend import FreshShift, Point, find_shifts
from pytest_opml.metrics import METRICS, Metric
from pytest_opml.reports.terminal.styles import Style, parts
from pytest_opml.reports.terminal.trend import fresh_lines, trend_lines, trend_table

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
CASE = "digits/efficientnet_lite0/top1/int8"


def points_of(values: Sequence[float], commits: Sequence[str | None] | None = None, **fields: str) -> list[Point]:
    commits = commits or [f"{number:040x}" for number in range(len(values))]
    about = {"branch": "main", "machine": "One CPU, 2 cores"} | fields
    return [
        Point(f"run-{number}", START + timedelta(days=number), commit, about["branch"], about["machine"], value)
        for number, (value, commit) in enumerate(zip(values, commits, strict=True))
    ]


def stepped() -> list[float]:
    draw = random.Random(1)
    return [(10.0 if number < 40 else 11.0) * (1 + 0.01 * draw.gauss(0, 1)) for number in range(70)]


def lines_of(metric: Metric, points: list[Point], width: int = 80, count: int | None = 3) -> list[str]:
    def between(old: str, new: str) -> list[str] | None:
        return None if count is None else [new] * count

    return trend_lines(CASE, metric, points, find_shifts(points, metric), between, width)


def test_a_step_says_what_it_comes_to_and_which_commits_made_it() -> None:
    lines = lines_of(METRICS["inference_s"], points_of(stepped()))
    assert lines[0] == f"inference_s of {CASE}: 70 runs, 2026-01-01 00:00 to"
    (head,) = [number for number, line in enumerate(lines) if line.startswith("WORSE: 10 s to 11")]
    assert "%) at the run run-40 of 2026-02-10 00:00, by" in lines[head]
    assert lines[head + 2 :] == [
        "  on One CPU, 2 cores",
        f"  commits (3 commits): git log --oneline {'0' * 10}..{'0' * 10}",
    ]


def test_a_text_that_is_no_hash_stands_in_no_command() -> None:
    points = [
        point._replace(commit=f"$(touch {place})") for place, point in enumerate(points_of([4.0] * 5 + [3.8] * 5))
    ]
    assert lines_of(METRICS["size_mb"], points)[-1] == "  its commits are not known"


def test_a_case_is_quoted_for_the_shell() -> None:
    (shift,) = find_shifts(points_of([4.0] * 5 + [3.8] * 5), METRICS["size_mb"])
    fresh = FreshShift("it's; $(touch x)", METRICS["size_mb"], shift, 5)
    command = fresh_lines([fresh], 80)[-1]
    assert shlex.split(command) == ["opml", "trend", "it's; $(touch x)", "--metric", "size_mb"]


def test_what_git_cannot_tell_is_left_out() -> None:
    lines = lines_of(METRICS["size_mb"], points_of([4.0] * 5 + [3.8] * 5), count=None)
    assert lines[-1] == "  commits: git log --oneline 0000000000..0000000000"
    assert lines[-2] == "  exact" or lines[-2].endswith("exact")
    assert any(line.startswith("better: 4 MB to 3.8 MB (-5.0 %)") for line in lines)


@pytest.mark.parametrize(
    ("commit", "text"),
    [
        ("a" * 40, "  the same commit aaaaaaaaaa on both sides: the machine or its surroundings,"),
        (None, "  its commits are not known"),
    ],
)
def test_a_step_that_no_commit_made(commit: str | None, text: str) -> None:
    lines = lines_of(METRICS["size_mb"], points_of([4.0] * 5 + [4.2] * 5, [commit] * 10))
    assert text in lines


def test_without_a_step_the_newest_value_is_told() -> None:
    lines = lines_of(METRICS["accuracy"], points_of([0.95]))
    assert lines[-1] == "no lasting step; the newest value is 0.9500"


def test_several_branches_and_machines_are_said() -> None:
    points = points_of([10.0, 10.1, 10.2]) + points_of([9.0], branch="topic", machine="Another CPU")
    text = " ".join(lines_of(METRICS["inference_s"], points, 160))
    assert "of 2 branches, which --branch tells apart: main, topic" in text
    assert "on 2 machines, each searched by itself: Another CPU; One CPU, 2 cores" in text


@pytest.mark.parametrize(
    "values",
    [[0.7312], [0.0] * 3, [0.122] * 4, [-2.447, -2.507, -2.484], stepped(), [1e9, 3e9], [1e-7, 1.0001e-7], [1, 100]],
)
@pytest.mark.parametrize("name", ["op_score", "throughput"])
def test_a_label_of_the_chart_stands_where_its_value_would(name: str, values: list[float]) -> None:
    """Between the rows of the labels, the values are as far apart as the labels say."""
    lines = lines_of(METRICS[name], points_of(values))
    rows = [line for line in lines if line.startswith("│")]
    labels = {number: float(end.split()[0]) for number, row in enumerate(rows) if (end := row.rpartition("│")[2])}
    assert len(labels) >= 2
    (upper, high), (lower, low) = min(labels.items()), max(labels.items())
    a_row = (high - low) / (lower - upper)
    marked = [number for number, row in enumerate(rows) if set(row.partition("│")[2].rpartition("│")[0]) - set(" │")]
    for number, value in ((marked[0], max(values)), (marked[-1], min(values))):
        assert value == pytest.approx(high - (number - upper) * a_row, abs=1.3 * a_row)


@pytest.mark.parametrize(("count", "words"), [(1, "1 run, 2026-01-01 00:00 (UTC)"), (2, "2 runs, 2026-01-01 00:00 to")])
def test_one_run_is_a_history_too(count: int, words: str) -> None:
    lines = lines_of(METRICS["accuracy"], points_of([0.95] * count), 160)
    assert words in lines[0]
    assert lines[-3].split() == [str(number + 1) for number in range(count)]


@pytest.mark.parametrize("width", [40, 80, 160])
@pytest.mark.parametrize("name", ["inference_s", "op_score", "size_mb"])
def test_no_line_is_wider_than_the_terminal(width: int, name: str) -> None:
    values = stepped() if name != "size_mb" else [4.0] * 35 + [4.2] * 35
    lines = lines_of(METRICS[name], points_of(values), width)
    assert max(len(line) for line in lines if "git log" not in line) <= width


def test_a_score_that_may_be_zero_has_no_percentage() -> None:
    points = points_of([value - 10.5 for value in stepped()])
    text = "\n".join(lines_of(METRICS["op_score"], points))
    assert "WORSE: -0.4" in text
    assert "%) at" not in text


def test_it_is_plain_data_for_json() -> None:
    points = points_of([4.0] * 5 + [4.2] * 5)
    shifts = find_shifts(points, METRICS["size_mb"])
    found = trend_table(CASE, METRICS["size_mb"], points, shifts, lambda old, new: [new])
    assert (found["case"], found["metric"], len(found["points"])) == (CASE, "size_mb", 10)
    assert found["steps"] == [
        {
            "run": "run-5",
            "before": 4.0,
            "after": 4.2,
            "change": pytest.approx(0.05),
            "error": 0.0,
            "worse": True,
            "machine": "",
            "last_commit_before": f"{4:040x}",
            "first_commit_after": f"{5:040x}",
            "commits": [f"{5:040x}"],
        }
    ]


@pytest.mark.parametrize(("factor", "word", "style"), [(1.1, "WORSE:", Style.BAD), (0.9, "better:", Style.GOOD)])
def test_the_word_of_a_step_has_its_colour(factor: float, word: str, style: Style) -> None:
    points = points_of([4.0] * 5 + [4.0 * factor] * 5)
    (shift,) = find_shifts(points, METRICS["size_mb"])
    fresh = fresh_lines([FreshShift("better: case", METRICS["size_mb"], shift, 5)], 80)
    for lines in (fresh, lines_of(METRICS["size_mb"], points)):
        assert [part for line in lines for part in parts(line) if part[1]] == [(word, style)]
