"""Damaged model files and data sets are opened rightly, or refused in one line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pytest_opml.runner.launchers.base import ProcessLimits
from pytest_opml.runner.launchers.process import ProcessLauncher
from tests.support import fuzz


@pytest.mark.tensorflow
def test_a_damaged_file_is_opened_or_refused_in_one_line(tmp_path: Path) -> None:
    launcher = ProcessLauncher(None)
    data, models = fuzz.write_data(tmp_path), launcher.run(fuzz.write_models, (tmp_path,), ProcessLimits(300, None))
    jobs = [fuzz.Job(models[seed % len(models)], seed, data[0]) for seed in range(30)]
    jobs += [fuzz.Job(data[seed % len(data)], seed) for seed in range(30)]
    outcomes = fuzz.outcomes(jobs, launcher, tmp_path)
    assert [outcome for outcome in outcomes if outcome.kind not in ("opened", "refused")] == []
    counts = Counter(outcome.kind for outcome in outcomes)
    assert sum(counts.values()) == 60
    assert min(counts["opened"], counts["refused"]) > 5  # neither all nor nothing is damaged beyond use
