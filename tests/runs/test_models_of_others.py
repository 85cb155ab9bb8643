"""Models of other people, as their packages carry them: opened here, they answer what the packages' own code does."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pytest_opml import Case, registry
from pytest_opml.measure.quality import assess
from pytest_opml.runner.case_data import load_data
from pytest_opml.runner.file_facts import FileFacts
from pytest_opml.runtimes.loader import open_artifact
from tests.support.processes import ROOT
from tests.support.projects import Bench, output

STUDIES = ROOT / "bench" / "studies" / "models_of_others"


@pytest.fixture
def study(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(STUDIES))
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))  # which it adds its data to
    try:
        return import_module(request.param)
    finally:
        for name in ("samples", request.param):
            sys.modules.pop(name, None)


@pytest.mark.parametrize(
    "study", ["bench_tables", pytest.param("bench_mediapipe", marks=pytest.mark.tensorflow)], indirect=True
)
def test_it_answers_what_its_package_answers(study: ModuleType) -> None:
    for case in study.CASES:
        examples, agreement = _agreement(case)
        assert examples >= 100, case.id
        assert agreement > 0.9999, case.id


def _agreement(case: Case) -> tuple[int, float]:
    """The number of examples, and the quality of the model's answers where those of its package are right."""
    data = load_data(case, None)
    runtime = open_artifact(Path(case.model), output=case.output)
    answers = np.concatenate([runtime.predict(batch) for batch in data.x_test.batches(32)])
    outputs = FileFacts(case).output_classes(data.classes)
    measured = assess(answers, data.y_test, data.task, data.classes, outputs, case.quality, data.columns)
    return len(data.y_test), measured.quality.value


@pytest.mark.parametrize("study", sorted(STUDIES.glob("bench_*.py")), ids=lambda study: study.stem)
def test_a_study_can_be_collected_or_says_what_it_needs(bench: Bench, study: Path) -> None:
    result = bench.run("--collect-only", "-q", "-rs", where=str(study))
    assert result.ret == pytest.ExitCode.OK or "pip install" in output(result)
