"""Damaged model files and data sets are opened rightly, or refused in one line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pytest_opml.runner.launchers.base import ProcessLimits
from pytest_opml.runner.launchers.process import ProcessLauncher
from tests.attack import files


@pytest.mark.tensorflow
def test_a_damaged_file_is_opened_or_refused_in_one_line(tmp_path: Path) -> None:
    launcher = ProcessLauncher(None)
    data, models = files.write_data(tmp_path), launcher.run(files.write_models, (tmp_path,), ProcessLimits(300, None))
    jobs = [files.Job(models[seed % len(models)], seed, data[0]) for seed in range(30)]
    jobs += [files.Job(data[seed % len(data)], seed) for seed in range(30)]
    outcomes = files.outcomes(jobs, launcher, tmp_path)
    assert [outcome for outcome in outcomes if outcome.kind not in (files.OPENED, files.REFUSED)] == []
    counts = Counter(outcome.kind for outcome in outcomes)
    assert sum(counts.values()) == 60
    assert min(counts[files.OPENED], counts[files.REFUSED]) > 5  # neither all nor nothing is damaged beyond use
