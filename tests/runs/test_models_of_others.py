"""Models of other people, as their packages carry them: measured here, they answer what the packages' own code does."""

from __future__ import annotations

import pytest

from pytest_opml.history.record_files import read_record
from tests.support.processes import ROOT
from tests.support.projects import Bench, output

STUDIES = ROOT / "bench" / "studies" / "models_of_others"


@pytest.mark.parametrize(
    ("study", "examples"),
    [
        ("bench_tables.py", {"boosting": 200, "neighbours": 200, "iris-in-threes": 200}),
        ("bench_mediapipe.py", {"iris": 120, "face-flag": 120}),
    ],
    ids=["tables", "mediapipe"],
)
def test_it_answers_what_its_package_answers(bench: Bench, study: str, examples: dict[str, int]) -> None:
    result = bench.run("--opml-store=none", "--opml-json=record.json", where=str(STUDIES / study))
    assert result.parseoutcomes() == {"passed": len(examples)}, output(result)
    results = read_record(bench.pytester.path / "record.json").results
    assert {one.case.id: one.test_samples for one in results} == examples
    assert all(one.quality.value > 0.9999 for one in results)


@pytest.mark.parametrize("study", sorted(STUDIES.glob("bench_*.py")), ids=lambda study: study.stem)
def test_a_study_says_what_it_needs_or_can_be_collected(bench: Bench, study: str) -> None:
    result = bench.run("--collect-only", "-q", "-rs", where=str(study))
    if result.ret != pytest.ExitCode.OK:
        assert "pip install" in output(result)
