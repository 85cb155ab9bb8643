"""Runs for the tests of the page."""

from __future__ import annotations

from typing import Any

from pytest_opml.gate.budgets import Gate, parse_gate
from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.records.run import Baseline, Check, CiRun, Commit, Failure, RunRecord
from pytest_opml.reports.page.build import page_of
from pytest_opml.reports.page.model import Page
from tests.support.builders import (
    make_case,
    make_device,
    make_failure,
    make_ratio,
    make_result,
    make_run,
    make_side_by_side,
)

SLOW = "this device has no float16 arithmetic: half precision saves space here, not time"
# Of the README: accuracy, seconds, megabytes, time beside the reference.
FIGURES: dict[tuple[str, int], tuple[float, float, float, float | None]] = {
    ("baseline", 1): (0.9366, 3.18, 14.2, None),
    ("float16", 1): (0.9366, 11.0, 7.13, 3.32),
    ("int8", 1): (0.9182, 0.905, 3.98, 0.285),
    ("cluster-256", 1): (0.9299, 3.25, 4.71, 1.02),
    ("baseline", 10): (0.9616, 3.36, 14.2, None),
    ("float16", 10): (0.9616, 10.3, 7.13, 3.24),
    ("int8", 10): (0.9533, 0.914, 3.98, 0.268),
    ("cluster-256", 10): (0.9583, 3.66, 4.72, 0.995),
}
BUDGETS: dict[str, Any] = {
    "accuracy": {"min": 0.88, "max_drop": 0.05},
    "size_mb": {"max": 15},
    "latency_ms": {"p99": {"max": 60}},
}
BROKEN: dict[str, Any] = BUDGETS | {"size_mb": {"max": 5}, "energy_j": {"max": 3}}


def gate_of(table: dict[str, Any]) -> Gate:
    return parse_gate(table, "tool.opml.gate", ("cpu", "v100"))


def make_eight(table: dict[str, Any] = BUDGETS, **fields: Any) -> RunRecord:
    """The run of the README, held to budgets, with tests that repeat its cases."""
    results = [
        make_result(
            case=make_case(technique, unfreeze=top),
            accuracy=accuracy,
            inference_s=seconds,
            size_mb=megabytes,
            test_samples=599,
            notes=(SLOW,) if technique == "float16" else (),
            vs_reference=beside and make_side_by_side().model_copy(update={"offline": make_ratio(beside)}),
        )
        for (technique, top), (accuracy, seconds, megabytes, beside) in FIGURES.items()
    ]
    collected = {result.case.id: f"bench/bench_digits.py::bench_digits[{result.case.id}]" for result in results}
    record = make_run(results, **{"profile": "cpu", "collected": collected} | fields)
    return record.model_copy(update={"checks": judge_run(record, gate_of(table))})


def make_baselines(record: RunRecord, faster: float = 1.1, **fields: Any) -> tuple[Baseline, ...]:
    """Earlier results of all cases but the last one, that took longer or shorter."""
    return tuple(
        Baseline(
            **{
                "name": "release",
                "run_id": "abcdef0123456789",
                "started": record.started,
                "commit": record.commit,
                "device": record.device,
                "result": make_result(
                    case=result.case,
                    device=record.device,
                    accuracy=result.accuracy.value,
                    inference_s=result.inference_s.value * faster,
                    size_mb=result.size_mb * 1.5,
                    test_samples=result.test_samples,
                ),
            }
            | fields
        )
        for result in record.results[:-1]
    )


def make_page(table: dict[str, Any] = BUDGETS, **fields: Any) -> Page:
    """The run of the README as a page, with the baselines that it has."""
    return page_of(make_eight(table, **fields), gate_of(table))


def make_full_page(**fields: Any) -> Page:
    """With all that a page can hold."""
    baselines = make_baselines(make_eight())
    return make_page(BROKEN, failures=[make_failure("prune-0.5")], baselines=baselines, baseline="release", **fields)


HOSTILE = (
    "a | b",
    "`code` ``` ~~~",
    "<script>alert(1)</script>",
    "</details></table></svg><img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) ![x](y)",
    "# no heading",
    "- no item\n\n1. none\n\n| a | b |\n|---|---|",
    "1. no item",
    "*bold* _italic_ __x__ ~gone~ $a^2$",
    "\\| \\` \\",
    "\"quoted\" 'too' &lt;b&gt; & &amp;",
    "@somebody #12 @org/team",
    "\x1b[31mred\x00 \u202eesrever",
    "{{ 7 * 7 }} {% raw %}",
    "--- --> -->",
)


def make_hostile(text: str) -> RunRecord:
    """A run with a text wherever a record can hold one."""
    line = "".join(char for char in text if char.isprintable() and char not in "{},/").strip()
    cases = [make_case(technique, dataset=f"data/{line}") for technique in ("baseline", "int8")]
    results = [make_result(case=case, accuracy=0.5 + 0.1 * number) for number, case in enumerate(cases)]
    results = [result.model_copy(update={"notes": (text,)}) for result in results]
    check = Check(
        case_id=cases[1].id,
        metric=text,
        rule="max",
        limit=1.0,
        budget=text,
        source=text,
        value=2.0,
        low=1.5,
        high=2.5,
        confidence=0.99,
        verdict="fail",
        blocking=True,
        reason=text,
    )
    not_judged = check.model_copy(update={"verdict": "not_judged"})
    passed = check.model_copy(update={"verdict": "pass"})
    device = make_device().model_copy(update={"cpu": text})
    job = CiRun(service=text, url=f'https://ci.example/"{text}', pull_request=text, target=text)
    commit = Commit(commit="5" * 40, branch=text, dirty=True, ci=job).model_copy(update={"commit": text})
    failure = Failure(case=make_case("float16", dataset=f"data/{line}"), device=device, kind="error", message=text)
    record = make_run(results, [failure], [check, not_judged, passed], device=device, commit=commit)
    baselines = make_baselines(record, run_id=text, remeasure_error=text)
    told = {"versions": {text: text}, "collected": {cases[1].id: text}, "baselines": baselines, "baseline": text}
    return record.model_copy(update=told)
