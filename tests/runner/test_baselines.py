"""What cases are compared with, and when a release is measured again."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from pytest_opml.errors import SettingsError, StorageError
from pytest_opml.gate.budgets import parse_budgets
from pytest_opml.history.base import Release
from pytest_opml.history.store import open_store
from pytest_opml.integrations.mlflow_models import FetchedModel
from pytest_opml.records.result import ModelSource, Result
from pytest_opml.records.run import RunRecord
from pytest_opml.runner.baselines import Baselines
from pytest_opml.runner.launchers.base import WorkerFailed
from pytest_opml.runner.model_addresses import ModelAddresses
from pytest_opml.settings import build_settings
from pytest_opml.storage.digests import digest_path
from tests.support.builders import make_result, make_run

REGRESSION = parse_budgets({"size_mb": {"max_regression": "1%"}}, "test")


def opened(root: Path, **table: Any) -> Baselines:
    return Baselines(build_settings({"store": "sqlite:///history.db"} | table, {}, root), root, None)


@pytest.fixture
def released(tmp_path: Path) -> RunRecord:
    """A run in the history whose artifact was kept."""
    file = tmp_path / "model.keras"
    file.write_bytes(b"weights")
    result = make_result()
    about = {"file": file.name, "entry": "artifact-1", "sha256": digest_path(file)}
    run = make_run([result.model_copy(update={"artifact": result.artifact.model_copy(update=about)})])
    place = tmp_path / ".opml" / "releases" / about["sha256"]
    place.mkdir(parents=True)
    file.rename(place / file.name)
    with open_store(f"sqlite:///{tmp_path}/history.db") as history:
        history.append(run)
        history.promote(Release(run.run_id, datetime.now(timezone.utc), "v1"))
    return run


def never(stored: Result) -> Result:
    raise AssertionError("there is nothing to measure again")


def test_nothing_is_looked_up_that_nothing_asks_for(tmp_path: Path, released: RunRecord) -> None:
    baselines = opened(tmp_path)
    case, profile = released.results[0].case.id, released.device.profile
    assert baselines.wanted is None
    assert not baselines.is_needed(parse_budgets({"size_mb": {"max": 10.0}}, "test"))
    assert baselines.compare_with(case, profile, (), never) is None
    by_budget = baselines.compare_with(case, profile, REGRESSION, never)
    assert by_budget is not None
    assert (by_budget.run_id, by_budget.remeasured) == (released.run_id, False)
    assert opened(tmp_path, baseline="last").compare_with(case, profile, (), never) is not None
    assert opened(tmp_path, baseline="last").compare_with("other", profile, (), never) is None


def test_a_release_is_measured_again(tmp_path: Path, released: RunRecord) -> None:
    (stored,) = released.results
    anew = stored.model_copy(update={"passes_s": (9.0,) * 10})
    given: list[Result] = []

    def measure(result: Result) -> Result:
        given.append(result)
        return anew

    baseline = opened(tmp_path, baseline="release").compare_with(stored.case.id, "v100", (), measure)
    assert baseline is not None
    assert given == [stored]
    assert (baseline.result, baseline.remeasured, baseline.remeasure_error) == (anew, True, "")


def test_a_release_that_cannot_be_measured_again_stays_as_it_was_stored(tmp_path: Path, released: RunRecord) -> None:
    def fail(stored: Result) -> Result:
        raise WorkerFailed("crash", "it fell \udcff over", "")

    (stored,) = released.results
    errors = []
    for damaged in (False, True):
        if damaged:
            (path,) = (tmp_path / ".opml" / "releases").glob("*/model.keras")
            path.write_bytes(b"damaged")
        measure = never if damaged else fail
        baseline = opened(tmp_path, baseline="release").compare_with(stored.case.id, "v100", (), measure)
        assert baseline is not None
        assert (baseline.result, baseline.remeasured) == (stored, False)
        errors.append(baseline.remeasure_error)
    folder = tmp_path / ".opml" / "releases"
    assert errors == [
        "its artifact could not be measured again: it fell \\udcff over",
        f"its artifact is not in {folder}",
    ]


def test_a_history_that_fails_later_is_an_error_of_the_case(tmp_path: Path, released: RunRecord) -> None:
    baselines = opened(tmp_path, baseline="last")
    (tmp_path / "history.db").write_bytes(b"no database " * 1_000)
    for _ in range(2):
        assert baselines.look_up("a/b/top1/baseline", "v100") is None
    assert baselines.errors == {"a/b/top1/baseline": f"store sqlite:///{tmp_path}/history.db: file is not a database"}


def test_what_cannot_be_compared_with_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"^nowhere\.json: cannot be read"):
        opened(tmp_path, baseline="nowhere.json")
    with pytest.raises(SettingsError, match=r"^baseline 'main': no history"):
        opened(tmp_path, store="none", baseline="main")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match=r"file/history\.db"):
        opened(tmp_path, store="sqlite:///file/history.db")


def test_a_model_of_a_registry_is_measured_with_each_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ModelSource(address="models:/prod@champion", name="prod", alias="champion", version=3, run_id="0123")
    model = FetchedModel(source, tmp_path / "model.onnx")
    monkeypatch.setattr(ModelAddresses, "resolve", lambda *_: model)
    baselines = opened(tmp_path, baseline=source.address)
    result, given = make_result(), []

    def measure(earlier: Result | FetchedModel) -> Result:
        given.append(earlier)
        return result

    baseline = baselines.compare_with(result.case.id, "v100", (), measure)
    assert given == [model]
    assert baseline is not None
    assert (baseline.name, baseline.remeasured, baseline.run_id) == (source.address, True, "0123")
    assert baseline.result.artifact.source == source
    assert baseline.described.startswith("models:/prod@champion, version 3 of ")
    assert baselines.wanted == source.address
    assert baselines.look_up(result.case.id, "v100") is None

    def fail(earlier: Result | FetchedModel) -> Result:
        raise WorkerFailed("usage", f"{model.path}: takes other images", "")

    assert baselines.compare_with(result.case.id, "v100", (), fail) is None
    (error,) = baselines.errors.values()
    assert error == "models:/prod@champion, version 3: could not be measured: models:/prod@champion: takes other images"
    assert baselines.search(result.case.id).error == error
