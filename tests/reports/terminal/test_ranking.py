from __future__ import annotations

import re

import pytest

from pytest_opml.analysis.op_score import op_score
from pytest_opml.analysis.ranking import Entry, bounds
from pytest_opml.records.device import Device, GpuUse
from pytest_opml.records.result import Estimate, Latency, Result
from pytest_opml.records.run import RunRecord
from pytest_opml.reports.terminal.ranking import device_lines, ranking_lines
from tests.support.builders import (
    make_case,
    make_conditions,
    make_device,
    make_failure,
    make_result,
    make_run,
    make_side_by_side,
)

FIGURES = {
    "baseline": (0.9583, 46.1, 19.3),
    "float16": (0.9566, 105.2, 9.87),
    "int8": (0.9466, 12.44, 5.31),
    "cluster-256": (0.9600, 46.3, 6.82),
}
SLOW = "this device does not compute float16 in hardware"


def results(**case: object) -> list[Result]:
    return [
        make_result(
            case=make_case(technique, **case),
            accuracy=accuracy,
            inference_s=seconds,
            size_mb=megabytes,
            p50=seconds / 10,
            p99=None if technique == "float16" else seconds / 8,
            notes=(SLOW,) if technique == "float16" else (),
            test_samples=599,
        )
        for technique, (accuracy, seconds, megabytes) in FIGURES.items()
    ]


def cells(lines: list[str], name: str) -> list[str]:
    """The words of the row of a case."""
    (found,) = [line for line in lines if line[5:].startswith(f"{name} ")]
    return found.split()


def names(lines: list[str]) -> list[str]:
    """The case column of the only table, top to bottom."""
    (rule,) = [number for number, line in enumerate(lines) if line.startswith("---")]
    return [line[5:].split("  ")[0] for line in lines[rule + 1 :] if re.match(r" [ *][ 0-9]  \S", line)]


NARROW = """\
digits/efficientnet_lite0/top1, 599 test examples, time: inference over 10,000
  examples

  #  case              accuracy    time    size      OpScore    norm
                                      s      MB
---  ------------  ------------  ------  ------  -----------  ------
     best values   0.9600     -    12.4    5.31  0.422     -    0.00
 *1  int8          0.9466 ±.030    12.4    5.31  0.547 ±.276    0.08
 *2  cluster-256   0.9600 ±.030    46.3    6.82  1.101 ±.423    0.42
 *3  (baseline)    0.9583 ±.030    46.1   19.3   1.569 ±.394    0.71
  4  float16 ¹     0.9566 ±.030   105      9.87  1.654 ±.369    0.76
     worst values  0.9466     -   105     19.3   2.035     -    1.00
no result: cluster-64: out of memory: the worker took more than memory_mb = 2000
  allows
¹ this device does not compute float16 in hardware

Lower OpScore is better (0.301: a factor of two); ±: half of the 95 % interval;
  *: on the Pareto front; best values, worst values: no cases, but the best and
  the worst value of each column; 0 and 1 of norm; (name): a reference, measured
  although it was not collected."""

WIDE = """\
  #  case              accuracy    time    size      OpScore    norm        OpScore - reference      F1     AUC    p50     p99    train    prep    cold    peak
                                      s      MB                           = error + time + size                     ms      ms        s       s       s      MB
---  ------------  ------------  ------  ------  -----------  ------  -------------------------  ------  ------  -----  ------  -------  ------  ------  ------
     best values   0.9600     -    12.4    5.31  0.422     -    0.00
 *1  int8          0.9466 ±.030    12.4    5.31  0.547 ±.276    0.08  -1.02 = +0.11 -0.57 -0.56  0.9466  0.9733   1.24    1.55     60.0   0.500   0.500     800
 *2  cluster-256   0.9600 ±.030    46.3    6.82  1.101 ±.423    0.42  -0.47 = -0.02 +0.00 -0.45  0.9600  0.9800   4.63    5.79     60.0   0.500   0.500     800
 *3  (baseline)    0.9583 ±.030    46.1   19.3   1.569 ±.394    0.71                             0.9583  0.9791   4.61    5.76     60.0   0.500   0.500     800
  4  float16 ¹     0.9566 ±.030   105      9.87  1.654 ±.369    0.76  +0.08 = +0.01 +0.36 -0.29  0.9566  0.9783  10.5   n/a        60.0   0.500   0.500     800
     worst values  0.9466     -   105     19.3   2.035     -    1.00"""  # noqa: E501


@pytest.fixture
def run() -> RunRecord:
    failure = make_failure("cluster-64", "out_of_memory", "the worker took more than\n  memory_mb = 2000 allows")
    return make_run(results(), [failure], reference_only=(make_case().id,))


def test_at_80_columns(run: RunRecord) -> None:
    assert "\n".join(ranking_lines(run, 80)) == NARROW


def test_at_160_columns(run: RunRecord) -> None:
    lines = ranking_lines(run, 160)
    assert lines[0] == "digits/efficientnet_lite0/top1, 599 test examples, time: inference over 10,000 examples"
    assert "\n".join(lines[2:11]) == WIDE


@pytest.mark.parametrize("width", range(80, 201, 4))
def test_no_line_exceeds_the_width(width: int) -> None:
    names = ("baseline", "cluster-8192+float16")
    long = [make_result(case=make_case(name, unfreeze=top), notes=(SLOW,)) for name in names for top in (1, 10)]
    run = make_run([*long, *results(size=96)], [make_failure(message="x" * 500)])
    lines = ranking_lines(run, width)
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize("width", [72, 80, 120, 160])
def test_only_a_name_too_long_for_the_width_is_cut_and_keeps_its_technique(width: int) -> None:
    models = ("efficientnet_lite0", "our_company.models.computer_vision:build_residual_network")
    run = make_run([make_result(case=make_case(name, model=model)) for model in models for name in FIGURES])
    lines = ranking_lines(run, width)
    assert max(map(len, lines)) <= width
    assert sum("/cluster-256 " in line for line in lines) == 2
    assert any("…" in line for line in lines) == (width < 120)


def test_names_that_are_cut_stay_distinct() -> None:
    techniques = ("layer-transfer:resnet101", "layer-transfer:resnet101,retrain=no")
    cases = [make_case(name, model="resnet50", unfreeze=top) for name in techniques for top in (1, 10)]
    cases.append(make_case("baseline", model="efficientnet_lite0"))
    lines = ranking_lines(make_run([make_result(case=case) for case in cases]), 72)
    shown = [line.split()[1] for line in lines if "…" in line]
    assert len(shown) == len(cases)
    assert len(set(shown)) == len(cases)
    assert max(map(len, lines)) <= 72


def test_the_best_comes_first_between_the_bounds_of_the_columns(run: RunRecord) -> None:
    table = names(ranking_lines(run, 80))
    ordered = sorted(run.results, key=lambda result: result.op_score.value)
    assert [name.strip("()¹ ") for name in table] == [
        "best values",
        *(result.case.technique for result in ordered),
        "worst values",
    ]


def test_the_bounds_are_those_of_the_ranking(run: RunRecord) -> None:
    entries = [Entry(r.id, r.accuracy.value, r.inference_s.value, r.size_mb, r.op_score.value) for r in run.results]
    lines = ranking_lines(run, 80)
    for name, entry in zip(("best values", "worst values"), bounds(entries, samples=599), strict=True):
        assert cells(lines, name)[6] == f"{entry.score:.3f}"


def test_the_pareto_front_is_marked(run: RunRecord) -> None:
    lines = ranking_lines(run, 80)
    assert [cells(lines, name)[0] for name in ("int8", "float16")] == ["*1", "4"]


@pytest.mark.parametrize("change", [{"size": 96}, {"split": "70-30"}, {"seed": 7}])
def test_scores_are_compared_on_one_test_set_only(change: dict[str, object]) -> None:
    ((name, value),) = change.items()
    lines = ranking_lines(make_run([*results(), *results(**change)]), 80)
    headings = [line for line in lines if line.startswith("digits/")]
    assert len(headings) == 2
    assert headings[1].startswith(f"digits/efficientnet_lite0/top1, {name}={value}, ")
    assert sum(line.startswith("     best values ") for line in lines) == 2
    assert sum(line.startswith(" *1 ") for line in lines) == 2


def test_what_all_cases_share_is_in_the_heading_only() -> None:
    other = "zoo.vision:build"
    cases = [make_case(technique, unfreeze=top, epochs=5) for technique in ("baseline", "int8") for top in (1, "all")]
    lines = ranking_lines(make_run([make_result(case=case) for case in cases]), 80)
    assert lines[0].startswith("digits/efficientnet_lite0, epochs=5, ")
    assert set(names(lines)) == {
        "best values",
        "worst values",
        "top1/baseline",
        "top1/int8",
        "all/baseline",
        "all/int8",
    }

    mixed = [make_case(), make_case(model=other), make_case(model=other, epochs=5)]
    lines = ranking_lines(make_run([make_result(case=case) for case in mixed]), 80)
    assert lines[0].startswith("digits/*/top1, ")
    assert set(names(lines)) == {
        "best values", "worst values", "efficientnet_lite0/baseline", f"{other}/baseline", f"{other}/baseline/epochs=5",
    }  # fmt: skip


def test_a_single_result_has_no_bounds_and_no_normalised_score() -> None:
    lines = ranking_lines(make_run([make_result()]), 160)
    assert names(lines) == ["baseline"]
    assert not re.search("best values|worst values|norm|reference", "\n".join(lines))


def test_equal_results_share_a_place_and_have_no_normalised_score() -> None:
    lines = ranking_lines(make_run([make_result(), make_result("int8")]), 80)
    assert [cells(lines, name)[0] for name in ("baseline", "int8")] == ["*1", "*1"]
    assert "norm" not in lines[2]


def test_the_difference_to_a_reference_that_has_no_result() -> None:
    lines = ranking_lines(make_run([make_result("int8"), make_result("cluster-256")], [make_failure()]), 160)
    assert " no reference " in next(line for line in lines if " int8 " in line)
    assert "no result: baseline: crash: it fell over" in lines


def test_a_failed_reference_that_was_not_collected_is_marked() -> None:
    run = make_run([make_result("int8")], [make_failure()], reference_only=(make_case().id,))
    assert "no result: (baseline): crash: it fell over" in ranking_lines(run, 80)


def test_failures_only() -> None:
    failures = [make_failure("int8", "timeout", "took longer than 5 s"), make_failure(message="")]
    assert ranking_lines(make_run(failures=failures), 80) == [
        "digits/efficientnet_lite0/top1",
        "no result: int8: timeout: took longer than 5 s",
        "no result: baseline: crash:",
    ]


def test_a_run_of_nothing() -> None:
    assert ranking_lines(make_run(), 80) == []


def test_a_note_is_printed_once_and_marked_wherever_it_applies() -> None:
    notes = {"baseline": ("shared",), "int8": ("own", "shared"), "float16": ()}
    run = make_run(
        [make_result(name, notes=given, inference_s=10 + i) for i, (name, given) in enumerate(notes.items())]
    )
    lines = ranking_lines(run, 80)
    assert names(lines)[1:-1] == ["baseline ¹", "int8 ² ¹", "float16"]
    assert lines[lines.index("¹ shared") + 1] == "² own"


def test_another_time_than_inference_is_named_and_ranked_by() -> None:
    def trained(technique: str, seconds: float) -> Result:
        share = Estimate(value=0.9, low=0.87, high=0.93)
        score = op_score(share, seconds, 14.0, samples=500)
        return make_result(technique, training_s=seconds, inference_s=1.0, op_score=score)

    lines = ranking_lines(make_run([trained("baseline", 50.0), trained("int8", 2000.0)]), 80)
    assert " ".join(lines[:2]).endswith(", time: as tool.opml.score   weights it")
    assert [cells(lines, name)[4] for name in ("baseline", "int8")] == ["50.0", "2000"]
    assert [cells(lines, name)[-1] for name in ("best values", "baseline", "int8", "worst values")] == [
        "0.00",
        "0.00",
        "1.00",
        "1.00",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00012, "0.0001"),
        (0.0456, "0.0456"),
        (0.5, "0.500"),
        (7.125, "7.12"),
        (99.96, "100.0"),
        (1234.5, "1234"),
        (2e6, "2000000"),
    ],
)
def test_figures_have_three_digits_and_no_exponent(value: float, text: str) -> None:
    latency = Latency(p50=value, p90=None, p99=None, samples=70)
    line = next(
        line for line in ranking_lines(make_run([make_result(latency_ms=latency)]), 200) if " baseline " in line
    )
    assert line.split()[-6:-4] == [text, "n/a"]


@pytest.mark.parametrize(
    ("device", "line"),
    [
        (make_device("cpu"), "device cpu: Example CPU 3 GHz, 8 threads on 8 cores"),
        (
            make_device("v100"),
            "device v100: Tesla V100, driver 550.54; Example CPU 3 GHz, 8 threads on 8 cores",
        ),
        (
            make_device("v100").model_copy(update={"profile": "cpu", "gpu": None}),
            "device cpu: Example CPU 3 GHz, 8 threads on 8 cores; not used: Tesla V100",
        ),
    ],
)
def test_the_device_is_told(device: Device, line: str) -> None:
    run = make_run(results(), device=device)
    assert device_lines(run, 200) == [line]
    assert all(len(part) <= 40 for part in device_lines(run, 40))


def test_the_ratio_to_the_reference_is_shown_where_there_is_one() -> None:
    candidate = make_result("int8", vs_reference=make_side_by_side(0.342))
    text = ranking_lines(make_run([make_result(), candidate]), 100)
    assert any("/ reference" in line for line in text)
    assert "0.342 ±.003" in next(line for line in text if " int8 " in line)
    assert "0.342" not in next(line for line in text if " baseline " in line)
    assert any("side by side" in line for line in text)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0341, "0.034 ±.000"), (0.342, "0.342 ±.003"), (1.0, "1.00 ±.01"), (12.3, "12.3 ±.1")]
)
def test_a_ratio_has_three_digits(value: float, shown: str) -> None:
    run = make_run([make_result(), make_result("int8", vs_reference=make_side_by_side(value))])
    assert any(shown in line for line in ranking_lines(run, 100))


def test_energy_is_shown_where_the_device_tells_it() -> None:
    use = GpuUse(seconds=2.0, samples=12, energy_j=60.0, energy_source="counter", max_temperature_c=60)
    told = make_result("int8").model_copy(update={"conditions": make_conditions().model_copy(update={"gpu_use": use})})
    assert any("energy" in line for line in ranking_lines(make_run([told, make_result()]), 250))
    assert not any("energy" in line for line in ranking_lines(make_run([make_result()]), 250))
